"""synergy-sim: runs in virtual time, as files."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from board import BIN

RUN = ("--board", "sim:jetson-tx1", "--net", "squeezenet", "--iterations", "3", "--idle", "0.1")


class VirtualTime(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def sim(self, *args):
        return subprocess.run([BIN.resolve() / "synergy-sim", *args], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_a_run_is_two_files_the_same_for_the_same_seed(self):
        for name, seed in (("one", "1"), ("again", "1"), ("other", "2")):
            done = self.sim(*RUN, "--seed", seed, "-o", name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("SIMULATED sim:jetson-tx1 in virtual time: ", done.stdout)
            self.assertEqual(done.stderr, "")
        self.assertEqual(self.files(), ["again", "again.truth", "one", "one.truth", "other", "other.truth"])
        for suffix in ("", ".truth"):
            one, again, other = ((self.folder / (name + suffix)).read_bytes() for name in ("one", "again", "other"))
            self.assertEqual(one, again)
            self.assertNotEqual(one, other)

    def test_noise_faults_and_clocks_are_flags(self):
        done = self.sim(*RUN, "-o", "run", "--noise", "0.1", "--fault", "delay:5", "--fault", "drift:0.1@0-1",
                        "--cpu-freq", "825.6MHz", "--energy-scale", "1.1", "--jitter", "0.2", "--rate", "500")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_wrong_flags_are_told_and_leave_nothing(self):
        for text, flags in (("did you mean 'squeezenet'?", ("--net", "squeezent")),
                            ("did you mean sim:jetson-tx1?", ("--board", "sim:jetson-tx9")),
                            ("virtual time needs a simulated board", ("--board", "jetson-tx1")),
                            ("has cores that can have: ", ("--cpu-freq", "1GHz")),
                            ("choose one from", ("--rate", "-5")),
                            ("takes a number from 0 to 100", ("--noise", "loud")),
                            ("did you mean read-errors?", ("--fault", "read-error")),
                            ("has no rail", ("--fault", "stuck:VDD")),
                            ("not in range", ("--iterations", "0")),
                            ("nan is no number from 0 to 86400", ("--idle", "nan")),
                            ("nan is no number from 0 to 100", ("--energy-scale", "nan")),
                            ("inf is no number from 0 to 10", ("--pause", "inf")),
                            ("nan is no number from 0 to 1", ("--jitter", "nan"))):
            kept = [flag for pair in zip(RUN[::2], RUN[1::2]) if pair[0] != flags[0] for flag in pair]
            done = self.sim(*kept, *flags, "-o", "run")
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(text, done.stderr)
            self.assertEqual(self.files(), [])

    def test_what_is_said_of_one_rail_is_said_of_no_other(self):
        self.assertEqual(self.sim(*RUN, "-o", "run").returncode, 0)
        store = ("--store", self.folder / "store.db")
        for command in (("import", "--spool", "run", *store),
                        ("analyze", "last", "--rail", "VDD_CPU", "--json", *store)):
            done = subprocess.run([BIN.resolve() / "synergyctl", *command], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 0, done.stderr)
        run = json.loads(done.stdout)
        for key, name in (("rails", "name"), ("energy", "rail"), ("resolution", "rail")):
            self.assertEqual([item[name] for item in run[key]], ["VDD_CPU"], key)
        self.assertEqual(list(run["ops"][0]["energy_j"]), ["VDD_CPU"])

    def test_no_run_is_lost_to_another(self):
        (self.folder / "run").write_text("older")
        done = self.sim(*RUN, "-o", "run")
        self.assertEqual(done.returncode, 2)
        self.assertIn("run is there already", done.stderr)
        self.assertEqual(self.files(), ["run"])
        self.assertEqual((self.folder / "run").read_text(), "older")

    def test_where_nothing_can_be_written_it_fails(self):
        done = self.sim(*RUN, "-o", "missing/run")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("missing/run.partial", done.stderr)
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
