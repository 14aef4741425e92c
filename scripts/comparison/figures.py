"""From runs to figures: a cell for every scenario and peer, its median and range, ratios."""

from dataclasses import dataclass
from statistics import median

from .scenarios import BY_NAME


def dig(value, path):
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True)
class Spread:
    median: float
    min: float
    max: float
    count: int


def off_even(shares: list[int]) -> float:
    mean = sum(shares) / len(shares)
    return max(abs(share - mean) for share in shares) / mean


class Figures:
    """Looks figures up in the records of a run."""

    def __init__(self, records: list[dict]):
        self.records = records

    def of(self, scenario: str, peer: str) -> list[dict]:
        return [
            record for record in self.records
            if record["scenario"] == scenario and record["peer"] == peer
        ]

    def results(self, scenario: str, peer: str) -> list[dict]:
        return [record["result"] for record in self.of(scenario, peer) if not record["error"]]

    def spread(self, scenario: str, peer: str, path=None) -> Spread | None:
        path = path or BY_NAME[scenario].figure.path
        values = [dig(result, path) for result in self.results(scenario, peer)]
        values = [value for value in values if value is not None]
        if not values:
            return None
        return Spread(median(values), min(values), max(values), len(values))

    def median(self, scenario: str, peer: str, path=None) -> float | None:
        found = self.spread(scenario, peer, path)
        return found.median if found else None

    def ratio(self, scenario: str, peer: str, to: str, to_scenario: str | None = None):
        value = self.median(scenario, peer)
        other = self.median(to_scenario or scenario, to)
        return value / other if value is not None and other else None

    def failure(self, scenario: str, peer: str) -> str | None:
        failures = [record["error"] for record in self.of(scenario, peer) if record["error"]]
        return failures[-1] if failures else None

    def peers_of(self, scenario: str) -> list[str]:
        return [name for name in BY_NAME[scenario].peers if self.of(scenario, name)]

    def unevenness(self, peer: str, key: str) -> float | None:
        """How far the fullest or emptiest shard is from the mean, over all runs: the worst."""
        runs = [self.shares(record, key) for record in self.records if record["peer"] == peer]
        return max((off_even(shares) for shares in runs if shares), default=None)

    def unevenness_of_scenarios(self, peer: str, key: str) -> float | None:
        """The same of each scenario's rounds together, as many with the generator on one shard's
        CPU as with it on the other's: it takes as much from both, and one disturbed round is not
        taken for the whole."""
        pairs: dict[tuple[str, int], list[list[int]]] = {}
        for record in self.records:
            shares = self.shares(record, key) if record["peer"] == peer else None
            if shares:
                pairs.setdefault((record["scenario"], record["round"] // 2), []).append(shares)
        whole: dict[str, list[list[int]]] = {}
        for (scenario, _), two in pairs.items():
            if len(two) == 2:
                whole.setdefault(scenario, []).extend(two)
        sums = [[sum(parts) for parts in zip(*rounds)] for rounds in whole.values()]
        return max(map(off_even, sums), default=None)

    @staticmethod
    def shares(record: dict, key: str) -> list[int] | None:
        found = None if record["error"] else record.get(key)
        shares = list(found.values()) if isinstance(found, dict) else found
        return shares if shares and sum(shares) > 0 else None

    def remarks(self, scenario: str, peer: str) -> list[str]:
        results = self.results(scenario, peer)
        found = []
        for key in ("lost", "refused"):
            total = sum(dig(result, (key,)) or 0 for result in results)
            if total:
                found.append(f"{total:,} {key}")
        errors = sum(sum((dig(result, ("errors",)) or {}).values()) for result in results)
        if errors:
            found.append(f"{errors:,} errors")
        busy = sum(bool(dig(result, ("client", "is_bottleneck"))) for result in results)
        if busy:
            found.append(f"generator at its limit in {busy} of {len(results)}")
        failure = self.failure(scenario, peer)
        if failure:
            failed = sum(1 for record in self.of(scenario, peer) if record["error"])
            found.append(f"{failed} failed: {failure}")
        return found
