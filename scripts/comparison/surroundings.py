"""What the page says about where and of what it was measured: machine, commit, versions."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from .install import SOCKUDO
from .peers import BUILT, ROOT, SOURCES


def said(command: list[str], env: dict[str, str] | None = None) -> str:
    """The first line that a command prints, or nothing."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=20, check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else ""


def machine() -> dict:
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "cpus_usable": sorted(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "arch": platform.machine(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = {}
    for key in ("model name", "cpu family", "model"):
        match = re.search(rf"^{key}\s*:\s*(.+)$", text, re.MULTILINE)
        found[key] = match.group(1).strip() if match else "?"
    return f"{found['model name']} (family {found['cpu family']}, model {found['model']})"


def commit() -> dict:
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    # The page itself is what the run is about to write.
    lines = [line for line in changed.stdout.splitlines() if "docs/benchmarks.md" not in line]
    return {"id": said(["git", "rev-parse", "--short=12", "HEAD"]), "changed": bool(lines)}


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def tools() -> dict[str, str]:
    found = {
        "rustc": said(["rustc", "--version"]),
        "node": said(["node", "--version"]),
        "go": said(["go", "version"]),
    }
    return {name: text for name, text in found.items() if text}


def locked(crate: str) -> str:
    """The version of a crate that the peers are locked to."""
    text = (ROOT / SOURCES / "Cargo.lock").read_text(encoding="utf-8")
    match = re.search(rf'name = "{crate}"\nversion = "([^"]+)"', text)
    return match.group(1) if match else "?"


def package(name: str) -> str:
    place = f"./{BUILT}/node/node_modules/{name}/package.json"
    return said(["node", "-p", f"require('{place}').version"]) or "?"


def gorilla() -> str:
    text = said(["dpkg-query", "--show", "--showformat=${Version}",
                 "golang-github-gorilla-websocket-dev"])
    return f"Debian's {text}" if text else "1.5.3"


def versions() -> dict[str, str]:
    """By the first word of a peer's name."""
    uws = said(["node", f"{SOURCES}/node/native.js"], {"NODE_PATH": f"{BUILT}/node/node_modules"})
    ws, socketio = f"ws {package('ws')}", f"socket.io {package('socket.io')}"
    tungstenite = f"tokio-tungstenite {locked('tokio-tungstenite')}, tokio {locked('tokio')}"
    return {
        "shardwire": said(["target/release/shardwire", "--version"]),
        "floor": f"io-uring {locked('io-uring')}",
        "uws": uws,
        "ws": f"{ws}, bufferutil {package('bufferutil')}",
        "socketio": f"{socketio}, engine.io {package('engine.io')}",
        "tungstenite": tungstenite,
        "fastwebsockets": f"fastwebsockets {locked('fastwebsockets')}, tokio {locked('tokio')}",
        "gorilla": f"gorilla/websocket {gorilla()}",
        "centrifugo": said([f"{BUILT}/go/bin/centrifugo", "version"]),
        "sockudo": f"sockudo {SOCKUDO}",
    }
