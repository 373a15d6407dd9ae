"""A meter on the host whose clock drifts and jumps, beside a simulated board."""
import json
import subprocess
import unittest

from board import BIN, Board, without_identity

DRIFT_PPM = 80
OFFSET_S = 12345.678


class Meter(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)

    def command(self, *flags):
        return " ".join(["exec:exec", str(BIN / "synergy-fake-meter"), "--host", self.board.host, *flags])

    def run_with(self, *flags, iterations=60):
        return self.board.json("run", "--net", "squeezenet", "--iterations", str(iterations),
                               "--meter", self.command(*flags))

    def check_clock(self, clock, steps_ms):
        """The fit against what the fake meter's clock really did."""
        self.assertTrue(clock["fitted"])
        self.assertEqual([c["found"] for c in clock["chirps"]], [True, True])
        self.assertEqual(len(clock["jumps"]), len(steps_ms))
        for jump, step_ms in zip(clock["jumps"], steps_ms):
            self.assertLessEqual(abs(jump["step_s"] - step_ms * 1e-3), 1.5 * jump["uncertainty_s"])
        segments = clock["segments"]
        self.assertEqual(len(segments), len(steps_ms) + 1)
        ahead_ms = 0
        for segment, step_ms in zip(segments, [0, *steps_ms]):
            ahead_ms += step_ms
            # The drift counts from the meter's first reading, which was a few seconds before.
            offset_s = (segment["stamp_ns"] - segment["device_ns"]) * 1e-9 - ahead_ms * 1e-3 - OFFSET_S
            drifted_s = DRIFT_PPM * 1e-6 * 60
            self.assertGreater(offset_s, -2 * clock["uncertainty_s"])
            self.assertLess(offset_s, drifted_s + 2 * clock["uncertainty_s"])
        # A drift that the patterns, which are some seconds apart, can tell.
        self.assertLess(abs(clock["drift_ppm"] - DRIFT_PPM) * 1e-6 * 5, 4 * clock["uncertainty_s"])

    def check_energies(self, run):
        totals = run["totals"]["all"]["energy_j"]
        self.assertAlmostEqual(totals["meter:USB"] / totals["VDD_IN"], 1, delta=0.1)
        rails = {rail["name"]: rail for rail in run["rails"]}
        self.assertEqual(rails["meter:USB"]["scope"], "wall")
        self.assertIn("meter exec:", rails["meter:USB"]["description"])
        shortest = 2 * run["meter"]["clock"]["uncertainty_s"]
        for op in run["ops"]:
            absent = op["energy_j"]["meter:USB"]["mean"] is None
            self.assertEqual(absent, op["time_s"]["mean"] < shortest, op["name"])

    def check_stored(self, run):
        number = str(run["run"]["number"])
        self.assertEqual(self.board.json("show", number)["meter"], run["meter"])
        text = self.board.ctl("show", number).stdout
        self.assertIn("meter clock: ±", text)
        self.assertIn("meter:USB mJ", text)
        self.assertIn("meter:USB", self.board.ctl("export", number, "--format", "csv").stdout)
        self.check_exported(run, number)
        listed = self.board.json("runs")["runs"]
        mine = next(r for r in listed if r["number"] == run["run"]["number"])
        self.assertGreater(mine["bytes"], 0)

    def check_exported(self, run, number):
        """Its readings are in the records and in the timeline, on the board's clock."""
        lines = [json.loads(line) for line in self.board.ctl("export", number, "--format", "jsonl").stdout.splitlines()]
        end_ns = next(line["end_ns"] for line in lines if line["record"] == "end")
        samples = [line for line in lines if line["record"] == "meter_sample"]
        self.assertGreater(len(samples), 100)
        self.assertEqual({line["rail"] for line in samples}, {"meter:USB"})
        self.assertEqual(sorted(line["at_ns"] for line in samples), [line["at_ns"] for line in samples])
        self.assertLessEqual(samples[-1]["at_ns"], end_ns)
        trace = json.loads(self.board.ctl("export", number, "--format", "chrome").stdout)["traceEvents"]
        values = [event for event in trace if event["name"] == "meter:USB (W)"]
        self.assertEqual([event["args"]["value"] for event in values], [line["power_w"] for line in samples])
        page = self.board.ctl("report", number, "-o", "-", "--store", self.board.store)
        self.assertIn('"name":"meter:USB","step"', page.stdout)
        self.assertEqual(page.stderr, "")
        # The folder of csv has all of it: the same run in another store.
        folder, other = self.board.scratch / f"csv{number}", self.board.scratch / f"other{number}.db"
        self.assertEqual(self.board.ctl("export", number, "--format", "csv", "-o", f"{folder}/").returncode, 0)
        again = subprocess.run([BIN / "synergyctl", "import", folder, "--json", "--store", other], capture_output=True, text=True,
                               timeout=60)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.maxDiff = None
        self.assertEqual(without_identity(json.loads(again.stdout)), without_identity(run))
        rows = (folder / "meter.csv").read_text().splitlines()
        self.assertTrue(rows[0].startswith("# SIMULATED"), rows[0])
        self.assertEqual(len(rows) - 2, run["meter"]["rails"][0]["readings"])

    def test_a_clock_that_drifts_is_brought_onto_the_boards_and_the_store_keeps_it(self):
        run = self.run_with("--drift-ppm", str(DRIFT_PPM), "--offset-s", str(OFFSET_S))
        self.check_clock(run["meter"]["clock"], [])
        self.check_energies(run)
        self.assertFalse([r for r in run["reasons"] if r.startswith("meter")], run["reasons"])
        self.assertTrue(run["run"]["simulated"])
        self.check_stored(run)

    def test_each_job_of_a_file_has_its_meter(self):
        path = self.board.scratch / "job.toml"
        path.write_text(f'schema = 1\nname = "metered"\nnet = "squeezenet"\niterations = 60\nidle = 0\nrepetitions = 2\n'
                        f'meter = "{self.command("--offset-s", str(OFFSET_S))}"\n')
        done = self.board.ctl("submit", path, "--wait", "--sort", "index", "--json")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        jobs = json.loads(done.stdout)["sweeps"][0]["jobs"]
        self.assertEqual([job["state"] for job in jobs], ["done"] * 2)
        for job in jobs:
            self.check_energies(job["report"])
            self.assertTrue(job["report"]["meter"]["clock"]["fitted"])

    def test_a_clock_that_jumps_is_put_right_where_it_jumped(self):
        for jump_ms in (50, -50):
            with self.subTest(jump_ms=jump_ms):
                run = self.run_with("--drift-ppm", str(DRIFT_PPM), "--offset-s", str(OFFSET_S),
                                    "--jump-ms", str(jump_ms))
                self.check_clock(run["meter"]["clock"], [jump_ms])
                self.check_energies(run)

    def test_a_meter_that_measures_something_else_has_no_energies(self):
        run = self.run_with("--flat", iterations=10)
        self.assertFalse(run["meter"]["clock"]["fitted"])
        self.assertEqual(run["verdict"], "SUSPECT")
        self.assertTrue([r for r in run["reasons"] if r.startswith("meter_clock: ")])
        self.assertIsNone(run["totals"]["all"]["energy_j"]["meter:USB"])
        self.assertIsNotNone(run["totals"]["all"]["energy_j"]["VDD_IN"])
        exported = self.board.ctl("export", str(run["run"]["number"]), "--format", "chrome")
        self.assertIn("the readings of the host's meter are left out", exported.stderr)
        self.assertIn("the readings of the host's meter are left out", json.loads(exported.stdout)["otherData"]["left_out"])

    def test_a_meter_that_dies_leaves_the_boards_own_numbers(self):
        run = self.run_with("--die")
        self.assertEqual(run["verdict"], "SUSPECT")
        self.assertTrue([r for r in run["reasons"] if r.startswith("meter_gap: ")], run["reasons"])
        self.assertEqual(run["meter"]["ended"], "exited with code 3")
        self.assertIsNotNone(run["totals"]["all"]["energy_j"]["VDD_IN"])

    def test_what_is_no_meter_is_refused_before_anything_is_sent(self):
        before = len(self.board.json("runs")["runs"]) if self.board.store.exists() else 0
        for meter, why in (("exec:no-such-program-here", "exited with code 127"),
                           ("exec:echo hello", "expected is t_ns,rail,watts"),
                           ("joulescope", "exec:COMMAND"),
                           ("exec:", "exec:COMMAND")):
            with self.subTest(meter=meter):
                done = self.board.ctl("run", "--net", "squeezenet", "--meter", meter)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(why, done.stderr)
        after = len(self.board.json("runs")["runs"]) if self.board.store.exists() else 0
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
