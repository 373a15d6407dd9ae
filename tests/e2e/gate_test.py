"""Runs in virtual time, compared and gated; job files that the gate measures by itself."""
import json
import pathlib
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from board import BIN, Board

RUN = ("--board", "sim:jetson-tx1", "--net", "squeezenet", "--iterations", "20", "--threads", "4",
       "--fault", "gain:0", "--fault", "known-windows")  # so that no cycle is looked for, which takes a second a run


class Gate(unittest.TestCase):
    """Runs 1 to 3 are the baseline `main`, 4 to 6 are like it (`same`), 7 to 9 draw more (`more`). Each is of another
    virtual board, of the same gains, hence --force."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for tag, seeds, scale in (("main", (1, 2, 3), "1"), ("same", (4, 5, 6), "1"), ("more", (7, 8, 9), "1.15")):
            for seed in seeds:
                cls.played(f"run{seed}", "--seed", str(seed), "--energy-scale", scale)
                cls.good("tag", "last", tag, *(("--add",) if seed != seeds[0] else ()))

    @classmethod
    def played(cls, name, *flags, ends=0):
        subprocess.run([BIN.resolve() / "synergy-sim", *RUN, *flags, "-o", name], cwd=cls.folder, check=True,
                       stdout=subprocess.PIPE)
        done = cls.ctl("import", "--spool", name)
        assert done.returncode == ends, done.stderr

    @classmethod
    def ctl(cls, *args):
        return subprocess.run([BIN.resolve() / "synergyctl", *args, "--store", cls.folder / "store.db"], cwd=cls.folder,
                              text=True, capture_output=True)

    @classmethod
    def good(cls, *args):
        done = cls.ctl(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def gate(self, *args):
        return self.ctl("gate", *args, "--force")

    def test_a_gate_passes_fails_and_says_when_it_cannot_tell(self):
        for candidate, limit, code, word in (("same", "5%", 0, "PASS"), ("more", "2%", 1, "FAIL"),
                                             ("more", "150%", 0, "PASS"), ("4", "0.01%", 5, "INCONCLUSIVE")):
            done = self.gate("main", candidate, "--max-increase", limit)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertTrue(done.stdout.startswith(word + ": SIMULATED energy on VDD_IN"), done.stdout)

    def test_of_one_run_each_the_scatter_is_assumed_and_that_is_said(self):
        result = json.loads(self.gate("1", "7", "--max-increase", "2%", "--between-run", "0.5%", "--json").stdout)
        self.assertIn("ASSUMED: runs differ by 0.5 %", result["between_runs"])
        self.assertGreater(result["values"][0]["increase"], 0.03)
        result = json.loads(self.gate("1", "7", "--max-increase", "2%", "--per-op", "--json").stdout)
        self.assertEqual({value["decision"] for value in result["values"] if value["level"] == "operator"}, {"INCONCLUSIVE"})
        self.assertIn("operators are not decided by one run of each side", " ".join(result["notes"]))

    def test_documents_for_machines(self):
        done = self.gate("main", "more", "--max-increase", "2%", "--junit", "gate.xml", "--github", "--markdown")
        self.assertIn("::error title=synergyctl gate FAIL (SIMULATED)::network: +", done.stdout)
        self.assertIn("### FAIL: SIMULATED energy", done.stdout)
        self.assertIn("| network | FAIL |", done.stdout)
        suite = xml.etree.ElementTree.parse(self.folder / "gate.xml").getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("1", "1"))
        self.assertTrue(suite.get("name").startswith("SIMULATED"))

    def test_operators_and_other_metrics(self):
        done = self.gate("main", "more", "--max-increase", "50%", "--per-op", "--rail", "VDD_CPU", "--json")
        result = json.loads(done.stdout)
        self.assertEqual(result["correction"], "Holm")
        self.assertTrue(result["simulated"])
        self.assertEqual([run["number"] for run in result["baseline"]["runs"]], [1, 2, 3])
        self.assertGreater(len(result["values"]), 20)
        time = json.loads(self.gate("main", "more", "--max-increase", "5%", "--metric", "time", "--json").stdout)
        self.assertEqual((time["decision"], time["rail"]), ("PASS", None))

    def test_pairs_may_be_looked_at_after_each(self):
        done = self.gate("main", "more", "--max-increase", "2%", "--pairs")
        self.assertIn(done.returncode, (1, 5))
        self.assertIn("3 pairs", done.stdout)
        done = self.gate("main", "7", "--max-increase", "2%", "--pairs")
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("has 3 and '7' has 1 runs", done.stderr)

    def test_compare_shows_all_levels_of_all_rails(self):
        document = json.loads(self.good("compare", "main", "more", "--json"))
        self.assertIn("VDD_CPU", [rail["rail"] for rail in document["comparisons"]])
        levels = {value["level"] for value in document["comparisons"][0]["values"]}
        self.assertEqual(levels, {"network", "type", "module", "operator"})
        network = document["comparisons"][0]["values"][0]["increase"]
        self.assertLess(network["ci95"][0], network["mean"])
        text = self.good("compare", "1", "7", "--rail", "VDD_IN")
        self.assertIn("energy on VDD_IN", text)

    def test_what_cannot_be_compared_is_refused(self):
        subprocess.run([BIN.resolve() / "synergy-sim", "--board", "sim:jetson-tx1", "--net", "alexnet", "--iterations",
                        "3", "--idle", "0.1", "-o", "other"], cwd=self.folder, check=True, stdout=subprocess.PIPE)
        self.good("import", "--spool", "other")
        for args in (("compare", "main", "last"), ("gate", "main", "last", "--max-increase", "2%"),
                     ("gate", "main", "same", "--max-increase", "2%")):
            done = self.ctl(*args)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn("--force", done.stderr)
        self.assertEqual(self.ctl("compare", "main", "last", "--force").returncode, 0)
        for text, args in (("itself", ("compare", "1", "main")), ("no run 'nothing'", ("gate", "main", "nothing")),
                           ("no such rail", ("gate", "main", "same", "--force", "--rail", "VDD")),
                           ("below 50%", ("gate", "main", "same", "--alpha", "60%")),
                           ("no rail", ("gate", "main", "same", "--metric", "time", "--rail", "VDD_IN")),
                           ("no rail", ("compare", "main", "same", "--metric", "time", "--rail", "VDD_IN"))):
            done = self.ctl(*args, *(("--max-increase", "2%") if args[0] == "gate" else ()))
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(text, done.stderr)

    def test_an_invalid_run_never_passes(self):
        self.played("broken", "--fault", "read-errors:1", "--seed", "1", ends=1)
        self.good("tag", "last", "broken")
        done = self.gate("main", "broken", "--max-increase", "100%", "--junit", "broken.xml")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertTrue(done.stdout.startswith("INCONCLUSIVE"), done.stdout)
        self.assertIn("is INVALID", done.stderr)
        suite = xml.etree.ElementTree.parse(self.folder / "broken.xml").getroot()
        self.assertGreater(int(suite.get("errors")), 0)
        for skipped in suite.iterfind("testcase/skipped"):
            self.assertRegex(skipped.get("message"), r"^not decided \(run \d+ is INVALID: ")
        self.assertNotIn('"-: ', (self.folder / "broken.xml").read_text())
        self.assertEqual(self.ctl("compare", "main", "broken").returncode, 2)


class MeasuredGate(unittest.TestCase):
    """Job files against the simulated board in real time. Short runs on a busy machine differ by much, so limits and
    changes are large."""

    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.addClassCleanup(cls.board.__exit__)
        cls.board.__enter__()
        matrix = "threads = [1, 2]\nrepetitions = 20\n[gate]\nmax-increase = \"100%\"\nmetric = \"time\"\n"
        for name, more in (("a", ""), ("b", "threads = 1\n"), ("more", "batch = 4\n"), ("bad", "iteration = 3\n"),
                           ("matrix", matrix), ("matrix2", "priority = 0\n" + matrix),
                           ("matrix4", "batch = 4\n" + matrix)):
            cls.job(name, more)

    @classmethod
    def job(cls, name, more, iterations=5):
        """The same keys as of submit, and short."""
        (cls.board.scratch / f"{name}.toml").write_text(
            f'schema = 1\nname = "{name}"\nnet = "squeezenet"\niterations = {iterations}\nidle = 0\n{more}')

    def gate(self, baseline, candidate, *args):
        sides = [self.board.scratch / side if side.endswith(".toml") else side for side in (baseline, candidate)]
        # Times, which need no analysis of the readings; ci_templates_test.py gates energies.
        metric = () if "--rail" in args else ("--metric", "time")
        return self.board.ctl("gate", *sides, "--store", self.board.store, *metric, *args, timeout=500)

    def runs(self):
        if not self.board.store.exists():
            return 0
        return len(self.board.json("runs")["runs"])

    def test_two_job_files_are_measured_in_turns_until_it_is_decided(self):
        before = self.runs()
        done = self.gate("a.toml", "b.toml", "--max-increase", "100%", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        result = json.loads(done.stdout)
        self.assertTrue(result["simulated"])
        a, b = ([run["number"] - before for run in result[side]["runs"]] for side in ("baseline", "candidate"))
        self.assertEqual((a[:3], b[:3]), ([1, 4, 5], [2, 3, 6]))
        self.assertEqual(len(a), len(b))
        self.assertLess(len(a), 30, "it stops early")
        self.assertEqual(self.runs(), before + 2 * len(a))
        # The same runs, looked at again.
        for name, side in (("old", "baseline"), ("new", "candidate")):
            for run in result[side]["runs"]:
                self.board.ctl("tag", str(run["number"]), name, "--add", "--store", self.board.store)
        again = json.loads(self.gate("old", "new", "--pairs", "--max-increase", "100%", "--json").stdout)
        self.assertEqual(again["values"], result["values"])

    def test_a_job_file_that_costs_more_fails(self):
        before = self.runs()
        done = self.gate("a.toml", "more.toml", "--max-increase", "50%")
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("batch differs, 1 and 4. --force", done.stderr)
        self.assertEqual(self.runs(), before, "nothing is measured")
        done = self.gate("a.toml", "more.toml", "--max-increase", "50%", "--force")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("batch differs: 1, 4", done.stdout)

    def test_each_point_of_a_matrix_is_gated(self):
        before = self.runs()
        sides = [self.board.scratch / f"{name}.toml" for name in ("matrix", "matrix2")]
        report = self.board.scratch / "points.xml"
        # The limit and the metric are the files'.
        done = self.board.ctl("gate", *sides, "--store", self.board.store, "--json", "--junit", report, timeout=500)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual((result["decision"], result["metric"], result["max_increase"], result["alpha"]),
                         ("PASS", "time", 1, 0.05))
        self.assertTrue(result["simulated"])
        self.assertEqual([(point["point"], point["decision"], point["alpha"]) for point in result["points"]],
                         [("squeezenet threads=1", "PASS", 0.025), ("squeezenet threads=2", "PASS", 0.025)])
        runs = [run["number"] for point in result["points"] for side in ("baseline", "candidate")
                for run in point[side]["runs"]]
        self.assertEqual(sorted(runs), list(range(before + 1, self.runs() + 1)))
        self.assertLess(len(runs), 2 * 2 * 20, "each stops early")
        cases = xml.etree.ElementTree.parse(report).getroot().findall("testcase")
        self.assertEqual([case.get("name") for case in cases], ["squeezenet threads=1", "squeezenet threads=2"])

    def test_the_first_point_that_fails_ends_the_gate(self):
        before = self.runs()
        sides = [self.board.scratch / f"{name}.toml" for name in ("matrix", "matrix4")]
        report = self.board.scratch / "failed.xml"
        done = self.board.ctl("gate", *sides, "--force", "--max-increase", "50%", "--store", self.board.store, "--json",
                              "--junit", report, timeout=500)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual([(point["decision"], point["measured"]) for point in result["points"]],
                         [("FAIL", True), ("INCONCLUSIVE", False)])
        self.assertEqual(result["points"][1]["baseline"]["runs"], [])
        self.assertIn("squeezenet threads=1 had failed", result["points"][1]["against"][0])
        self.assertEqual(self.runs() - before, 2 * len(result["points"][0]["baseline"]["runs"]))
        suite = xml.etree.ElementTree.parse(report).getroot()
        self.assertEqual([(case.get("name"), [child.tag for child in case]) for case in suite.findall("testcase")],
                         [("squeezenet threads=1", ["failure"]), ("squeezenet threads=2", ["skipped"])])

    def test_what_is_not_decided_by_then_is_inconclusive(self):
        done = self.gate("a.toml", "b.toml", "--max-increase", "0%", "--alpha", "1%", "--runs", "4")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("pair 4 of at most 4", done.stderr)

    def test_a_job_file_beside_stored_runs(self):
        for _ in range(2):
            self.board.ctl("run", "--net", "squeezenet", "--iterations", "10", "--idle", "0")
            self.board.ctl("tag", "last", "stored", "--add", "--store", self.board.store)
        done = self.gate("stored", "b.toml", "--max-increase", "100%", "--runs", "2", "--json")
        self.assertIn(done.returncode, (0, 5), done.stdout + done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual([len(result[side]["runs"]) for side in ("baseline", "candidate")], [2, 2])
        self.assertIn("2 degrees of freedom", result["between_runs"])
        # One run each: what runs of this board scatter is in the store.
        single = self.gate(str(result["baseline"]["runs"][0]["number"]), str(result["candidate"]["runs"][0]["number"]),
                           "--max-increase", "100%")
        self.assertIn("from stored runs like the baseline", single.stdout, single.stderr)

    def test_an_interrupt_cancels_the_run_and_ends_the_gate(self):
        before = self.runs()
        self.job("long", "", iterations=100000)
        gate = self.board.start_ctl("gate", self.board.scratch / "long.toml", self.board.scratch / "a.toml",
                                    "--max-increase", "2%", "--store", self.board.store)
        self.board.wait_until_measuring()
        gate.send_signal(signal.SIGINT)
        out, err = gate.communicate(timeout=60)
        self.assertEqual(gate.returncode, 130, out + err)
        self.assertIn("before it had decided", err)
        self.assertEqual(self.runs(), before + 1)
        newest = max(self.board.json("runs")["runs"], key=lambda run: run["number"])
        self.assertEqual(newest["state"], "CANCELLED")

    def test_a_gate_that_loses_its_board_has_decided_nothing(self):
        self.job("long", "", iterations=100000)
        junit = self.board.scratch / "lost.xml"
        with Board() as board:
            gate = board.start_ctl("gate", self.board.scratch / "long.toml", self.board.scratch / "a.toml",
                                   "--max-increase", "2%", "--junit", junit, "--store", board.store)
            board.wait_until_measuring()
            board.stop(signal.SIGKILL)
            out, err = gate.communicate(timeout=60)
        self.assertEqual(gate.returncode, 3, out + err)
        self.assertIn("The gate has decided nothing.", err)
        self.assertFalse(junit.exists())

    def test_a_run_that_the_boards_restart_interrupts_is_measured_again(self):
        self.job("mid", "", iterations=100)
        with Board() as board:
            gate = board.start_ctl("gate", self.board.scratch / "mid.toml", self.board.scratch / "mid.toml",
                                   "--max-increase", "100%", "--metric", "time", "--runs", "4", "--json", "--store", board.store)
            board.wait_until_measuring()
            board.stop(signal.SIGKILL)
            board.start()
            out, err = gate.communicate(timeout=300)
            self.assertIn(gate.returncode, (0, 1, 5), out + err)
            self.assertRegex(err, r"run 1 was interrupted \(.+\): it is measured again")
            result = json.loads(out)
            runs = [run["number"] for side in ("baseline", "candidate") for run in result[side]["runs"]]
            self.assertNotIn(1, runs)
            self.assertGreaterEqual(len(runs), 6)
            self.assertEqual(result["against"], [])
            self.assertEqual(len(board.json("runs")["runs"]), len(runs) + 1, "the interrupted one is stored")

    def test_a_gate_says_which_keys_of_submit_it_does_not_use(self):
        self.job("shown", 'require-valid = true\nsort = "time"\noutputs = "scores.npy"\n', iterations=5)
        done = self.gate("shown.toml", "a.toml", "--max-increase", "100%", "--runs", "3", "--json")
        self.assertIn("shown.toml: a gate does not use outputs, sort", done.stderr)
        self.assertFalse((self.board.scratch / "scores.npy").exists())

    def test_what_cannot_be_is_refused_before_anything_is_measured(self):
        before = self.runs()
        limit = ("--max-increase", "2%")
        for text, args in (('did you mean "iterations"?', ("a.toml", "bad.toml")),
                           ("other points", ("a.toml", "matrix.toml")), ("has 2 points", ("main", "matrix.toml")),
                           ("nothing.toml", ("a.toml", "nothing.toml")),
                           ("no such rail", ("a.toml", "b.toml", "--rail", "VDD")),
                           ("give --runs 3 or more", ("a.toml", "b.toml", "--runs", "2")),
                           ("--pairs needs", ("main", "b.toml", "--pairs")), ("--runs is of job files", ("1", "2", "--runs", "3")),
                           ("--host is of job files", ("1", "2", "--host", "unix:/nowhere")), ("no run", ("nothing", "b.toml")),
                           ("write /nowhere/file.xml", ("a.toml", "b.toml", "--junit", "/nowhere/file.xml"))):
            done = self.gate(*args, *limit)
            self.assertEqual(done.returncode, 2, str(args) + done.stdout + done.stderr)
            self.assertIn(text, done.stderr)
        old = self.board.scratch / "old.xml"
        old.write_text("an old PASS")
        self.assertEqual(self.gate("a.toml", "nothing.toml", *limit, "--junit", old).returncode, 2)
        self.assertFalse(old.exists(), "nobody may collect it")
        done = self.gate("a.toml", "b.toml", *limit, "--junit", self.board.scratch / "b.toml")
        self.assertIn("a side of the gate", done.stderr)
        self.assertIn("the limit is missing", self.gate("a.toml", "b.toml").stderr)
        self.assertEqual(self.gate("a.toml", "b.toml", *limit, "--host", "unix:/nowhere").returncode, 3)
        self.assertEqual(self.runs(), before)


if __name__ == "__main__":
    unittest.main()
