"""The goals this project set itself, each held against what was measured."""

from dataclasses import dataclass

from .figures import Figures
from .scenarios import OTHERS_MAX


@dataclass(frozen=True)
class Goal:
    text: str
    bound: str
    # As the page writes it; "not measured" where a part is missing.
    value: str
    reached: bool | None


def at_most(text: str, value: float | None, bound: float, decimals=2, unit="") -> Goal:
    return judged(text, value, bound, "≤", decimals, unit)


def judged(text, value, bound, sign, decimals, unit) -> Goal:
    written = f"{bound:,.{decimals}f}{unit}"
    if value is None:
        return Goal(text, f"{sign} {written}", "not measured", None)
    reached = {"≤": value <= bound, "<": value < bound, "≥": value >= bound}[sign]
    return Goal(text, f"{sign} {written}", f"{value:,.{decimals}f}{unit}", reached)


def goals(figures: Figures) -> list[Goal]:
    return [*fanout(figures), *batched(figures), *echo(figures), *quiet(figures),
            *memory(figures), *shards(figures)]


def fanout(figures: Figures) -> list[Goal]:
    name, text = "fanout-1000x1", "Fan-out to 1,000, one in flight: CPU a delivery"
    return [
        at_most(f"{text}, against the floor", figures.ratio(name, "shardwire", "floor"), 1.10),
        at_most(f"{text}, against uWebSockets.js publishing ready bytes",
                figures.ratio(name, "shardwire", "uws"), 1.00),
        at_most(f"{text}, against Sockudo", figures.ratio(name, "shardwire", "sockudo"), 0.55),
        at_most(f"{text}, against Socket.IO", figures.ratio(name, "shardwire", "socketio"), 0.55),
    ]


def batched(figures: Figures) -> list[Goal]:
    name, text = "fanout-1000x16", "Fan-out to 1,000, 16 in flight"
    to_json = figures.ratio(name, "shardwire", "uws-json")
    per_s = figures.median(name, "shardwire", ("deliveries_per_s",))
    millions = None if per_s is None else per_s / 1e6
    return [
        at_most(f"{text}: CPU a delivery, against the floor",
                figures.ratio(name, "shardwire", "floor"), 1.15),
        judged(f"{text}: the same, against uWebSockets.js with a JSON step", to_json, 1.00, "<",
               2, ""),
        at_most(f"{text}: the same, against Sockudo",
                figures.ratio(name, "shardwire", "sockudo"), 1 / 15, 3),
        at_most(f"{text}: the same, against Socket.IO",
                figures.ratio(name, "shardwire", "socketio"), 1 / 15, 3),
        judged(f"{text}: deliveries on one core", millions, 4.5, "≥", 2, " M/s"),
    ]


def echo(figures: Figures) -> list[Goal]:
    wide, deep = "echo-1000x1", "echo-100x16"
    return [
        at_most("Echo through the pipeline, 1,000 connections, one in flight: CPU a message, "
                "against the floor's bare echo", figures.ratio(wide, "shardwire", "floor"), 1.20),
        at_most("The same, against uWebSockets.js's bare echo",
                figures.ratio(wide, "shardwire", "uws"), 0.85),
        at_most("Echo, 100 connections, 16 in flight: against uWebSockets.js's bare echo",
                figures.ratio(deep, "shardwire", "uws"), 0.75),
    ]


def quiet(figures: Figures) -> list[Goal]:
    return [
        at_most("Low load, 2,000 messages/s: CPU a message, against an epoll server with the same "
                "work", figures.ratio("echo-quiet", "shardwire", "floor-epoll-step"), 1.10),
        at_most("200 messages/s to 1,000 members on schedule: p99, against uWebSockets.js",
                figures.ratio("fanout-open", "shardwire", "uws"), 1.00),
    ]


def memory(figures: Figures) -> list[Goal]:
    # The longest of all rounds: the goal is that there is none above it.
    others = figures.spread("join-storm", "shardwire", OTHERS_MAX.path)
    milliseconds = None if others is None else others.max / 1e3
    return [
        at_most("Idle connection: RSS", figures.median("idle", "shardwire"), 1000, 0, " B"),
        at_most("10,000 members join at once: longest latency of the others", milliseconds, 50, 1,
                " ms"),
    ]


def shards(figures: Figures) -> list[Goal]:
    text = "Two shards: CPU a delivery against one shard"
    found = [
        at_most(f"{text}, {in_flight} in flight",
                figures.ratio(f"shards-1000x{in_flight}", "shardwire-2", "shardwire"), 1.15)
        for in_flight in (1, 16)
    ]
    for what, off in (("connections", figures.unevenness("shardwire-2", "connections_per_shard")),
                      ("CPU time", figures.unevenness_of_scenarios("shardwire-2", "shard_cpu_ns"))):
        percent = None if off is None else off * 100
        found.append(at_most(f"Two shards: {what}, furthest from even", percent, 10, 1, " %"))
    return found
