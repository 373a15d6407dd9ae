"""Nets whose operators run at the same time: markers, books and what the report says of overlaps."""
import os
import unittest

from board import Board, operators_j

ENGINES = ("caffe2-eigen", "caffe2-openblas")
ITERATIONS = 12
THREADS = min(2, len(os.sched_getaffinity(0)))


class ParallelNet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)

    def run_net(self, engine, net_type, threads):
        return self.board.json("run", "--net", "squeezenet", "--engine", engine, "--net-type", net_type,
                               "--threads", str(threads), "--iterations", str(ITERATIONS))

    def check(self, run):
        """What holds whether or not operators overlapped."""
        self.assertEqual(run["run"]["state"], "DONE")
        self.assertFalse([r for r in run["reasons"] if r.startswith(("markers", "ring", "incomplete"))])
        self.assertEqual({op["executions"] for op in run["ops"]}, {ITERATIONS})
        self.assertEqual([op["index"] for op in run["ops"]], list(range(len(run["ops"]))))
        totals = run["totals"]
        for rail, whole in totals["all"]["energy_j"].items():
            ops = ITERATIONS * operators_j(run, rail)
            parts = ops + sum(totals[p]["energy_j"][rail]
                              for p in ("setup", "warmup", "idle", "unattributed"))
            self.assertAlmostEqual(parts / whole, 1, delta=1e-6)
        times = ITERATIONS * sum(op["time_s"]["mean"] for op in run["ops"])
        overlap = run["overlap"]
        # Two operators at most at once: what their times have too much passed twice.
        self.assertAlmostEqual(times - totals["inference"]["time_s"], overlap["time_s"], delta=1e-6)
        self.assertEqual(overlap["overlapped"], overlap["time_s"] > 0)
        self.assertTrue(0 <= overlap["time_share"] <= 1)
        said = any(reason.startswith("overlap:") for reason in run["reasons"])
        self.assertEqual(said, overlap["time_share"] > 0.01)
        expected = self.board.json("show", run["run"]["id"], "--limit", "overlap=100%")
        self.assertFalse([r for r in expected["reasons"] if r.startswith("overlap:")])

    def test_operators_of_an_async_net_are_measured_by_both_engines(self):
        for engine in ENGINES:
            with self.subTest(engine=engine):
                run = self.run_net(engine, "async_scheduling", THREADS)
                self.check(run)
                self.assertEqual(run["run"]["threads"], THREADS)
                self.assertEqual([op["type"] for op in run["ops"]].count("Conv"), 26)

    def test_the_truth_shares_by_the_same_rule(self):
        run = self.run_net("caffe2-openblas", "async_scheduling", THREADS)
        shown = self.board.json("show", run["run"]["id"], "--truth")
        # Of a rail that hardly moves, 12 iterations may know all operators together only.
        known = {rail: truth["total_error"] for rail, truth in shown["truth"].items() if truth["total_error"] is not None}
        self.assertLessEqual({"VDD_IN", "VDD_CPU"}, set(known))
        for rail, error in known.items():
            self.assertLess(abs(error), 0.2, rail)

    def test_operators_of_a_simple_net_never_overlap(self):
        run = self.run_net("caffe2-eigen", "simple", 1)
        self.check(run)
        self.assertEqual(run["overlap"], {"overlapped": False, "time_s": 0, "time_share": 0})
        self.assertNotIn("overlapped", self.board.ctl("show", run["run"]["id"]).stdout)

    @unittest.skipIf(THREADS < 2, "more threads than CPUs are refused anyway")
    def test_threads_within_an_operator_are_refused_where_the_engine_has_one(self):
        refused = self.board.ctl("run", "--net", "squeezenet", "--engine", "caffe2-eigen", "--threads", "2",
                                 "--net-type", "simple")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("thread", refused.stderr)


if __name__ == "__main__":
    unittest.main()
