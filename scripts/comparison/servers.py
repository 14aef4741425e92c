"""One server process: started on its CPUs, awaited, looked at, and ended whatever happens.

Invariants: every server is the leader of a session of its own, so ending it ends its children; none
outlives the `with` that started it.
"""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

from .peers import ROOT, Peer

READY_S = 15.0
END_S = 5.0


class ServerFailed(Exception):
    """Why a server is not to be measured, in a line."""


def free_port() -> int:
    """A port that nobody listens on, and that no server of this run had: closing takes a while."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, peer: Peer, cpus: list[int], log: Path):
        self.peer, self.cpus, self.log = peer, cpus, log
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    def words(self) -> tuple[dict[str, str], list[str]]:
        """Its environment beyond ours, and its command."""
        def fill(text: str) -> str:
            return text.replace("PORT", str(self.port))

        env = {name: fill(text) for name, text in self.peer.env.items()}
        pinned = ["taskset", "--cpu-list", ",".join(map(str, self.cpus))]
        return env, [*pinned, *map(fill, self.peer.command)]

    def __enter__(self) -> "Server":
        env, command = self.words()
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerFailed(f"the server ended at once: {self.last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise ServerFailed(f"the server did not listen within {READY_S:.0f} s")

    def last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:160] if lines else "it said nothing"

    def pids(self) -> list[int]:
        """The server and all its children: their CPU and memory count, too."""
        found, parents = [self.process.pid], parents_of_processes()
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def end(self):
        if self.process is None:
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, signal_number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(timeout=END_S)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()

    def shard_cpu_ns(self) -> dict[str, int]:
        """CPU time of each shard, by the name that its threads share."""
        times: dict[str, int] = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            name = (task / "comm").read_text(encoding="ascii").strip()
            if name.startswith("shard-"):
                spent = (task / "schedstat").read_text(encoding="ascii").split()[0]
                times[name] = times.get(name, 0) + int(spent)
        return times

    def connections_per_shard(self) -> list[int]:
        with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
            return json.load(answer)["connectionsPerShard"]


def parents_of_processes() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            # The name in parentheses may hold anything.
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents
