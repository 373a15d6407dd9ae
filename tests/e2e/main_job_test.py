"""The main job through every process: nets in, joules per operator out."""
import csv
import io
import json
import sqlite3
import unittest

from board import Board, operators_j

RAILS = ["VDD_CPU", "VDD_GPU", "VDD_IN"]


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)
        cls.run_json = cls.board.json("run", "--net", "squeezenet", "--iterations", "40", "--seed", "7")

    def test_run_prints_the_documented_fields(self):
        run = self.run_json["run"]
        self.assertGreaterEqual(self.run_json["schema_version"], 1)
        self.assertEqual(run["net"], "squeezenet")
        self.assertEqual(run["iterations"], 40)
        self.assertEqual((run["batch"], run["threads"]), (1, 1))
        self.assertIs(run["simulated"], True)
        for field in ("id", "board", "engine", "started_at"):
            self.assertTrue(run[field], field)
        rails = {r["name"]: r for r in self.run_json["rails"]}
        self.assertEqual(sorted(rails), RAILS)
        self.assertEqual(rails["VDD_CPU"]["contained_in"], "VDD_IN")
        for op in self.run_json["ops"]:
            low, high = op["time_s"]["ci95"]
            self.assertLessEqual(low, op["time_s"]["mean"])
            self.assertLessEqual(op["time_s"]["mean"], high)
            self.assertEqual(sorted(op["energy_j"]), RAILS)
        self.assertGreater(self.run_json["sampling"]["achieved_hz"], 0)
        self.assertIn("missed", self.run_json["sampling"])
        self.assertIsInstance(self.run_json["gaps"], list)

    def test_operators_are_those_of_the_network(self):
        ops = self.run_json["ops"]
        types = [op["type"] for op in ops]
        self.assertEqual(types.count("Conv"), 26)
        self.assertEqual(types.count("MaxPool"), 3)
        self.assertEqual(types.count("Concat"), 8)
        self.assertEqual([op["index"] for op in ops], list(range(len(ops))))
        conv_macs = sum(op["macs"] for op in ops if op["type"] == "Conv")
        self.assertAlmostEqual(conv_macs / 0.862e9, 1, delta=0.02)

    def test_the_books_close(self):
        totals = self.run_json["totals"]
        for rail in RAILS:
            ops = operators_j(self.run_json, rail) * 40
            self.assertAlmostEqual(ops / totals["inference"]["energy_j"][rail], 1, delta=1e-6)
            parts = sum(totals[p]["energy_j"][rail]
                        for p in ("setup", "warmup", "inference", "idle", "unattributed"))
            self.assertAlmostEqual(parts / totals["all"]["energy_j"][rail], 1, delta=1e-9)
            unattributed = totals["unattributed"]["energy_j"][rail] / totals["all"]["energy_j"][rail]
            # A rail of two steps is off by what rounding does to the plain integral.
            self.assertAlmostEqual(unattributed, 0, delta=0.1 if rail == "VDD_GPU" else 0.02)

    def test_powers_are_those_of_a_tx1(self):
        inference = self.run_json["totals"]["inference"]
        self.assertTrue(3.5 < inference["energy_j"]["VDD_IN"] / inference["time_s"] < 8)
        self.assertGreater(inference["energy_j"]["VDD_IN"],
                           inference["energy_j"]["VDD_CPU"] + inference["energy_j"]["VDD_GPU"])

    def test_show_repeats_what_run_said(self):
        self.assertEqual(self.board.json("show", self.run_json["run"]["id"])["ops"], self.run_json["ops"])

    def test_tables_say_that_the_board_is_simulated(self):
        shown = self.board.ctl("show", self.run_json["run"]["id"])
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("simulated", shown.stdout.lower())
        self.assertIn("fire2/squeeze1x1", shown.stdout)
        listed = self.board.ctl("runs")
        self.assertIn("squeezenet", listed.stdout)

    def test_truth_is_shown_beside_the_estimate(self):
        shown = self.board.json("show", self.run_json["run"]["id"], "--truth")
        for op in shown["ops"]:
            self.assertGreater(op["truth_j"]["VDD_IN"], 0)
        whole = operators_j(shown, "VDD_IN")
        truth = sum(op["truth_j"]["VDD_IN"] for op in shown["ops"])
        self.assertAlmostEqual(whole / truth, 1, delta=0.05)

    def test_exports_hold_every_operator(self):
        run = self.run_json["run"]["id"]
        exported = self.board.ctl("export", run, "--format", "csv")
        self.assertEqual(exported.returncode, 0, exported.stderr)
        lines = [l for l in exported.stdout.splitlines() if not l.startswith("#")]
        rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
        self.assertEqual(len(rows), len(self.run_json["ops"]))
        self.assertIn("simulated", exported.stdout)
        as_json = self.board.ctl("export", run, "--format", "json")
        self.assertEqual(json.loads(as_json.stdout)["ops"], self.run_json["ops"])

    def test_the_store_is_plain_sqlite(self):
        with sqlite3.connect(self.board.store) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            self.assertEqual(db.execute("PRAGMA foreign_key_check").fetchall(), [])
            self.assertGreater(db.execute("SELECT count(*) FROM chunks").fetchone()[0], 5)

    def test_iterations_come_after_pauses_of_the_sensors_cycle_or_as_asked(self):
        # An INA3221 at its fastest: six conversions of 140 us.
        self.assertAlmostEqual(self.run_json["run"]["longest_pause_s"], 0.00084)
        shown = self.board.ctl("show", self.run_json["run"]["id"]).stdout
        self.assertIn("pauses of 0 to 0.84 ms before iterations", shown)
        for engine, pause, seconds in (("caffe2-eigen", "3ms", 0.003), ("caffe2-openblas", "0", 0)):
            run = self.board.json("run", "--net", "squeezenet1.1", "--iterations", "5", "--engine", engine,
                                  "--pause", pause)
            self.assertAlmostEqual(run["run"]["longest_pause_s"], seconds)
            self.assertNotIn("no_pauses", [notice["code"] for notice in run["notices"]])

    def test_pauses_that_cannot_be_are_refused(self):
        for pause, said in (("-1", "-1 is below 0"), ("nan", "'nan'"), ("soon", "'soon'"),
                            ("11", "--pause: 11 given; 0 (none) to 10 s")):
            refused = self.board.ctl("run", "--net", "squeezenet", f"--pause={pause}")
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(said, refused.stderr)

    def test_a_run_that_is_not_valid_fails_where_that_is_required(self):
        # One iteration gives fewer readings than there are operators.
        few = ("run", "--net", "squeezenet1.1", "--iterations", "1")
        suspect = self.board.ctl(*few, "--json")
        self.assertEqual(suspect.returncode, 0, suspect.stderr)
        self.assertEqual(json.loads(suspect.stdout)["verdict"], "SUSPECT")
        required = self.board.ctl(*few, "--require-valid", "--json")
        self.assertEqual(required.returncode, 1, required.stderr)
        self.assertIn("is SUSPECT (few_", required.stderr)
        run = json.loads(required.stdout)
        self.assertTrue(all(": " in reason for reason in run["reasons"]))

    def test_limits_that_cannot_be_are_refused(self):
        run = self.run_json["run"]["id"]
        for limit, said in (("overlaps=5%", "did you mean 'overlap'?"), ("overlap", "overlap: give a number"),
                            ("idle_shift=101%", "from 0% to 100%")):
            refused = self.board.ctl("show", run, "--limit", limit)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertIn(said, refused.stderr)

    def test_the_other_engine_runs_too(self):
        other = self.board.json("run", "--net", "squeezenet1.1", "--iterations", "5", "--engine",
                                "caffe2-eigen")
        self.assertEqual(other["run"]["engine"], "caffe2-eigen")
        self.assertTrue(all(op["time_s"]["mean"] > 0 for op in other["ops"]))

    def test_threads_and_batch_reach_the_engine(self):
        run = self.board.json("run", "--net", "squeezenet1.1", "--iterations", "3", "--batch", "2",
                              "--threads", "2", "--engine", "caffe2-openblas")
        self.assertEqual((run["run"]["batch"], run["run"]["threads"]), (2, 2))
        conv = next(op for op in run["ops"] if op["type"] == "Conv")
        self.assertEqual(conv["output_shapes"][0][0], 2)


if __name__ == "__main__":
    unittest.main()
