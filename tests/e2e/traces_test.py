"""Traces of other tools as runs, and runs as traces."""
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile
import unittest

from board import without_identity

BIN = pathlib.Path(os.environ["SYNERGY_BIN"]).resolve()
SAMPLES = "rail,window_begin_ns,window_end_ns,power_w\n" + "".join(
    f"supply,{i * 1_000_000},{(i + 1) * 1_000_000},{5 + (i % 2) * 0.5}\n" for i in range(100))
MARKERS = "op,type,iteration,begin_ns,end_ns\n" + "".join(
    f"conv1,Conv,{i},{10_000_000 + i * 8_000_000},{14_000_000 + i * 8_000_000}\n"
    f"\"pool,1\",MaxPool,{i},{14_000_000 + i * 8_000_000},{16_000_000 + i * 8_000_000}\n" for i in range(10))


class Traces(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.store = self.folder / "store" / "synergy.db"
        self.store.parent.mkdir()
        self.write("samples.csv", SAMPLES)
        self.write("markers.csv", MARKERS)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def ctl(self, *arguments, store=None):
        return subprocess.run([BIN / "synergyctl", *map(str, arguments), "--store", str(store or self.store)],
                              capture_output=True, text=True, timeout=60)

    def traces(self, folder=None):
        folder = folder or self.folder
        return ["--samples", folder / "samples.csv", "--markers", folder / "markers.csv"]

    def import_json(self, *arguments, **options):
        done = self.ctl("import", *arguments, "--json", **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def rows(self, sql, store=None):
        connection = sqlite3.connect(store or self.store)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def test_an_import_is_a_run_like_any_other(self):
        run = self.import_json(*self.traces(), "--net", "tiny")
        self.assertEqual(run["run"]["net"], "tiny")
        self.assertEqual(run["run"]["iterations_completed"], 10)
        self.assertFalse(run["run"]["simulated"])
        self.assertEqual([op["name"] for op in run["ops"]], ["conv1", "pool,1"])
        self.assertAlmostEqual(run["totals"]["inference"]["energy_j"]["supply"], 5.25 * 0.06, delta=0.003)
        self.assertIsNotNone(run["idle"]["before"])
        self.assertIsNotNone(run["idle"]["after"])
        shown = self.ctl("show", "1", "--json")
        self.assertEqual(json.loads(shown.stdout), run)
        self.assertIn("conv1", self.ctl("export", "1", "--format", "csv").stdout)
        listed = json.loads(self.ctl("runs", "--json").stdout)["runs"]
        self.assertEqual([(r["net"], r["complete"], r["unfinished"]) for r in listed], [("tiny", True, False)])
        self.assertEqual(self.rows("SELECT channel, sum(count) FROM chunks WHERE channel > 0 GROUP BY channel"),
                         [(1, 30), (2, 100)])
        text = self.ctl("import", *self.traces(), "--net", "other")
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn("one inference", text.stdout)

    def test_the_same_again_is_refused(self):
        self.import_json(*self.traces())
        again = self.ctl("import", *self.traces())
        self.assertEqual(again.returncode, 4)
        self.assertIn("as run 1", again.stderr)
        self.assertEqual(self.rows("SELECT count(*) FROM runs"), [(1,)])

    def test_an_import_that_was_killed_is_done_again(self):
        self.import_json(*self.traces())
        connection = sqlite3.connect(self.store)
        connection.execute("DELETE FROM chunks WHERE seq > 2")
        connection.execute("UPDATE runs SET complete = 0, next_seq = 3, acknowledged_seq = 0, state = 2")
        connection.commit()
        connection.close()
        run = self.import_json(*self.traces())
        self.assertEqual(run["run"]["iterations_completed"], 10)
        self.assertEqual(self.rows("SELECT complete FROM runs"), [(1,)])

    def test_an_export_is_imported_as_the_same(self):
        first = self.import_json(*self.traces())
        out = self.folder / "out"
        done = self.ctl("export", "1", "--traces", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(p.name for p in out.iterdir()), ["markers.csv", "operators.csv", "records.jsonl", "samples.csv", "sensor.toml"])
        other = self.folder / "other.db"
        second = self.import_json(*self.traces(out), "--sensor", out / "sensor.toml",
                                  "--operators", out / "operators.csv", store=other)
        for key in ("ops", "types", "totals", "iteration_time_s", "rails", "verdict", "reasons", "idle"):
            self.assertEqual(second[key], first[key], key)
        self.assertEqual(second["run"]["started_at"], first["run"]["started_at"])
        self.assertTrue((out / "samples.csv").read_text().startswith("rail,"), "nothing is simulated")
        (out / "samples.csv").unlink()
        (out / "markers.csv").write_text("mine")
        done = self.ctl("export", "1", "--traces", out)
        self.assertEqual(done.returncode, 2)
        self.assertIn("markers.csv: it is there already; nothing was written", done.stderr)
        self.assertEqual((out / "markers.csv").read_text(), "mine")
        self.assertFalse((out / "samples.csv").exists())
        self.assertEqual(self.ctl("export", "1", "--traces", out, "--force").returncode, 0)
        self.assertTrue((out / "samples.csv").exists())
        self.assertNotEqual((out / "markers.csv").read_text(), "mine")
        readings = "SELECT sequence, count, data FROM chunks WHERE channel > 0 ORDER BY channel, sequence"
        self.assertEqual(self.rows(readings, other), self.rows(readings))

    def test_an_export_of_any_sensor_gives_the_same_joules(self):
        """Currents and voltages, counters, behind a filter, with readings that fail."""
        cases = [("sim:jetson-tx1",), ("sim:jetson-tx1", "--fault", "averages:64"),
                 ("sim:jetson-tx1", "--fault", "known-windows", "--rate", "1700"),
                 ("sim:jetson-agx-orin", "--fault", "read-errors:0.01"), ("sim:generic-x86-rapl",),
                 ("sim:snapdragon-820",)]
        for number, (board, *more) in enumerate(cases):
            with self.subTest(board=board, more=more):
                spool, out = self.folder / f"{number}.spool", self.folder / f"out{number}"
                stores = [self.folder / f"{number}{which}.db" for which in "ab"]
                subprocess.run([BIN / "synergy-sim", "--board", board, *more, "--net", "squeezenet", "--threads", "4",
                                "--iterations", "30", "--seed", str(number), "-o", spool],
                               check=True, capture_output=True, timeout=60)
                first = self.import_json("--spool", spool, store=stores[0])
                done = self.ctl("export", "1", "--traces", out, store=stores[0])
                self.assertEqual(done.returncode, 0, done.stderr)
                second = self.import_json(*self.traces(out), "--sensor", out / "sensor.toml", store=stores[1])
                self.assertEqual(second["verdict"], first["verdict"])
                self.assertEqual(second["reasons"], first["reasons"])
                self.assertEqual([op["energy_j"] for op in second["ops"]], [op["energy_j"] for op in first["ops"]])
                for key in ("totals", "energy", "groups"):
                    self.assertEqual(second[key], first[key], key)
                # With all that the folder has it is the same run to the last word.
                third = self.import_json(out, store=self.folder / f"{number}c.db")
                self.maxDiff = None
                self.assertEqual(without_identity(third), without_identity(first))
                self.assertTrue(third["run"]["id"].startswith("import-"))
                if "averages:64" in more:
                    # All of a sensor file may be left out but its name: an oscillator that is said to be exact.
                    text = (out / "sensor.toml").read_text()
                    (out / "exact.toml").write_text(re.sub(r"(?m)^period_tolerance.*\n", "", text))
                    self.assertNotEqual((out / "exact.toml").read_text(), text)
                    exact = self.import_json(*self.traces(out), "--sensor", out / "exact.toml",
                                             store=self.folder / f"{number}d.db")
                    for of_exact, of_first in zip(exact["energy"], first["energy"], strict=True):
                        self.assertAlmostEqual(of_exact["inference_j"]["mean"] / of_first["inference_j"]["mean"], 1, 1)
                again = self.ctl("import", out, store=self.folder / f"{number}c.db")
                self.assertEqual(again.returncode, 4, again.stderr)

    def test_an_export_of_a_run_that_is_not_whole_is_none_either(self):
        spool, out = self.folder / "run.spool", self.folder / "out"
        subprocess.run([BIN / "synergy-sim", "--board", "sim:jetson-tx1", "--net", "squeezenet", "--iterations", "20",
                        "--seed", "1", "-o", spool], check=True, capture_output=True, timeout=60)
        spool.write_bytes(spool.read_bytes()[:-20])
        self.assertEqual(self.ctl("import", "--spool", spool).returncode, 5)
        self.assertEqual(self.ctl("export", "1", "--traces", out).returncode, 5)
        done = self.ctl("import", out, "--json", store=self.folder / "other.db")
        self.assertEqual(done.returncode, 5, done.stderr)
        first, second = (json.loads(text) for text in (self.ctl("show", "1", "--json").stdout, done.stdout))
        self.assertTrue(second["run"]["partial"])
        self.assertEqual(second["ops"], first["ops"])
        self.assertEqual(second["conditions"], first["conditions"])

    def test_what_is_wrong_is_told_with_its_line_and_nothing_is_stored(self):
        cases = {
            "samples.csv": [("rail,power_w\n", ":1: the column 'window_begin_ns' is missing"),
                            (SAMPLES.replace("power_w", "watts"), ":1: 'watts' is no column"),
                            (SAMPLES.replace("supply,3000000,", "supply,x,"), ":5: window_begin_ns is 'x'"),
                            (SAMPLES.replace("3000000,4000000", "3000000,2999999"), ":5: window_end_ns"),
                            (SAMPLES.replace(",", ";"), "not separated by commas"), ("", "it is empty"),
                            (SAMPLES + SAMPLES.splitlines()[-1], ":102: the rail 'supply' has the window")],
            "markers.csv": [(MARKERS + "conv1,Conv,3,1,2\n", "iterations must follow each other"),
                            (MARKERS.replace("Conv,3", "Con,3"), ":8: the operator 'conv1' is of type 'Con'"),
                            ("op,type,iteration,begin_ns,end_ns\n", "there is no row"),
                            (MARKERS + MARKERS.splitlines()[3], ":22: the operator 'conv1' has the span"),
                            (MARKERS.replace("\"pool,1\"", "pool,1"), ":3: the row has 6 fields")],
            "operators.csv": [("index,name,type\n0,a,Conv\n", "it tells operators by their index"),
                              ("index,name\n", ":1: the column 'type' is missing"), ("", "it is empty")],
            "sensor.toml": [("schema = 1\nnoise = 1\n", "line 2"), ("", "it is empty"),
                            ("schema = 1\n[[rail]]\nname = \"suply\"\n", "did you mean 'supply'?")],
        }
        for name, wrong in cases.items():
            for text, why in wrong:
                with self.subTest(name=name, why=why):
                    self.write("samples.csv", SAMPLES)
                    self.write("markers.csv", MARKERS)
                    self.write("sensor.toml", "schema = 1\n")
                    self.write(name, text)
                    more = ["--operators", self.folder / name] if name == "operators.csv" else []
                    done = self.ctl("import", *self.traces(), "--sensor", self.folder / "sensor.toml", *more)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(why, done.stderr)
                    self.assertEqual(done.stdout, "")
        self.assertEqual(self.rows("SELECT count(*) FROM runs"), [(0,)])
        self.assertEqual(self.rows("SELECT count(*) FROM chunks"), [(0,)])
        self.write("samples.csv", SAMPLES)
        self.write("markers.csv", MARKERS)
        self.import_json(*self.traces())
        self.assertEqual(self.rows("SELECT run FROM runs"), [(1,)], "no number is lost")

    def test_every_format_is_written_whole_or_not_at_all(self):
        self.import_json(*self.traces())
        for name in ("perfetto", "chrome", "csv", "json", "jsonl", "markdown", "latex"):
            with self.subTest(format=name):
                file = self.folder / f"run.{name}"
                file.write_text("before")
                done = self.ctl("export", "1", "--format", name, "-o", file)
                self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
                printed = subprocess.run([BIN / "synergyctl", "export", "1", "--format", name, "-o", "-", "--store",
                                          self.store], capture_output=True, timeout=60)
                self.assertEqual(printed.stdout, file.read_bytes())
                full = self.ctl("export", "1", "--format", name, "-o", "/dev/full")
                self.assertEqual(full.returncode, 1)
                self.assertIn("no space left", full.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.startswith(".")], [])
        self.assertEqual(self.ctl("export", "1", "--format", "csv", "-o", f"{self.folder / 'new'}/").returncode, 0)
        self.assertTrue((self.folder / "new" / "operators.csv").exists())
        again = self.ctl("export", "1", "--format", "csv", "-o", self.folder / "new")
        self.assertEqual(again.returncode, 2)
        self.assertIn("--force", again.stderr)
        for name, says in (("table", True), ("table.csv", False)):
            done = self.ctl("export", "1", "--format", "csv", "-o", self.folder / name)
            self.assertEqual((done.returncode, f"{name}/ writes the files that import reads" in done.stderr), (0, says))
        wrong = self.ctl("export", "1", "--format", "perfeto")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("markdown", wrong.stderr)

    def test_wrong_flags_are_bad_input(self):
        for arguments in (["import"], ["import", self.folder / "none"], ["import", self.folder, "--records", "x"],
                          ["import", self.folder, "--spool", "x"], ["import", "--samples", self.folder / "samples.csv"],
                          ["import", "--spool", "x", "--net", "n"], ["import", "--spool", "x", "--operators", "o"], ["import", "--spool", self.folder],
                          ["import", "--spool", self.folder / "samples.csv"],
                          ["import", "--samples", "no", "--markers", "no"], ["export", "1"],
                          ["export", "1", "--traces", "x", "--format", "csv"],
                          ["export", "1", "--format", "csv", "--force"],
                          ["export", "1", "--traces", self.folder / "samples.csv"],
                          ["export", "1", "--traces", self.folder / "no" / "x"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.ctl(*arguments).returncode, 2)

    def spool(self, run=1):
        """A spool file of a stored run: frames of a length and a synergy.v1.Chunk."""
        frames = b""
        sql = "SELECT seq, channel, sequence, count, encoding, crc32c, data FROM chunks WHERE run = ? ORDER BY seq"
        connection = sqlite3.connect(self.store)
        for seq, channel, sequence, count, encoding, crc, data in connection.execute(sql, (run,)):
            chunk = b""
            for field, value in ((1, seq), (2, channel), (3, sequence), (4, count), (5, encoding)):
                chunk += bytes([field << 3]) + varint(value) if value else b""
            chunk += b"\x35" + crc.to_bytes(4, "little") + b"\x3a" + varint(len(data)) + data
            frames += len(chunk).to_bytes(4, "little") + chunk
        connection.close()
        return frames

    def test_overlap_and_holes_are_in_the_verdict(self):
        self.write("markers.csv", MARKERS.replace(",14000000,16000000", ",13000000,16000000"))
        run = self.import_json(*self.traces())
        self.assertEqual([reason.split(":")[0] for reason in run["reasons"]], ["overlap"])
        self.write("markers.csv", MARKERS)
        rows = SAMPLES.splitlines(keepends=True)
        for lost, verdict, code, reasons in ((slice(30, 60), "SUSPECT", 0, ["ticks_missed"]),
                                             (slice(5, 99), "INVALID", 1, ["few_readings"])):
            self.write("samples.csv", "".join(row for row in rows if row not in rows[lost]))
            done = self.ctl("import", *self.traces(), "--method", "integrate", "--json")
            self.assertEqual(done.returncode, code, done.stderr)
            run = json.loads(done.stdout)
            self.assertEqual(run["verdict"], verdict)
            self.assertEqual([reason.split(":")[0] for reason in run["reasons"]], reasons)

    def test_a_spool_is_a_run(self):
        run = self.import_json(*self.traces())
        path = self.folder / "run.spool"
        path.write_bytes(self.spool())
        other = self.folder / "other.db"
        second = self.import_json("--spool", path, store=other)
        self.assertEqual(second, run)
        self.assertEqual(self.ctl("import", "--spool", path, store=other).returncode, 4)

    def test_a_virtual_run_comes_with_its_truth_and_its_traces_give_the_same_joules(self):
        path = self.folder / "run.spool"
        subprocess.run([BIN / "synergy-sim", "--board", "sim:jetson-tx1", "--net", "squeezenet", "--iterations", "20",
                        "--seed", "1", "-o", path], check=True, capture_output=True, timeout=60)
        run = self.import_json("--spool", path, "--method", "integrate")
        self.assertTrue(run["run"]["simulated"])
        shown = json.loads(self.ctl("show", "1", "--truth", "--json").stdout)
        self.assertIsNotNone(shown["truth"]["VDD_IN"]["mean_error"])
        out = self.folder / "out"
        self.assertEqual(self.ctl("export", "1", "--traces", out).returncode, 0)
        again = self.import_json(*self.traces(out), "--sensor", out / "sensor.toml", "--method", "integrate")
        self.assertTrue(again["run"]["simulated"])
        self.assertEqual(again["verdict"], run["verdict"])
        self.assertEqual(len(again["ops"]), len(run["ops"]))
        for before, after in zip(run["ops"], again["ops"]):
            self.assertEqual((after["name"], after["executions"], after["time_s"]),
                             (before["name"], before["executions"], before["time_s"]))
            for rail, energy in before["energy_j"].items():
                self.assertAlmostEqual(after["energy_j"][rail]["mean"] / energy["mean"], 1, delta=1e-9)
        count = "SELECT sum(count) FROM chunks WHERE channel = 1 AND run = "
        self.assertEqual(self.rows(count + "1"), self.rows(count + "2"))
        # Whoever has the tables alone sees that nothing was measured, and so does import.
        for name in ("samples.csv", "markers.csv"):
            self.assertTrue((out / name).read_text().startswith("# SIMULATED: "), name)
        sensor = (out / "sensor.toml").read_text()
        self.assertIn("simulated = true", sensor)
        unsaid = self.write("unsaid.toml", sensor.replace("simulated = true", "simulated = false"))
        alone = self.import_json(*self.traces(out), "--sensor", unsaid, "--method", "integrate")
        self.assertTrue(alone["run"]["simulated"])
        # A truth that is not this run's is left out, and said.
        (self.folder / "run.spool.truth").write_bytes(b"garbage")
        other = self.ctl("import", "--spool", path, store=self.folder / "other.db")
        self.assertEqual(other.returncode, 0, other.stderr)
        self.assertIn("the truth in", other.stderr)

    def test_of_a_damaged_spool_what_is_whole_is_stored_and_the_rest_said(self):
        self.import_json(*self.traces())
        whole = self.spool()
        path = self.folder / "run.spool"
        flipped = whole[:-30] + bytes([whole[-30] ^ 0xFF]) + whole[-29:]
        starts = [0]
        while starts[-1] < len(whole):
            starts.append(starts[-1] + 4 + int.from_bytes(whole[starts[-1]:starts[-1] + 4], "little"))
        missing = whole[:starts[3]] + whole[starts[4]:]
        for i, (data, why) in enumerate(((whole[:-20], "cut off within chunk"), (flipped, "damaged at byte"),
                                         (missing, "stands where chunk 3 should"))):
            with self.subTest(why=why):
                path.write_bytes(data)
                store = self.folder / f"damaged{i}.db"
                done = self.ctl("import", "--spool", path, store=store)
                self.assertEqual(done.returncode, 5, done.stderr)
                self.assertIn(why, done.stderr)
                self.assertGreater(self.rows("SELECT next_seq FROM runs", store)[0][0], 1)
                # What was missing comes with the whole file.
                path.write_bytes(whole)
                done = self.ctl("import", "--spool", path, store=store)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.rows("SELECT complete, abandoned FROM runs", store), [(1, 0)])


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


if __name__ == "__main__":
    unittest.main()
