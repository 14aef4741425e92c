"""Tests of the comparison's page, with results made up here: no server, no generator.

Run by `PYTHONPATH=scripts python3 -m unittest comparison.test_comparison`.
"""

import unittest
from unittest.mock import patch

from . import install, peers, rounds, scenarios
from .figures import Figures
from .goals import goals
from .page import page


def record(scenario, peer, value=None, error=None, number=0, **more):
    path = scenarios.BY_NAME[scenario].figure.path
    result = {"deliveries_per_s": 5e6, "lost": 0, "refused": 0, "errors": {},
              "latency_us": {"p50": 10, "p99": 20}, "client": {"is_bottleneck": False}}
    place = result
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    return {"round": number, "scenario": scenario, "peer": peer, "error": error, "seconds": 1.0,
            "server_command": f"serve {peer}", "bench_command": f"bench {scenario}",
            **({} if error else {"result": result}), **more}


def results(records, **more):
    return {
        "date": "2026-01-02 03:04 UTC",
        "commit": {"id": "abc", "changed": False},
        "machine": {"cpu": "A CPU", "cpus": 2, "memory_bytes": 2**30, "kernel": "6.1",
                    "arch": "x86_64", "load_before": 0.1},
        "tools": {"node": "v20"},
        "versions": {"floor": "io-uring 0.7", "uws": "uws 20"},
        "places": {"server": [0], "two_shards": [0, 1], "generator": 1},
        "rounds": 5, "minutes": 12.5, "build_minutes": 3.0, "is_whole": True, "left_out": {},
        "records": records, **more,
    }


def goal(records, start):
    return next(goal for goal in goals(Figures(records)) if goal.text.startswith(start))


class FiguresTest(unittest.TestCase):
    def test_a_cell_is_the_median_with_its_range_and_ratios_are_of_medians(self):
        found = Figures([
            *(record("fanout-1000x1", "shardwire", value) for value in (300, 100, 220)),
            *(record("fanout-1000x1", "floor", value) for value in (100, 200)),
        ])
        spread = found.spread("fanout-1000x1", "shardwire")
        self.assertEqual((spread.median, spread.min, spread.max, spread.count), (220, 100, 300, 3))
        self.assertAlmostEqual(found.ratio("fanout-1000x1", "shardwire", "floor"), 220 / 150)

    def test_what_failed_or_was_not_measured_has_no_figure(self):
        found = Figures([record("idle", "ws", error="it ended"), record("idle", "uws", None)])
        self.assertIsNone(found.spread("idle", "ws"))
        self.assertIsNone(found.spread("idle", "uws"))
        self.assertIsNone(found.ratio("idle", "ws", "floor"))
        self.assertEqual(found.remarks("idle", "ws"), ["1 failed: it ended"])

    def test_losses_and_a_busy_generator_are_remarked(self):
        busy = record("echo-100x1", "uws", 5)
        busy["result"].update(lost=3, errors={"closed": 2}, client={"is_bottleneck": True})
        found = Figures([busy, record("echo-100x1", "uws", 5)])
        expected = ["3 lost", "2 errors", "generator at its limit in 1 of 2"]
        self.assertEqual(found.remarks("echo-100x1", "uws"), expected)

    def test_unevenness_is_the_worst_distance_from_the_mean(self):
        found = Figures([
            record("shards-1000x1", "shardwire-2", 1, connections_per_shard=[500, 500]),
            record("shards-1000x1", "shardwire-2", 1, connections_per_shard=[550, 450]),
            record("shards-1000x1", "shardwire-2", 1, shard_cpu_ns={"shard-0": 3, "shard-1": 1}),
        ])
        self.assertAlmostEqual(found.unevenness("shardwire-2", "connections_per_shard"), 0.1)
        self.assertAlmostEqual(found.unevenness("shardwire-2", "shard_cpu_ns"), 0.5)
        self.assertIsNone(found.unevenness("shardwire", "shard_cpu_ns"))

    def test_shards_are_even_where_the_rounds_of_a_scenario_together_are(self):
        def runs(*shares):
            return Figures([
                record("shards-1000x1", "shardwire-2", 1, number=number,
                       shard_cpu_ns={"shard-0": first, "shard-1": second})
                for number, (first, second) in enumerate(shares)
            ])
        even = runs((30, 10), (12, 28), (1, 0))
        self.assertAlmostEqual(even.unevenness_of_scenarios("shardwire-2", "shard_cpu_ns"), 0.05)
        several = runs((30, 10), (12, 28), (10, 30), (30, 10), (1, 0))
        off = several.unevenness_of_scenarios("shardwire-2", "shard_cpu_ns")
        self.assertAlmostEqual(off, 0.025)
        self.assertIsNone(runs((30, 10)).unevenness_of_scenarios("shardwire-2", "shard_cpu_ns"))


class GoalsTest(unittest.TestCase):
    def test_a_goal_at_its_bound_is_reached_and_beyond_it_not(self):
        for value, is_reached in ((1100, True), (1101, False)):
            found = goal([record("fanout-1000x1", "shardwire", value),
                          record("fanout-1000x1", "floor", 1000)], "Fan-out to 1,000, one in")
            self.assertEqual(found.reached, is_reached)

    def test_below_means_below(self):
        found = goal([record("fanout-1000x16", "shardwire", 200),
                      record("fanout-1000x16", "uws-json", 200)],
                     "Fan-out to 1,000, 16 in flight: the")
        self.assertEqual((found.bound, found.value, found.reached), ("< 1.00", "1.00", False))

    def test_deliveries_are_wanted_in_plenty(self):
        found = goal([record("fanout-1000x16", "shardwire", 200)],
                     "Fan-out to 1,000, 16 in flight: deliveries")
        self.assertEqual((found.value, found.reached), ("5.00 M/s", True))

    def test_a_missing_peer_leaves_a_goal_open(self):
        found = goal([record("fanout-1000x1", "shardwire", 1)], "Fan-out to 1,000, one in")
        self.assertEqual((found.value, found.reached), ("not measured", None))

    def test_one_long_wait_in_one_round_breaks_the_storms_goal(self):
        found = goal([record("join-storm", "shardwire", value) for value in (9e3, 60e3, 9e3)],
                     "10,000 members")
        self.assertEqual((found.value, found.reached), ("60.0 ms", False))


class PageTest(unittest.TestCase):
    def test_the_page_says_what_was_measured_where_and_how(self):
        text = page(results([
            record("fanout-1000x1", "shardwire", 2000), record("fanout-1000x1", "floor", 1900),
            record("fanout-1000x1", "uws", error="the server ended at once: no | binary"),
        ], left_out={"centrifugo": "there is no Go toolchain"}))
        self.assertIn("2026-01-02 03:04 UTC at commit abc,", text)
        self.assertIn("| Shardwire | 2,000 | 2,000 to 2,000 | 1.05 | 1.00 | 1 |", text)
        self.assertIn("failed: the server ended at once: no \\| binary |", text)
        self.assertIn("- Centrifugo: there is no Go toolchain", text)
        self.assertIn("| the floor | io-uring 0.7 |", text)
        self.assertIn("bench fanout-1000x1", text)
        self.assertIn("| ≤ 1.10 | 1.05 | reached |", text)
        self.assertNotIn("not the whole", text)

    def test_the_best_stands_first_and_failures_last(self):
        text = page(results([
            record("idle", "ws", error="no"), record("idle", "uws", 9), record("idle", "floor", 3),
        ]))
        part = text[text.index("## Memory"):]
        titles = [peers.BY_NAME[name].title for name in ("floor", "uws", "ws")]
        places = [part.index(f"| {title} |") for title in titles]
        self.assertEqual(places, sorted(places))

    def test_a_partial_run_says_so(self):
        text = page(results([record("idle", "floor", 3)], is_whole=False))
        self.assertIn("not the whole", text)

    def test_nothing_but_tables_and_commands_is_wider_than_the_other_pages(self):
        text = page(results([record("idle", "floor", 3)]))
        prose = [line for line in text.split("## Commands")[0].splitlines() if "|" not in line]
        self.assertLessEqual(max(map(len, prose)), 100)


class PlanTest(unittest.TestCase):
    def plan(self, count):
        places = rounds.Places.of([0, 1])
        return rounds.Plan(list(scenarios.SCENARIOS), peers.BY_NAME, count, places)

    def test_every_peer_begins_in_turn_and_everyone_runs_once_a_round(self):
        plan = self.plan(5)
        orders = [[peer.name for scenario, peer in plan.runs(number)
                   if scenario.name == "echo-100x1"] for number in range(3)]
        self.assertEqual([order[0] for order in orders], ["shardwire", "floor", "uws"])
        self.assertEqual({tuple(sorted(order)) for order in orders}, {tuple(sorted(orders[0]))})

    def test_where_runs_scatter_the_compared_ones_run_more_often_and_in_turns(self):
        names = [peer.name for scenario, peer in self.plan(5).runs(0)
                 if scenario.name == "echo-quiet"]
        one, other = scenarios.BY_NAME["echo-quiet"].lap_peers
        self.assertEqual(names[-6:], [one, other, other, one, one, other])
        self.assertEqual([names.count(name) for name in (one, other, "floor")], [4, 4, 1])

    def test_fewer_rounds_where_fewer_are_wanted(self):
        plan = self.plan(5)
        runs = [(scenario.name, peer.name) for n in range(5) for scenario, peer in plan.runs(n)]
        self.assertEqual(runs.count(("fanout-1000x1", "shardwire")), 5)
        self.assertEqual(runs.count(("fanout-1000x1", "ws")), 3)
        self.assertEqual(runs.count(("idle", "shardwire")), 2)

    def test_what_failed_twice_is_not_tried_again(self):
        plan = self.plan(5)
        plan.failures[("idle", "sockudo")] = 2
        runs = [(scenario.name, peer.name) for scenario, peer in plan.runs(0)]
        self.assertNotIn(("idle", "sockudo"), runs)
        self.assertIn(("fanout-1000x1", "sockudo"), runs)

    def test_every_peer_that_a_scenario_names_is_known_and_can_be_prepared(self):
        for scenario in scenarios.SCENARIOS:
            self.assertLessEqual(set(scenario.peers), set(peers.BY_NAME))
            self.assertLessEqual(set(scenario.lap_peers), set(scenario.peers))
        self.assertLessEqual({peer.needs for peer in peers.PEERS}, set(install.STEPS))

    def test_without_a_third_cpu_the_generator_is_with_each_shard_in_turn(self):
        two, three = rounds.Places.of([4, 5]), rounds.Places.of([4, 5, 6])
        one, both = peers.BY_NAME["shardwire"], peers.BY_NAME["shardwire-2"]
        self.assertEqual([two.generator_for(both, number) for number in range(3)], [5, 4, 5])
        self.assertEqual([two.generator_for(one, number) for number in range(2)], [5, 5])
        self.assertEqual([three.generator_for(both, number) for number in range(2)], [6, 6])

    def test_one_cpu_is_not_enough(self):
        self.assertRaises(SystemExit, rounds.Places.of, [0])


class WordsTest(unittest.TestCase):
    def test_reasons_name_no_host(self):
        said = 'go: a/b: Get "https://proxy.example.org/a/b": dial tcp: lookup x on y: no such host'
        words = "go: a/b: Get dial tcp: lookup: no such host"
        self.assertEqual(install.last_words(said), words)
        self.assertEqual(install.last_words(""), "it said nothing")
        said = "error: no `protoc`\nwarning: waiting"
        self.assertEqual(install.last_words(said), "error: no `protoc`")

    def test_of_a_complaint_the_line_that_says_error_counts(self):
        said = "error: invalid value\n\nFor more information, try '--help'."
        self.assertEqual(rounds.complaint_of(said), "error: invalid value")
        self.assertEqual(rounds.complaint_of("a\nb"), "b")
        self.assertEqual(rounds.complaint_of(""), "")

    def test_a_failed_server_is_recorded_and_does_not_end_the_rounds(self):
        peer = peers.Peer("x", "X", "node", ("false",), "")
        scenario = scenarios.Scenario("idle", "", ("idle",), scenarios.RSS, ("x",))
        plan = rounds.Plan([scenario], {"x": peer}, 1, rounds.Places.of(rounds.usable_cpus() * 2))
        rounds.logs_folder()
        with patch.dict(peers.BY_NAME, {"x": peer}):
            [found] = rounds.run_all(plan, lambda _: None)
        self.assertIn("ended at once", found["error"])


if __name__ == "__main__":
    unittest.main()
