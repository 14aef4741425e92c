"""Who is measured: how each server is started, and how the page says that it is set up."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = "benches/peers"
BUILT = "target/compare"
SECRET = "a-secret-of-this-comparison-and-of-nothing-else"

NODE_ENV = {"NODE_PATH": f"{BUILT}/node/node_modules", "NODE_ENV": "production"}


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    # What has to be installed or built first: a name in install.STEPS.
    needs: str
    # `PORT` stands for the port.
    command: tuple[str, ...]
    # How it is set up, a sentence for the page.
    setup: str
    adapter: str = "hub"
    path: str = ""
    env: dict[str, str] = field(default_factory=dict)
    bench_arguments: tuple[str, ...] = ()
    shards: int = 1
    # None: as many rounds as all others.
    rounds_max: int | None = None


def floor(name: str, title: str, flags: tuple[str, ...], setup: str, **more) -> Peer:
    command = (f"{BUILT}/cargo/release/floor", "PORT", *flags)
    return Peer(name, title, "rust", command, setup, **more)


def shardwire(name: str, title: str, shards: int, setup: str) -> Peer:
    return Peer(
        name,
        title,
        "shardwire",
        ("target/release/shardwire", "serve", "benches/configs/fanout.yaml"),
        setup,
        adapter="shardwire",
        env={
            "SHARDWIRE_SERVER_ADDRESS": "127.0.0.1:PORT",
            "SHARDWIRE_SERVER_CORES": str(shards),
            "SHARDWIRE_AUTH_SECRET": SECRET,
        },
        bench_arguments=("--token-secret", SECRET),
        shards=shards,
    )


def node(name: str, title: str, script: str, flags: tuple[str, ...], setup: str, **more) -> Peer:
    command = ("node", f"{SOURCES}/node/{script}", "PORT", *flags)
    return Peer(name, title, "node", command, setup, env=NODE_ENV, **more)


def hub(name: str, title: str, program: tuple[str, ...], setup: str, **more) -> Peer:
    first, *rest = program
    command = (f"{BUILT}/cargo/release/{first}", "PORT", *rest)
    return Peer(name, title, "rust", command, setup, **more)


PEERS = (
    shardwire(
        "shardwire", "Shardwire", 1,
        "The whole pipeline of `benches/configs/fanout.yaml`: a user from a JWT, a rate limit that "
        "is counted for every message, a templated payload.",
    ),
    shardwire(
        "shardwire-2", "Shardwire, two shards", 2,
        "The same on two cores, the second shared with the generator where the machine has no "
        "third.",
    ),
    floor(
        "floor", "the floor", (),
        "A bare io_uring server of this project: multishot accept and receive, registered receive "
        "buffers, direct descriptors, one send a connection and turn from a shared buffer; no "
        "JSON, no validation, no limits.",
    ),
    floor(
        "floor-epoll", "the floor on epoll", ("--epoll",),
        "The same hub driven by epoll, `recv` and `send`.",
    ),
    floor(
        "floor-epoll-step", "an epoll server with the same work", ("--epoll",),
        "The floor on epoll at `/jsonecho`: what a hand-written server does for the same answer. "
        "Each event is parsed (serde_json into typed fields), counted against a limit of its user "
        "and rebuilt.",
        path="/json",
    ),
    node(
        "uws", "uWebSockets.js", "uws.js", (),
        "Native topics, ready bytes published as an ArrayBuffer, compression off, no idle timeout.",
    ),
    node(
        "uws-json", "uWebSockets.js with a JSON step", "uws.js", (),
        "The same, each message parsed, counted against a limit of its connection and rebuilt.",
        path="/json",
    ),
    node(
        "ws", "ws", "ws.js", (),
        "permessage-deflate off, bufferutil installed, its client set off, a broadcast is a loop "
        "of `send`.",
        rounds_max=3,
    ),
    node(
        "socketio", "Socket.IO", "socketio.js", (),
        "WebSocket transport alone on its default engine (ws), bufferutil installed, compression "
        "off, the first request forgotten.",
        adapter="socket-io",
    ),
    node(
        "socketio-uws", "Socket.IO on uWebSockets.js", "socketio.js", ("--uws",),
        "The same attached to uWebSockets.js, where a room is a native topic.",
        adapter="socket-io", rounds_max=3,
    ),
    hub(
        "tungstenite-mpsc", "tokio-tungstenite hub, mpsc", ("tungstenite", "mpsc"),
        "One thread, a task and an unbounded queue a connection, what waits is fed and flushed "
        "once, read buffers of 4 KiB; its echo is `forward`.",
    ),
    hub(
        "tungstenite-broadcast", "tokio-tungstenite hub, broadcast", ("tungstenite", "broadcast"),
        "The same with one broadcast channel a room.",
        rounds_max=3,
    ),
    hub(
        "fastwebsockets", "fastwebsockets hub, mpsc", ("fastwebsockets",),
        "One thread, `after_handshake`, writev off as in its documentation, a queue a member whose "
        "writer flushes a `BufWriter` when the queue is empty.",
        rounds_max=3,
    ),
    Peer(
        "gorilla", "gorilla/websocket hub", "gorilla",
        (f"{BUILT}/gorilla", "PORT"),
        "The hub of its chat example: two goroutines a member, a broadcast prepared once, a write "
        "buffer pool, compression off.",
        rounds_max=3,
    ),
    Peer(
        "centrifugo", "Centrifugo", "centrifugo",
        (f"{BUILT}/go/bin/centrifugo", "--config", f"{SOURCES}/centrifugo.json",
         "--http_server.port", "PORT"),
        "Memory engine, JSON protocol, clients may subscribe and publish, log level error, "
        "compression off.",
        adapter="centrifugo", bench_arguments=("--token-secret", SECRET), rounds_max=3,
        env={"CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY": SECRET},
    ),
    Peer(
        "sockudo", "Sockudo", "sockudo",
        (f"{BUILT}/sockudo/bin/sockudo",),
        "Local adapter alone (built without OpenTelemetry and version 2 features), client events "
        "on private channels, metrics and the API's rate limiter off, compression off, log level "
        "error.",
        adapter="pusher", path="/app/key", bench_arguments=("--token-secret", SECRET),
        env={
            "HOST": "127.0.0.1",
            "PORT": "PORT",
            "RUST_LOG": "error",
            "DEBUG": "false",
            "SHUTDOWN_GRACE_PERIOD": "0",
            "METRICS_ENABLED": "false",
            "RATE_LIMITER_ENABLED": "false",
            "ADAPTER_DRIVER": "local",
            "QUEUE_DRIVER": "memory",
            "WEBSOCKET_COMPRESSION": "disabled",
            "SOCKUDO_DEFAULT_APP_ID": "app",
            "SOCKUDO_DEFAULT_APP_KEY": "key",
            "SOCKUDO_DEFAULT_APP_SECRET": SECRET,
            "SOCKUDO_DEFAULT_APP_ENABLE_CLIENT_MESSAGES": "true",
            "SOCKUDO_DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SECOND": "1000000000",
            "SOCKUDO_DEFAULT_APP_MAX_CONNECTIONS": "1000000",
        },
    ),
)

BY_NAME = {peer.name: peer for peer in PEERS}
