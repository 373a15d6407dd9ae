"""Tables of stored runs on a terminal, as tmux shows it: they fit, and long ones page."""
import os
import pathlib
import subprocess
import tempfile
import unicodedata
import unittest

from board import BIN, wait_for
from watch_test import Terminal


def columns_of(text):
    """On a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Folder:
    """What Terminal needs of a board."""

    def __init__(self, folder):
        self.scratch = pathlib.Path(folder)

    def environment(self, **extra):
        return {**os.environ, "HOME": str(self.scratch), "XDG_DATA_HOME": str(self.scratch), **extra}


class TablesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Folder(folder.name)
        for seed in ("1", "2"):
            spool = self.folder.scratch / f"spool{seed}"
            for command in (("synergy-sim", "--board", "sim:jetson-tx1", "--net", "googlenet", "--iterations", "3", "--idle",
                             "0.3", "--seed", seed, "-o", spool), ("synergyctl", "import", "--spool", spool)):
                subprocess.run([BIN.resolve() / command[0], *command[1:]], check=True, capture_output=True,
                               env=self.folder.environment())
        self.terminal = Terminal(self.folder)
        self.addCleanup(self.terminal.close)

    def written(self, pager, *command):
        """All lines that are on the terminal after it, wrapped ones as one."""
        self.terminal.type("clear")
        # What is typed before that is done would be cleared, too.
        wait_for(lambda: self.terminal.screen().strip() == "ready:", 30, "an empty screen", 0.05)
        self.terminal.tmux("clear-history")
        self.terminal.type(f"PAGER='{pager}' {BIN.resolve() / 'synergyctl'} {' '.join(command)}; echo END=$?")
        lines = []

        def ended():
            lines[:] = self.terminal.tmux("capture-pane", "-pJ", "-S", "-").splitlines()
            return any(line.startswith("END=") for line in lines)
        wait_for(ended, 60, "the end of the command", 0.05)
        self.assertIn("END=0", lines)
        first = next(i for i, line in enumerate(lines) if "echo END" in line) + 1
        return lines[first:lines.index("END=0")]

    def test_tables_fit_and_have_whole_numbers(self):
        for command in (("show", "last"), ("compare", "1", "2")):
            with self.subTest(command):
                lines = self.written("", *command)
                self.assertGreater(len(lines), 100)
                self.assertTrue(any("SIMULATED" in line for line in lines))
                table = lines[next(i for i, line in enumerate(lines) if line.startswith("-")):]
                self.assertEqual([line for line in table if len(line) > 80 and "  " in line], [])

    def test_signs_are_ascii_where_the_locale_is(self):
        for command in (("show", "last"), ("compare", "1", "2")):
            for pager in ("", "cat"):
                with self.subTest(command, pager=pager):
                    self.terminal.type("export LC_ALL=C")
                    ascii_lines = self.written(pager, *command)
                    self.terminal.type("export LC_ALL=C.UTF-8")
                    lines = self.written(pager, *command)
                    self.assertTrue(any("±" in line for line in lines))
                    self.assertEqual("".join(ascii_lines).encode("ascii", "replace").count(b"?"), "".join(lines).count("?"))
                    self.assertEqual([len(line) for line in ascii_lines if "+-" in line and "  " in line],
                                     [len(line) for line in lines if "±" in line and "  " in line])

    def test_columns_stand_below_each_other_whatever_the_names_are(self):
        names = ("plain", "畳み込み層の畳み込み層の畳み込み層の畳み込み層", "e\u0301" * 30, "\u200b\u200d", "\u202egnp", "😀" * 20)
        folder = self.folder.scratch
        with open(folder / "markers.csv", "w", encoding="utf-8") as file:
            file.write("op,type,iteration,begin_ns,end_ns\n")
            for iteration in range(4):
                for i, name in enumerate(names):
                    begin = (iteration * 10 + i + 1) * 50_000_000
                    file.write(f"{name},Conv,{iteration},{begin},{begin + 40_000_000}\n")
        with open(folder / "samples.csv", "w", encoding="utf-8") as file:
            file.write("rail,window_begin_ns,window_end_ns,power_w\n")
            file.writelines(f"in,{ms * 1_000_000},{(ms + 2) * 1_000_000},{2 + ms % 100 / 50}\n" for ms in range(0, 2500, 2))
        environment = self.folder.environment()
        subprocess.run([BIN.resolve() / "synergyctl", "import", "--samples", folder / "samples.csv", "--markers",
                        folder / "markers.csv"], check=True, capture_output=True, env=environment)
        lines = self.written("", "show", "last")
        first = next(i for i, line in enumerate(lines) if "operator" in line and "type" in line)
        ends = {columns_of(line[:line.index("Conv")]) for line in lines[first + 2:first + 2 + len(names)]}
        self.assertEqual(len(ends), 1, lines[first:])
        piped = subprocess.run([BIN.resolve() / "synergyctl", "show", "last"], check=True, capture_output=True, text=True,
                               env=environment).stdout
        for text in ("\n".join(lines), piped):
            self.assertNotIn("\u202e", text)
            self.assertNotIn("\u200b", text)
            self.assertIn("?gnp", text)
        self.terminal.type("export LC_ALL=C")
        for line in self.written("", "show", "last"):
            self.assertTrue(line.isascii(), line)

    def test_long_lists_go_through_the_pager_and_short_ones_do_not(self):
        paged = self.written("sed s/^/PAGED:/", "show", "last")
        self.assertGreater(len(paged), 100)
        self.assertTrue(all(line.startswith("PAGED:") for line in paged if line), paged)
        self.assertFalse(any("PAGED:" in line for line in self.written("sed s/^/PAGED:/", "runs")))

    def test_pager_that_is_none_leaves_the_text_to_the_terminal(self):
        self.assertTrue(any("SIMULATED" in line for line in self.written("/nowhere/pager", "show", "last")))

    def test_pager_that_fails_leaves_the_text_to_the_terminal(self):
        self.assertTrue(any("SIMULATED" in line for line in self.written("false", "show", "last")))
        self.assertEqual(self.written("true", "show", "last"), [])

    def test_pager_that_ends_early_is_no_error(self):
        self.assertLess(len(self.written("head -n 3", "show", "last")), 10)


if __name__ == "__main__":
    unittest.main()
