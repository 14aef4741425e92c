"""Writes docs/benchmarks.md from results. Every figure in it is computed here, none is quoted."""

import textwrap

from .figures import Figures, Spread
from .goals import Goal, goals
from .peers import BY_NAME as PEERS
from .scenarios import BY_NAME, DURATION, SIZE_BYTES, WARMUP, Scenario

QUIET = BY_NAME["echo-quiet"].duration
WIDTH = 100


def page(results: dict) -> str:
    figures = Figures(results["records"])
    parts = [heading(results), how(results), reached(goals(figures))]
    parts += [scenario_part(scenario, figures) for scenario in measured(results)]
    parts += [peers_part(results), left_out(results), commands(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def measured(results: dict) -> list[Scenario]:
    ran = {record["scenario"] for record in results["records"]}
    return [scenario for name, scenario in BY_NAME.items() if name in ran]


def wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def table(head: list[str], rows: list[list[str]]) -> str:
    line = lambda cells: "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])


def heading(results: dict) -> str:
    machine, commit = results["machine"], results["commit"]
    state = " with changes that were not committed" if commit["changed"] else ""
    intro = (
        f"Measured {results['date']} at commit {commit['id']}{state}, in {results['rounds']} "
        f"interleaved round(s) that took {results['minutes']:.1f} minutes (installing and building "
        f"before that: {results['build_minutes']:.1f} minutes)."
    )
    where = (
        f"Machine: {machine['cpu']}, {machine['cpus']} CPUs, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']} "
        f"({machine['arch']}); "
        f"load average before the run {machine['load_before']}. "
        + "; ".join(f"{name}: {text}" for name, text in results["tools"].items())
        + "."
    )
    part = (
        "This is not the whole comparison: rounds, peers or scenarios were left out by options."
    )
    title = "# Benchmarks\n\n<!-- Generated; `scripts/compare` rewrites it. -->"
    partial = [] if results["is_whole"] else [part]
    return "\n\n".join([title, *partial, wrap(intro), wrap(where)])


def how(results: dict) -> str:
    places = results["places"]
    servers = ", ".join(map(str, places["server"]))
    text = (
        f"Every run is a fresh server on CPU {servers} and one generator thread on CPU "
        f"{places['generator']}, over loopback, for {DURATION} ({QUIET} at low load) after {WARMUP} "
        "of warm-up. Messages "
        f"are JSON of {SIZE_BYTES} bytes as members receive them (where a protocol wraps them, "
        "with the wrapping; Centrifugo without). TCP_NODELAY is on and compression off everywhere. "
        "Figures are medians of the runs with the lowest and the highest; server CPU is what the "
        "scheduler charged to all threads and children of the server in the measured time. In "
        "every round all peers of a scenario follow each other, in an order that turns."
    )
    client = (
        "Over loopback a part of the clients' work happens inside of the server's send and is "
        "charged to it. The generator acknowledges what it reads itself; for clients that have sent "
        "messages before, the kernel would delay that and do it inside of the next send. It sleeps "
        "where it has nothing to do, as clients do, and whoever sends wakes it: that is in every "
        "server's figures (`shardwire bench --spin` is without it). With two shards and two CPUs "
        "the generator is on one shard's CPU in one round and on the other's in the next."
    )
    few = (
        "Peers that no goal is about are measured in fewer rounds, and the slower ones not in "
        "every scenario. Where runs scatter most (16 in flight, low load, the p99 on schedule) "
        "those that a goal holds against each other run several times a round, in turns. The "
        "tables say how often each was measured."
    )
    return "\n\n".join([wrap(text), wrap(client), wrap(few)])


def reached(found: list[Goal]) -> str:
    words = {True: "reached", False: "not reached", None: "not measured"}
    rows = [[goal.text, goal.bound, goal.value, words[goal.reached]] for goal in found]
    count = sum(goal.reached is True for goal in found)
    told = wrap(
        f"{count} of {len(found)} are reached in this run. Where two servers are compared the "
        "figure is Shardwire's median divided by the other's."
    )
    return f"## Goals\n\n{told}\n\n" + table(["goal", "bound", "measured", ""], rows)


def scenario_part(scenario: Scenario, figures: Figures) -> str:
    head = ["peer", scenario.figure.title, "min to max", "× floor", "× Shardwire", "runs"]
    has_rates = scenario.arguments[0] in ("echo", "fanout") and "--rate" not in scenario.arguments
    has_latency = scenario.arguments[0] in ("echo", "fanout")
    head += ["deliveries/s"] * has_rates + ["p50, µs", "p99, µs"] * has_latency + ["remarks"]
    names = sorted(figures.peers_of(scenario.name), key=lambda name: rank(figures, scenario, name))
    rows = []
    for name in names:
        row = judged_cells(figures, scenario, name)
        if has_rates:
            row.append(plain(figures.median(scenario.name, name, ("deliveries_per_s",))))
        if has_latency:
            row += [plain(figures.median(scenario.name, name, ("latency_us", key)))
                    for key in ("p50", "p99")]
        rows.append([*row, "; ".join(figures.remarks(scenario.name, name))])
    return f"## {scenario.title}\n\n" + table(head, rows)


def rank(figures: Figures, scenario: Scenario, name: str) -> float:
    value = figures.median(scenario.name, name)
    return float("inf") if value is None else value


def judged_cells(figures: Figures, scenario: Scenario, name: str) -> list[str]:
    spread = figures.spread(scenario.name, name)
    ratios = [figures.ratio(scenario.name, name, to) for to in ("floor", "shardwire")]
    return [
        PEERS[name].title,
        "failed" if spread is None else f"{spread.median:,.{scenario.figure.decimals}f}",
        "" if spread is None else between(spread, scenario.figure.decimals),
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        "0" if spread is None else str(spread.count),
    ]


def between(spread: Spread, decimals: int) -> str:
    return f"{spread.min:,.{decimals}f} to {spread.max:,.{decimals}f}"


def plain(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def ran(results: dict) -> list[str]:
    names = {record["peer"] for record in results["records"]}
    return [name for name in PEERS if name in names]


def peers_part(results: dict) -> str:
    rows = []
    for name in ran(results):
        parts = [results["versions"].get(part) for part in name.split("-")]
        version = "; ".join(part for part in parts if part)
        rows.append([PEERS[name].title, version, PEERS[name].setup])
    return "## How each is set up\n\n" + table(["peer", "version", "set up"], rows)


def left_out(results: dict) -> str:
    if not results["left_out"]:
        return ""
    lines = [f"- {PEERS[name].title}: {reason}" for name, reason in results["left_out"].items()]
    return "## Left out\n\n" + "\n".join(lines)


def commands(results: dict) -> str:
    lines = ["The whole: `scripts/compare`. Every run with its command and all its figures is in",
             "`target/compare/results.json`. One run of each, as it was started:", "", "```text"]
    for scenario in measured(results):
        record = first(results, "scenario", scenario.name, "bench_command")
        if record:
            lines.append(record["bench_command"])
    lines.append("")
    for name in ran(results):
        record = first(results, "peer", name, "server_command")
        if record:
            lines.append(record["server_command"])
    return "## Commands\n\n" + "\n".join([*lines, "```"])


def first(results: dict, key: str, value: str, demanded: str) -> dict | None:
    found = (r for r in results["records"] if r[key] == value and r.get(demanded))
    return next(found, None)
