"""run --events: events that the kernel counts on any machine, and those of a PMU where there is one."""
import csv
import io
import pathlib
import unittest

from board import Board

KERNELS = ("task-clock", "page-faults")


def may_count():
    """Whether this machine lets its own events be counted: containers may not."""
    return pathlib.Path("/proc/sys/kernel/perf_event_paranoid").exists()


@unittest.skipUnless(may_count(), "this kernel counts no events")
class Counters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)

    def run_counting(self, events, *flags, net="squeezenet"):
        return self.board.json("run", "--net", net, "--iterations", "10", "--events", events, *flags)

    def assert_counts_the_time(self, run):
        """The clock of the threads runs while an operator does, and no longer."""
        for op in run["ops"]:
            task_clock = op["counters"]["task-clock"]
            self.assertEqual(task_clock["executions"], op["executions"])
            self.assertIs(task_clock["scaled"], False)
        # Of the whole network: in an operator of some us, the reads of the counts themselves are as long as it is, and
        # longer on a machine with other work to do.
        of_net = sum(op["counters"]["task-clock"]["mean"] for op in run["ops"]) * 1e-9
        took = sum(op["time_s"]["mean"] for op in run["ops"])
        self.assertLess(of_net, run["run"]["threads"] * took * 1.5)
        # Such a machine gives the threads a part of the time: far more than another unit would be off.
        self.assertGreater(of_net, 0.05 * took)

    def test_each_operator_has_its_counts(self):
        run = self.run_counting(",".join(KERNELS))
        counters = run["counters"]
        self.assertEqual([event["name"] for event in counters["events"]], list(KERNELS))
        self.assertEqual({event["unit"] for event in counters["events"]}, {"software"})
        self.assertEqual(counters["groups"], 1)
        self.assertGreater(counters["counted_marker_s"], counters["marker_s"])
        self.assertLess(counters["counted_marker_s"], 1e-3)
        self.assert_counts_the_time(run)
        number = str(run["run"]["number"])
        text = self.board.ctl("show", number, "--counters").stdout
        self.assertIn("counted  task-clock, page-faults of", text)
        self.assertRegex(text, r"share %.*task-clock.*page-faults")
        self.assertNotRegex(self.board.ctl("show", number).stdout, r"share %.*task-clock")
        exported = self.board.ctl("export", number, "--format", "csv").stdout
        rows = list(csv.DictReader(io.StringIO("".join(
            line for line in exported.splitlines(True) if not line.startswith("#")))))
        self.assertAlmostEqual(float(rows[0]["count_task-clock"]), run["ops"][0]["counters"]["task-clock"]["mean"])

    def test_all_threads_of_an_operator_are_counted(self):
        run = self.run_counting("task-clock", "--threads", "2")
        self.assertGreaterEqual(run["counters"]["threads"], 2)
        self.assert_counts_the_time(run)

    def test_operators_that_run_at_the_same_time_have_their_threads_counts(self):
        run = self.run_counting("task-clock", "--threads", "2", "--net-type", "async_scheduling")
        for op in run["ops"]:
            self.assertLess(op["counters"]["task-clock"]["mean"] * 1e-9, op["time_s"]["mean"] * 1.5 + 20e-6)

    def runs(self):
        return [run["number"] for run in self.board.json("runs")["runs"]]

    def test_unknown_names_are_refused_with_those_that_are_there(self):
        before = self.runs()
        done = self.board.ctl("run", "--net", "squeezenet", "--events", "task-clok")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("no event task-clok can be counted here; did you mean task-clock?", done.stderr)
        self.assertEqual(self.runs(), before, "nothing was made of it")
        done = self.board.ctl("run", "--net", "squeezenet", "--events", "a b")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--events: 'a b' is no event's name", done.stderr)

    def test_where_there_is_no_pmu_the_run_is_refused_or_goes_on_without(self):
        counters = [c for c in self.board.json("doctor")["checks"] if c["area"] == "counters"]
        if any(c["result"] == "good" and "cycles" in c["found"] for c in counters):
            run = self.run_counting("cycles,task-clock")
            busy = [op for op in run["ops"] if op["type"] == "Conv"]
            self.assertTrue(all(op["counters"]["cycles"]["mean"] > 1000 for op in busy))
            return
        before = self.runs()
        done = self.board.ctl("run", "--net", "squeezenet", "--events", "cycles")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(self.runs(), before, "nothing was made of it")
        self.assertIn("cycles cannot be counted: this kernel sees no such counter", done.stderr)
        self.assertIn("--events-optional measures without", done.stderr)
        run = self.run_counting("cycles,task-clock", "--events-optional")
        self.assertEqual(run["run"]["state"], "DONE")
        self.assertIsNone(run["counters"])
        self.assertTrue(any(n["code"] == "not_counted" and "cycles cannot be counted" in n["text"]
                            for n in run["notices"]))

    def test_job_files_have_them_and_models_are_fitted_to_them(self):
        job = self.board.scratch / "counting.toml"
        job.write_text('schema = 1\nname = "counting"\nnet = ["squeezenet", "squeezenet1.1", "mobilenet_0.5"]\n'
                       'iterations = 10\nevents = ["task-clock", "page-faults"]\n')
        done = self.board.ctl("submit", job, "--wait", timeout=280)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.board.ctl("fit", "--runs", "all", "--family", "counters", "-o", self.board.scratch / "model.toml",
                              "--store", self.board.store)
        self.assertIn("the family counters needs the feature bus, simd", done.stderr, "these are not among them")


if __name__ == "__main__":
    unittest.main()
