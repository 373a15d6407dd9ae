"""What `synergyctl doctor` says of a simulated board, of a tree of files, and of a daemon that is not there."""
import json
import pathlib
import tempfile
import unittest

from board import Board
from sysfs_tree import make_tree

AREAS = {"board", "power", "resolution", "engines", "clocks", "permissions", "counters", "time", "load"}


def checks(document, area):
    return [check for check in document["checks"] if check["area"] == area]


class Doctor(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.board.__enter__()
        self.addCleanup(self.board.__exit__)

    def test_a_simulated_board_measures_and_says_what_it_is(self):
        document = self.board.json("doctor")
        self.assertEqual({check["area"] for check in document["checks"]}, AREAS)
        self.assertTrue(document["board"]["simulated"])
        self.assertEqual(document["result"], "limited")
        self.assertIn("SIMULATED", checks(document, "board")[0]["found"])
        self.assertIn("VDD_IN", checks(document, "power")[0]["found"])
        self.assertIn("Operators of 1.92 ms and more", checks(document, "resolution")[0]["found"])
        self.assertTrue(all(check["result"] == "good" for check in checks(document, "engines")))
        self.assertFalse(any("tried" in check["found"] for check in document["checks"]))
        text = self.board.ctl("doctor").stdout
        for words in ("SIMULATED", "LIMITED  board", "-> to measure this machine", "nobody holds the clocks",
                      "Nothing is missing"):
            self.assertIn(words, text)

    def test_try_leaves_the_clocks_as_they_were(self):
        before = self.board.clocks()
        tried = [check for check in checks(self.board.json("doctor", "--try"), "clocks") if "tried" in check["found"]]
        self.assertEqual(len(tried), 1)
        self.assertEqual(tried[0]["result"], "good")
        self.assertIn("SIMULATED", tried[0]["found"])
        self.assertIn("scaling_governor was interactive, was set to interactive and read interactive", tried[0]["found"])
        self.assertEqual(self.board.clocks(), before)

    def test_a_job_is_told_and_its_clocks_are_not_touched(self):
        job = self.board.start_ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--cpu-freq", "102MHz")
        self.addCleanup(lambda: (job.kill(), job.wait(), job.communicate()))
        self.board.wait_until_measuring()
        held = self.board.clocks()
        document = self.board.json("doctor", "--try")
        self.assertTrue(any("is under way" in check["found"] for check in checks(document, "load")))
        self.assertTrue(any("not while run" in check["found"] for check in checks(document, "clocks")))
        self.assertEqual(self.board.clocks(), held)

    def test_a_daemon_that_is_not_there_is_told_with_what_to_do(self):
        done = self.board.ctl("doctor", "--host", "unix:/no/such.sock")
        self.assertEqual(done.returncode, 3)
        self.assertIn("MISSING  daemon", done.stdout)
        self.assertIn("-> sudo systemctl start synergyd", done.stdout)
        done = self.board.ctl("doctor", "--json", "--host", "unix:/no/such.sock")
        self.assertEqual(done.returncode, 3)
        document = json.loads(done.stdout)
        self.assertIsNone(document["board"])
        self.assertEqual((document["result"], document["checks"][0]["area"]), ("missing", "daemon"))
        self.assertEqual(self.board.ctl("doctor", "--host", "unix:").returncode, 2)
        self.assertEqual(self.board.ctl("doctor", "--tri").returncode, 2)


class Trees(unittest.TestCase):
    """A board's sysfs as plain files."""

    def board_of(self, root):
        board = Board(board="auto", flags=("--sysfs-root", str(root)))
        board.__enter__()
        self.addCleanup(board.__exit__)
        return board

    def scratch(self):
        scratch = tempfile.TemporaryDirectory(prefix="synergy-e2e-")
        self.addCleanup(scratch.cleanup)
        return pathlib.Path(scratch.name)

    def test_a_board_with_a_sensor_is_no_failure(self):
        board = self.board_of(make_tree(self.scratch() / "sys"))
        document = board.json("doctor", "--try")
        self.assertNotIn("missing", [check["result"] for check in document["checks"]])
        self.assertTrue(any("it was put back" in check["found"] for check in checks(document, "clocks")))

    def test_a_machine_without_a_sensor_fails_and_names_what_is_missing(self):
        board = self.board_of(self.scratch())
        done = board.ctl("doctor")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("MISSING  power", done.stdout)
        self.assertIn("lacks something essential", done.stderr)
        document = json.loads(board.ctl("doctor", "--json").stdout)
        self.assertEqual(document["result"], "missing")


if __name__ == "__main__":
    unittest.main()
