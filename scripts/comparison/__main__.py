"""`scripts/compare`: prepares the peers, runs the rounds, writes the page."""

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from . import peers, rounds, scenarios, surroundings
from .install import Installer
from .page import page

RESULTS = "target/compare/results.json"
PAGE = "docs/benchmarks.md"
ROUNDS = 5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/compare",
        description="Measures this server and its peers on this machine and writes " + PAGE + ".",
    )
    names = lambda text: [word for word in text.split(",") if word]
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="5 where not given")
    parser.add_argument("--peers", type=names, help="only these, separated by commas")
    parser.add_argument("--scenarios", type=names, help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true",
                        help="one round: says whether everything runs, measures nothing well")
    parser.add_argument("--no-install", action="store_true",
                        help="leave out what is not there instead of installing it")
    parser.add_argument("--output", default=PAGE, help=f"the page; {PAGE} where not given")
    parser.add_argument("--page-of", metavar="RESULTS",
                        help="measure nothing, write the page of these results")
    parser.add_argument("--list", action="store_true", help="name all peers and scenarios")
    return parser.parse_args()


def chosen(what: str, wanted: list[str] | None, known: dict) -> list:
    unknown = [name for name in wanted or [] if name not in known]
    if unknown:
        raise SystemExit(f"no such {what}: {', '.join(unknown)}; there are {', '.join(known)}")
    return [entry for name, entry in known.items() if wanted is None or name in wanted]


def prepare(wanted: list, may_install: bool) -> tuple[list, dict[str, str], float]:
    """The peers that can be measured, why the others cannot, and how long it took, in minutes."""
    started = time.monotonic()
    # The generator is Shardwire's own program.
    needs = list(dict.fromkeys(["shardwire", *(peer.needs for peer in wanted)]))
    steps = Installer(may_install).run(needs)
    if steps["shardwire"].reason:
        raise SystemExit(f"shardwire does not build: {steps['shardwire'].reason}")
    left_out = {peer.name: steps[peer.needs].reason for peer in wanted if steps[peer.needs].reason}
    ready = [peer for peer in wanted if peer.name not in left_out]
    return ready, left_out, (time.monotonic() - started) / 60


def measure(options: argparse.Namespace) -> dict:
    wanted = chosen("peer", options.peers, peers.BY_NAME)
    plays = chosen("scenario", options.scenarios, scenarios.BY_NAME)
    ready, left_out, build_minutes = prepare(wanted, not options.no_install)
    count = 1 if options.quick else options.rounds
    places = rounds.Places.of(rounds.usable_cpus())
    plan = rounds.Plan(plays, {peer.name: peer for peer in ready}, count, places)
    results = {
        "date": surroundings.now(),
        "commit": surroundings.commit(),
        "machine": surroundings.machine(),
        "tools": surroundings.tools(),
        "versions": surroundings.versions(),
        "places": asdict(places),
        "rounds": count,
        "build_minutes": build_minutes,
        "is_whole": not (options.peers or options.scenarios) and count >= ROUNDS,
        "left_out": left_out,
    }
    started = time.monotonic()
    results["records"] = rounds.run_all(plan, rounds.say)
    results["minutes"] = (time.monotonic() - started) / 60
    return results


def main() -> int:
    # Ended from outside, the servers are ended, too: the exception passes their `with`.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    options = arguments()
    if options.list:
        print("peers:", *peers.BY_NAME, sep="\n  ")
        print("scenarios:", *scenarios.BY_NAME, sep="\n  ")
        return 0
    if options.page_of:
        results = json.loads(Path(options.page_of).read_text(encoding="utf-8"))
    else:
        rounds.logs_folder()
        results = measure(options)
        Path(peers.ROOT / RESULTS).write_text(json.dumps(results, indent=1), encoding="utf-8")
    Path(peers.ROOT / options.output).write_text(page(results), encoding="utf-8")
    rounds.say(f"{options.output} written; every run is in {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
