"""synergyd on each captured tree of tests/boards: what a user sees of its board and its clocks."""
import pathlib
import shutil
import tempfile
import unittest

from board import Board

TREES = pathlib.Path(__file__).resolve().parent.parent / "boards"


class EachTree(unittest.TestCase):
    def on(self, tree, flags=()):
        scratch = tempfile.TemporaryDirectory(prefix="synergy-e2e-")
        self.addCleanup(scratch.cleanup)
        root = pathlib.Path(scratch.name) / "sys"
        shutil.copytree(TREES / tree, root, symlinks=True)
        return Board(board="auto", flags=("--sysfs-root", str(root), *flags))

    def test_shows_its_clocks_and_says_that_nothing_is_live(self):
        trees = sorted(path.name for path in TREES.iterdir() if path.is_dir())
        self.assertGreater(len(trees), 5)
        for tree in trees:
            with self.subTest(tree=tree), self.on(tree) as board:
                text = board.ctl("board").stdout
                self.assertIn("captured tree", text)
                self.assertNotIn("from a model", text)
                clocks = board.clocks()
                self.assertGreater(len(clocks["policies"]), 0)
                self.assertTrue(all(policy["current_khz"] > 0 for policy in clocks["policies"]))
                self.assertIn("SIMULATED", board.ctl("clocks").stdout)

    def test_its_clocks_are_set_and_put_back(self):
        for tree, frequency in (("jetson-xavier-nx_l4t-4.9", "1420.8MHz"), ("x86_rapl-6.1", "2GHz")):
            with self.subTest(tree=tree), self.on(tree) as board:
                before = board.clocks()
                done = board.ctl("clocks", "pin", "--cpu", frequency, "--", "true")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(board.clocks(), before)

    def test_a_run_says_what_it_was_read_from(self):
        with self.on("jetson-orin_jetpack-5") as board:
            done = board.ctl("run", "--net", "squeezenet1.1", "--iterations", "5")
            self.assertIn("files of a captured tree", done.stdout, done.stderr)
            self.assertNotIn("from a model", done.stdout)
            self.assertIn("jetson-agx-orin (captured tree)", board.ctl("runs").stdout)


if __name__ == "__main__":
    unittest.main()
