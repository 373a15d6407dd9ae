"""Runs that go on until they are precise enough, and runs that repeat an operator."""
import json
import signal
import unittest

from board import Board, operators_j, wait_for

TOP = "VDD_IN"


class Experiment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)

    def assert_adds_up(self, run):
        totals = run["totals"]
        parts = sum(totals[part]["time_s"] for part in ("setup", "warmup", "inference", "idle"))
        self.assertAlmostEqual(parts, totals["all"]["time_s"], delta=1e-3)

    def assert_traces_are_the_same_run(self, run):
        """Also with decisions between its blocks, or a loop behind them."""
        out = self.board.scratch / run["run"]["id"]
        done = self.board.ctl("export", run["run"]["id"], "--traces", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        again = self.board.json("import", "--samples", out / "samples.csv", "--markers",
                                out / "markers.csv", "--sensor", out / "sensor.toml")
        for rail, same in zip(run["energy"], again["energy"]):
            whole = rail["books"]["integral_j"]
            self.assertAlmostEqual(same["books"]["integral_j"] / whole, 1, delta=1e-9)
            self.assertAlmostEqual(same["books"]["operators_j"] / whole,
                                   rail["books"]["operators_j"] / whole, delta=1e-3)
        for part in ("setup", "warmup", "inference", "idle", "all"):
            self.assertAlmostEqual(again["totals"][part]["time_s"], run["totals"][part]["time_s"],
                                   delta=1e-9)

    def assert_is_near_the_truth(self, run):
        """Between its blocks the sensor's cycle is not seen: it has to be found again behind each."""
        shown = self.board.json("show", run["run"]["id"], "--truth")
        truth = sum(op["truth_j"][TOP] for op in shown["ops"])
        self.assertAlmostEqual(operators_j(shown, TOP) / truth, 1, delta=0.03)
        rail, = [r for r in shown["energy"] if r["rail"] == TOP]
        self.assertEqual(rail["windows"], "fitted")

    def assert_blocks(self, run):
        """Each block is longer than nothing, and all measured iterations are in them."""
        precision = run["precision"]
        iterations = [block["iterations"] for block in precision["blocks"]]
        self.assertEqual(iterations, sorted(set(iterations)))
        self.assertEqual(iterations[-1], run["run"]["iterations_completed"])
        self.assertTrue(all(op["executions"] == iterations[-1] for op in run["ops"]))
        self.assertEqual(precision["rails"], [TOP])
        return precision

    def test_goes_on_until_it_is_precise_enough(self):
        run = self.board.json("run", "--net", "squeezenet", "--iterations", "5", "--precision", "2%",
                              "--max-time", "2min")
        precision = self.assert_blocks(run)
        self.assertIs(precision["reached"], True)
        self.assertEqual(precision["target"], 0.02)
        self.assertLessEqual(precision["widest_interval"], 0.02)
        self.assertFalse([r for r in run["reasons"] if r.startswith("precision_not_reached")])
        self.assert_adds_up(run)
        shown = self.board.ctl("show", run["run"]["id"]).stdout
        self.assertIn("precision 2 % asked for", shown)
        self.assertIn(": reached", shown)

    def test_ends_when_its_time_is_over(self):
        done = self.board.ctl("run", "--net", "squeezenet", "--iterations", "5", "--precision", "0.01%",
                              "--max-time", "6s", "--json", "--require-valid")
        self.assertEqual(done.returncode, 1, done.stderr)
        run = json.loads(done.stdout)
        precision = self.assert_blocks(run)
        self.assertIs(precision["reached"], False)
        self.assertEqual(precision["max_time_s"], 6)
        self.assertEqual(run["run"]["state"], "DONE")
        self.assertIn(run["verdict"], ("SUSPECT", "INVALID"))
        reason, = [r for r in run["reasons"] if r.startswith("precision_not_reached")]
        self.assertIn(TOP, reason)
        self.assertGreater(len(precision["blocks"]), 1)
        self.assert_adds_up(run)
        self.assert_is_near_the_truth(run)
        self.assert_traces_are_the_same_run(run)

    def test_the_board_decides_without_its_host(self):
        done = self.board.ctl("run", "--net", "squeezenet", "--precision", "2%", "--max-time", "2min",
                              "--detach")
        self.assertEqual(done.returncode, 0, done.stderr)
        number = done.stdout.strip()
        fetched = self.board.ctl("fetch")
        self.assertEqual(fetched.returncode, 0, fetched.stderr)
        run = self.board.json("show", number)
        self.assertEqual(run["run"]["state"], "DONE")
        self.assertIs(self.assert_blocks(run)["reached"], True)

    def test_an_interrupt_while_it_decides_keeps_what_there_is(self):
        going = self.board.start_ctl("run", "--net", "squeezenet", "--precision", "0.01%")

        def job():
            jobs = json.loads(self.board.ctl("board", "--json").stdout)["jobs"]
            return next((j for j in jobs if j["state"] == "RUNNING" and j["widest_interval"]), None)

        shown = wait_for(job, 100, "the first decision")
        self.assertEqual(shown["precision"], 0.0001)
        going.send_signal(signal.SIGINT)
        _, errors = going.communicate(timeout=30)
        self.assertEqual(going.returncode, 130, errors)
        newest = self.board.json("runs")["runs"]
        shown = self.board.ctl("show", str(max(r["number"] for r in newest)), "--json")
        self.assertEqual(shown.returncode, 5, "not all that was asked for is there")
        run = json.loads(shown.stdout)
        self.assertEqual(run["run"]["state"], "CANCELLED")
        self.assertGreaterEqual(len(run["precision"]["blocks"]), 1)
        self.assertGreaterEqual(run["run"]["iterations_completed"],
                                run["precision"]["blocks"][-1]["iterations"])

    def test_repeats_an_operator_beside_its_attributed_energy(self):
        run = self.board.json("run", "--net", "squeezenet", "--iterations", "60", "--loop", "conv10",
                              "--loop-time", "1s")
        loop = run["loop"]
        self.assertEqual((loop["op"], loop["name"], loop["asked_s"]), (62, "conv10", 1))
        self.assertGreater(loop["executions"], 10)
        self.assertGreater(loop["time_s"], 0)
        top, = [rail for rail in loop["rails"] if rail["rail"] == TOP]
        low, high = top["energy_j"]["ci95"]
        self.assertTrue(0 < low < top["energy_j"]["mean"] < high)
        # What an operator draws on the simulated board does not depend on what ran before it.
        self.assertAlmostEqual(top["power_w"] / top["attributed_power_w"], 1, delta=0.05)
        self.assertAlmostEqual(top["difference_j"]["mean"],
                               top["energy_j"]["mean"] - top["attributed_j"]["mean"], delta=1e-9)
        self.assertIs(top["agrees"],
                      top["difference_j"]["ci95"][0] <= 0 <= top["difference_j"]["ci95"][1])
        self.assertTrue(all(op["executions"] == 60 for op in run["ops"]))
        self.assert_adds_up(run)
        self.assert_traces_are_the_same_run(run)
        shown = self.board.ctl("show", run["run"]["id"]).stdout
        self.assertIn("loop: conv10 (#62) repeated back to back", shown)
        self.assertIn("caches are warmer in a loop", shown)

    def test_values_that_cannot_be_are_refused_before_anything_runs(self):
        for flags, words in {
                ("--precision", "0"): "0.01% to 25%",
                ("--precision", "-1%"): "below 0",
                ("--precision", "200%"): "more than the whole",
                ("--precision", "2"): "2%",
                ("--max-time", "5min"): "requires --precision",
                ("--precision", "2%", "--max-time", "2h"): "time limit",
                ("--precision", "2%", "--precision-rail", "VDD_INN"): "did you mean 'VDD_IN'?",
                ("--loop", "conv11"): "did you mean conv1?",
                ("--loop", "66"): "0 to 65",
                ("--loop-time", "1s"): "requires --loop"}.items():
            done = self.board.ctl("run", "--net", "squeezenet", *flags)
            self.assertEqual(done.returncode, 2, f"{flags}: {done.stderr}")
            self.assertIn(words, done.stderr)


class Gauge(unittest.TestCase):
    def test_a_sensor_that_is_too_slow_for_operators_is_refused_at_once(self):
        with Board(board="sim:snapdragon-820") as board:
            done = board.ctl("run", "--net", "squeezenet", "--precision", "2%")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("operators cannot be told apart", done.stderr)


if __name__ == "__main__":
    unittest.main()
