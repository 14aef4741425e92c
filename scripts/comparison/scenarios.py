"""What is measured: scenarios, the figure each is judged by, and who takes part.

A scenario names its peers: a slow peer in every scenario would cost the time that makes five rounds
of the others possible.
"""

from dataclasses import dataclass, replace

SIZE_BYTES = 128
DURATION = "2s"
WARMUP = "500ms"

# Peers that say something about every kind of fan-out.
LEADERS = ("shardwire", "floor", "uws", "uws-json", "tungstenite-mpsc")
FANOUT = LEADERS + (
    "fastwebsockets",
    "tungstenite-broadcast",
    "gorilla",
    "centrifugo",
    "ws",
    "socketio-uws",
    "socketio",
    "sockudo",
)


@dataclass(frozen=True)
class Figure:
    """Where a figure stands in the generator's JSON, and how it is written."""

    path: tuple[str, ...]
    title: str
    decimals: int = 0


CPU_PER_DELIVERY = Figure(("server", "cpu_ns_per_delivery"), "server CPU, ns a delivery")
CPU_PER_MESSAGE = Figure(("server", "cpu_ns_per_message"), "server CPU, ns a message")
P99 = Figure(("latency_us", "p99"), "latency p99, µs")
RSS = Figure(("server", "rss_bytes_per_connection"), "RSS, bytes a connection")
OTHERS_MAX = Figure(("others_latency_us", "max"), "longest latency of the others, µs")


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    arguments: tuple[str, ...]
    figure: Figure
    peers: tuple[str, ...]
    # None: as many as all others.
    rounds_max: int | None = None
    # How often a round measures those of its peers that a goal holds against each other: runs of
    # little work, or of much at once, scatter more than the others.
    laps: int = 1
    lap_peers: tuple[str, ...] = ()
    timed: bool = True
    duration: str = DURATION
    # What is run against the same server before, so that what a first connection costs is not counted.
    warm_up: tuple[str, ...] = ()

    def bench_arguments(self) -> list[str]:
        times = ["--duration", self.duration, "--warmup", WARMUP] if self.timed else []
        return [*self.arguments, "--size", str(SIZE_BYTES), *times]


def fanout(members: int, in_flight: int, peers: tuple[str, ...]) -> Scenario:
    return Scenario(
        f"fanout-{members}x{in_flight}",
        f"Fan-out to {members:,} members, {in_flight} in flight",
        ("fanout", "--members", str(members), "--in-flight", str(in_flight)),
        CPU_PER_DELIVERY,
        peers,
    )


def echo(connections: int, in_flight: int, peers: tuple[str, ...]) -> Scenario:
    return Scenario(
        f"echo-{connections}x{in_flight}",
        f"Echo, {connections:,} connections, {in_flight} in flight on each",
        ("echo", "--connections", str(connections), "--in-flight", str(in_flight)),
        CPU_PER_MESSAGE,
        peers,
    )


def shards(in_flight: int) -> Scenario:
    """Where there is no third CPU the generator shares one with a shard, each in its turn."""
    return replace(
        fanout(1000, in_flight, ("shardwire", "shardwire-2")),
        name=f"shards-1000x{in_flight}",
        title=f"Fan-out to 1,000 members on one shard and on two, {in_flight} in flight",
    )


SCENARIOS = (
    fanout(1000, 1, FANOUT),
    replace(fanout(1000, 16, FANOUT), laps=3, lap_peers=("shardwire", "floor")),
    shards(1),
    shards(16),
    fanout(100, 1, LEADERS),
    fanout(100, 16, LEADERS),
    echo(1000, 1, ("shardwire", "floor", "uws", "tungstenite-mpsc", "fastwebsockets", "gorilla",
                   "ws", "socketio-uws", "socketio")),
    echo(100, 1, ("shardwire", "floor", "uws")),
    echo(100, 16, ("shardwire", "floor", "uws", "tungstenite-mpsc", "fastwebsockets")),
    Scenario(
        "echo-quiet",
        "Echo at low load: 2,000 messages a second over 100 connections, on schedule",
        ("echo", "--connections", "100", "--rate", "2000"),
        CPU_PER_MESSAGE,
        ("shardwire", "floor", "floor-epoll", "floor-epoll-step", "uws", "uws-json"),
        laps=4,
        lap_peers=("shardwire", "floor-epoll-step"),
        duration="1s",
    ),
    Scenario(
        "fanout-open",
        "Fan-out on schedule: 200 messages a second to 1,000 members",
        ("fanout", "--members", "1000", "--rate", "200"),
        P99,
        ("shardwire", "floor", "uws", "tungstenite-mpsc"),
        laps=2,
        lap_peers=("shardwire", "uws"),
    ),
    Scenario(
        "idle",
        "Memory of 5,000 idle connections, after 500 others to warm up",
        ("idle", "--connections", "5000", "--ramp", "5000"),
        RSS,
        ("shardwire", "floor", "uws", "tungstenite-mpsc", "fastwebsockets", "gorilla",
         "centrifugo", "ws", "socketio-uws", "socketio", "sockudo"),
        rounds_max=2,
        warm_up=("idle", "--connections", "500", "--duration", "500ms", "--warmup", "200ms"),
    ),
    Scenario(
        "join-storm",
        "10,000 members join one room at once, others measure their latency",
        ("join-storm", "--connections", "10000", "--connected-first"),
        OTHERS_MAX,
        ("shardwire",),
        rounds_max=3,
        timed=False,
    ),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
