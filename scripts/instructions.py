"""Reads what valgrind counted, and compares it with the record or writes the record."""

import json
import sys
from pathlib import Path

# A stage may change by so much before it is a change: by this part of it, and by so many
# instructions (a short stage moves by more than its part where one function is inlined elsewhere).
TOLERANCE = 0.03
TOLERANCE_INSTRUCTIONS = 10
# What is a difference of counts has the noise of each of them: tables are seeded anew in each run,
# and where buffers lie decides which way of copying is taken.
DIFFERENCE_TOLERANCE_INSTRUCTIONS = 20

HEADER = """\
# Instructions of each stage of the engine's work, counted under valgrind; the stages are in
# benches/steps. Written by scripts/instructions --update, compared by scripts/instructions.
"""

# Stages that are what one takes more than another.
DIFFERENCES = {
    "rate limit": ("message received, 158 bytes", "message received, 158 bytes, without its limit"),
    "log line that nobody reads": (
        "message received, 158 bytes",
        "message received, 158 bytes, without its log line",
    ),
}

# What is left of a message when the stages that are counted by themselves are taken off.
WHOLE = "message received, 158 bytes"
PARTS = ["decoder", "scan", "event name", "projection", "interpreter"]
REST = "apply and the rest, 158 bytes"


def program(messages: Path) -> str:
    for line in messages.read_text().splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "steps":
            return message["executable"]
    sys.exit("cargo did not say where the program is")


def counts(out: Path) -> dict[str, float]:
    """Callgrind numbers its profiles in the order in which the program names the stages."""
    found = {}
    for number, line in enumerate((out / "stages").read_text().splitlines(), start=1):
        name, times = line.split("\t")
        profile = (out / f"profile.{number}").read_text().splitlines()
        total = next(line for line in profile if line.startswith(("summary:", "totals:")))
        found[name] = int(total.split()[1]) / int(times)
    for name, (more, less) in DIFFERENCES.items():
        found[name] = found[more] - found.pop(less)
    parts = [found[f"{part}, 158 bytes"] for part in PARTS]
    found[REST] = found[WHOLE] - found["rate limit"] - sum(parts)
    return {name: round(count, 1) for name, count in sorted(found.items())}


def read(record: Path) -> tuple[list[str], dict[str, float]]:
    """Where the record was made, and its counts."""
    lines = [line for line in record.read_text().splitlines() if line and line[0] != "#"]
    origin = [line for line in lines if "  " not in line]
    rows = (line.rsplit(maxsplit=1) for line in lines if "  " in line)
    return origin, {name: float(count) for name, count in rows}


def write(record: Path, origin: list[str], found: dict[str, float]) -> None:
    rows = [f"{name:<44} {count:>12.1f}" for name, count in found.items()]
    record.write_text("\n".join([HEADER + "\n".join(origin), "", *rows, ""]))


def changed(name: str, known: float | None, now: float | None) -> bool:
    if known is None or now is None:
        return True
    is_difference = name == REST or name in DIFFERENCES
    least = DIFFERENCE_TOLERANCE_INSTRUCTIONS if is_difference else TOLERANCE_INSTRUCTIONS
    change = abs(now - known)
    return change > least and change > TOLERANCE * abs(known)


def describe(name: str, known: float | None, now: float | None) -> str:
    if known is None:
        return f"  {name}: {now} instructions, and not in the record"
    if now is None:
        return f"  {name}: {known} instructions in the record, and not counted any more"
    part = (now - known) / known * 100 if known else float("inf")
    return f"  {name}: {known} instructions recorded, {now} counted ({part:+.1f} %)"


def compare(origin: list[str], found: dict[str, float], record: Path) -> int:
    recorded_at, known = read(record)
    names = sorted(known | found)
    for name in names:
        print(f"  {name:<44} {known.get(name, 0):>12.1f} {found.get(name, 0):>12.1f}")
    bad = [
        describe(name, known.get(name), found.get(name))
        for name in names
        if changed(name, known.get(name), found.get(name))
    ]
    elsewhere = [line for line in origin if line not in recorded_at]
    if elsewhere:
        # Another compiler or instruction set counts differently for no fault of the code.
        print("NOT ENFORCED: the record was made elsewhere", *recorded_at, sep="\n  ")
        print("and this is", *elsewhere, sep="\n  ")
        print(f"{len(bad)} of {len(names)} stages differ", *bad, sep="\n")
        return 0
    if bad:
        print(f"{len(bad)} of {len(names)} stages changed:", *bad, sep="\n", file=sys.stderr)
        print("where that is meant: scripts/instructions --update", file=sys.stderr)
        return 1
    print(f"all {len(names)} stages are within {TOLERANCE:.0%} of the record")
    return 0


def main() -> int:
    mode, out = sys.argv[1], Path(sys.argv[2])
    if mode == "program":
        print(program(out))
        return 0
    origin = (out / "origin").read_text().splitlines()
    found, record = counts(out), Path(sys.argv[3])
    if mode == "update":
        write(record, origin, found)
        print(record.read_text())
        return 0
    return compare(origin, found, record)


if __name__ == "__main__":
    sys.exit(main())
