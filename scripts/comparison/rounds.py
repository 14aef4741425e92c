"""The rounds: every round runs every scenario against each of its peers, in a turning order, and
some of them several times.

A run is one server and one generator. What fails is recorded with its reason, and the rest goes on;
what failed twice in a scenario is not tried a third time.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .peers import BUILT, ROOT, Peer
from .scenarios import Scenario
from .servers import Server, ServerFailed

RUN_S_MAX = 90
FAILURES_MAX = 2
BALANCE_POLLS = 40
GENERATOR = "target/release/shardwire"


@dataclass
class Places:
    """Which CPUs servers and the generator have."""

    server: list[int]
    two_shards: list[int]
    generator: int

    @staticmethod
    def of(cpus: list[int]) -> "Places":
        if len(cpus) < 2:
            raise SystemExit("this needs two CPUs: one for servers, one for the generator")
        return Places(cpus[:1], cpus[:2], cpus[2] if len(cpus) > 2 else cpus[1])

    def of_peer(self, peer: Peer) -> list[int]:
        return self.two_shards if peer.shards > 1 else self.server

    def generator_for(self, peer: Peer, number: int) -> int:
        """Without a third CPU it is with one shard in one round, with the other in the next."""
        shared = peer.shards > 1 and self.generator in self.two_shards
        return self.two_shards[(number + 1) % 2] if shared else self.generator


@dataclass
class Plan:
    scenarios: list[Scenario]
    peers: dict[str, Peer]
    rounds: int
    places: Places
    failures: dict[tuple[str, str], int] = field(default_factory=dict)

    def runs(self, number: int):
        """The runs of a round; whoever began a scenario in the last round comes last in this."""
        for scenario in self.scenarios:
            names = [name for name in scenario.peers if self.is_due(scenario, name, number)]
            due = [self.peers[name] for name in names]
            turn = number % max(len(due), 1)
            for peer in due[turn:] + due[:turn]:
                yield scenario, peer
            again = [peer for peer in due if peer.name in scenario.lap_peers]
            for lap in range(1, scenario.laps):
                for peer in again if lap % 2 else reversed(again):
                    yield scenario, peer

    def is_due(self, scenario: Scenario, name: str, number: int) -> bool:
        if name not in self.peers or self.failures.get((scenario.name, name), 0) >= FAILURES_MAX:
            return False
        limits = [scenario.rounds_max, self.peers[name].rounds_max]
        return number < min([self.rounds, *(limit for limit in limits if limit)])


def run_all(plan: Plan, tell) -> list[dict]:
    records = []
    for number in range(plan.rounds):
        tell(f"round {number + 1} of {plan.rounds}")
        for scenario, peer in plan.runs(number):
            record = run(plan, scenario, peer, number)
            records.append(record)
            if record["error"]:
                key = (scenario.name, peer.name)
                plan.failures[key] = plan.failures.get(key, 0) + 1
            tell(f"  {scenario.name:<16} {peer.name:<22} {outcome(record, scenario)}")
    return records


def outcome(record: dict, scenario: Scenario) -> str:
    if record["error"]:
        return f"failed: {record['error']}"
    value = figure(record["result"], scenario.figure.path)
    return "no figure" if value is None else f"{value:,.{scenario.figure.decimals}f}"


def figure(result: dict, path: tuple[str, ...]):
    for key in path:
        result = (result or {}).get(key)
    return result


def run(plan: Plan, scenario: Scenario, peer: Peer, number: int) -> dict:
    started = time.monotonic()
    record = {"round": number, "scenario": scenario.name, "peer": peer.name, "error": None}
    log = ROOT / BUILT / "logs" / f"server-{peer.name}.log"
    try:
        with Server(peer, plan.places.of_peer(peer), log) as server:
            measure(plan, scenario, server, record)
    except ServerFailed as failed:
        record["error"] = str(failed)
    record["seconds"] = round(time.monotonic() - started, 2)
    return record


def measure(plan: Plan, scenario: Scenario, server: Server, record: dict):
    cpu = plan.places.generator_for(server.peer, record["round"])
    command = bench_command(cpu, scenario.bench_arguments(), server)
    commands = [command]
    if scenario.warm_up:
        commands.insert(0, bench_command(cpu, scenario.warm_up, server))
        subprocess.run(
            commands[0], cwd=ROOT, timeout=RUN_S_MAX, stdin=subprocess.DEVNULL,
            capture_output=True, check=False,
        )
    env, words = server.words()
    record["server_command"] = shell(env, words)
    record["bench_command"] = " && ".join(shell({}, command) for command in commands)
    generator = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )
    try:
        if server.peer.shards > 1:
            record["connections_per_shard"] = seated(server, scenario)
        said, complaint = generator.communicate(timeout=RUN_S_MAX)
    except subprocess.TimeoutExpired:
        raise ServerFailed(f"the run was not over after {RUN_S_MAX} s") from None
    finally:
        generator.kill()
        generator.wait()
    if server.peer.shards > 1:
        record["shard_cpu_ns"] = server.shard_cpu_ns()
    take(record, generator.returncode, said, complaint, server)


def take(record: dict, status: int, said: str, complaint: str, server: Server):
    if server.process.poll() is not None:
        raise ServerFailed(f"the server ended during the run: {server.last_words()}")
    if status != 0:
        raise ServerFailed(complaint_of(complaint) or f"the generator ended with {status}")
    try:
        record["result"] = json.loads(said)
    except json.JSONDecodeError:
        raise ServerFailed("the generator wrote no JSON") from None


def complaint_of(text: str) -> str:
    """The line that says what is wrong: the first that says error, the last otherwise."""
    lines = text.strip().splitlines()
    telling = [line for line in lines if line.startswith("error")] or lines[-1:]
    return telling[0][:200] if telling else ""


def bench_command(cpu: int, arguments: Sequence[str], server: Server) -> list[str]:
    peer = server.peer
    url = f"ws://127.0.0.1:{server.port}{peer.path}"
    pids = [word for pid in server.pids() for word in ("--server-pid", str(pid))]
    first, *rest = arguments
    return [
        GENERATOR, "bench", first, url, "--adapter", peer.adapter, *peer.bench_arguments, *rest,
        "--threads", "1", "--cpus", str(cpu), *pids, "--json", "-", "--quiet",
    ]


def seated(server: Server, scenario: Scenario) -> list[int]:
    """Connections of each shard, once all of them are there; the last that was seen otherwise."""
    wanted = wanted_connections(scenario)
    seen = []
    for _ in range(BALANCE_POLLS):
        time.sleep(0.05)
        try:
            seen = server.connections_per_shard()
        except (OSError, ValueError, KeyError):
            continue
        if sum(seen) >= wanted:
            break
    return seen


def wanted_connections(scenario: Scenario) -> int:
    words = scenario.arguments
    for option in ("--members", "--connections"):
        if option in words:
            return int(words[words.index(option) + 1])
    return 1


def shell(env: dict[str, str], command: list[str]) -> str:
    return " ".join([*(f"{name}={shlex.quote(text)}" for name, text in env.items()),
                     shlex.join(command)])


def usable_cpus() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def say(line: str):
    print(line, file=sys.stderr, flush=True)


def logs_folder() -> Path:
    folder = ROOT / BUILT / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
