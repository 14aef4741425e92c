"""Reads a conformance report; fails on anything but OK and INFORMATIONAL, and on missing cases."""

import json
import sys
from collections import Counter

PASSING = {"OK", "INFORMATIONAL"}


def main() -> int:
    name, least, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with open(path, encoding="utf-8") as report:
        agents = json.load(report)
    cases = [(case, verdict) for agent in agents.values() for case, verdict in agent.items()]
    counts = Counter(verdict["behavior"] for _, verdict in cases)
    print(f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    bad = [
        f"  {case}: {verdict['behavior']}, close {verdict['behaviorClose']}"
        for case, verdict in cases
        if not {verdict["behavior"], verdict["behaviorClose"]} <= PASSING
    ]
    if len(cases) < least:
        bad.append(f"  only {len(cases)} of at least {least} cases ran")
    print("\n".join(bad), file=sys.stderr, end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
