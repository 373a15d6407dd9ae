"""The live view on a terminal, as tmux shows it, and its JSON lines."""
import codecs
import json
import os
import pathlib
import pty
import re
import select
import shlex
import signal
import socket
import struct
import fcntl
import subprocess
import termios
import time
import unittest

from board import BIN, Board, wait_for

GOLDEN = pathlib.Path(__file__).parent / "watch_golden"


def masked(screen):
    """The screen without its charts, numbers masked, blanks taken together."""
    screen = re.sub("[\u2800-\u28ff]+", " ", re.sub(r"unix:\S+", "HOST", screen))
    screen = re.sub(r"\d+(\.\d+)?", "#", screen)
    lines = [re.sub(r" +", " ", line).rstrip() for line in screen.splitlines()]
    return "\n".join(line for line in lines if line.strip(" #")) + "\n"


class Terminal:
    """A shell in a tmux of its own."""

    def __init__(self, board, columns=80, rows=24):
        self.board, self.socket = board, str(board.scratch / "tmux.sock")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
        wait_for(lambda: self.screen().strip(), 30, "the shell's prompt", 0.05)
        self.type("PS1=ready:")
        self.show("\nready:")

    def tmux(self, *args):
        env = self.board.environment(LC_ALL="C.UTF-8", TERM="xterm-256color", ENV="")
        return subprocess.run(["tmux", "-u", "-S", self.socket, *args], env=env, check=True, capture_output=True,
                              text=True, timeout=30).stdout

    def close(self):
        self.tmux("kill-server")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, *command):
        self.keys("-l", shlex.join(str(word) for word in command) if len(command) > 1 else command[0])
        self.keys("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def show(self, *texts, seconds=30, without=()):
        """Waits until all of `texts` are on the screen and returns it."""
        seen = [""]

        def there():
            seen[0] = self.screen()
            return all(text in seen[0] for text in texts) and not any(text in seen[0] for text in without)
        try:
            wait_for(there, seconds, f"{texts} on the screen", 0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is:\n{seen[0]}") from None
        return seen[0]

    def modes(self):
        return self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").strip()


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.board.__enter__()
        self.addCleanup(self.board.__exit__)

    def terminal(self, **size):
        terminal = Terminal(self.board, **size)
        self.addCleanup(terminal.close)
        return terminal

    def watching(self, *args):
        terminal = self.terminal()
        terminal.type(BIN / "synergyctl", "watch", *args)
        terminal.show("VDD_IN", "W")
        return terminal

    def golden(self, name, terminal):
        """Waits until the screen is that of the file."""
        path = GOLDEN / name
        if "SYNERGY_WRITE_GOLDEN" in os.environ:
            time.sleep(3)
            path.write_text(masked(terminal.screen()))
        seen = [""]

        def same():
            seen[0] = masked(terminal.screen())
            return seen[0] == path.read_text()
        try:
            wait_for(same, 30, f"the screen of {name}", 0.05)
        except AssertionError:
            self.assertEqual(seen[0], path.read_text())

    def test_screens_are_as_they_were_at_each_size(self):
        terminal = self.watching()
        self.golden("80x24.txt", terminal)
        terminal.resize(200, 60)
        self.golden("200x60.txt", terminal)
        terminal.resize(80, 24)
        self.golden("80x24.txt", terminal)
        self.assertIn("SIMULATED", terminal.screen())

    def test_pause_keeps_what_is_shown_and_sort_zoom_and_help_change_it(self):
        terminal = self.watching()
        terminal.keys("p")
        paused = terminal.show("PAUSED")
        for _ in range(5):
            self.assertEqual(terminal.screen(), paused)
        terminal.keys("p")
        terminal.show("60 s", without=["PAUSED"])
        terminal.keys("+")
        terminal.show("30 s")
        terminal.keys("?")
        terminal.show("any key: back", "SIMULATED")
        terminal.keys("x")
        terminal.keys("3")
        terminal.show("VDD_IN", "VDD_GPU", without=["VDD_CPU"])
        terminal.keys("0", "r")
        terminal.show("VDD_IN", without=["VDD_CPU"])
        terminal.keys("c")
        terminal.show("cores")
        # Keys that come as sequences with digits and letters are none of these.
        terminal.keys("0", "c")
        terminal.show("VDD_IN", "VDD_CPU", "VDD_GPU", "energy per operator")
        terminal.keys("Home", "End", "PPage", "F1", "F5", "Up", "C-Right", "p")
        terminal.show("PAUSED", "VDD_IN", "VDD_CPU", "VDD_GPU", "30 s")

    def test_job_operator_and_energies_of_a_run_are_shown_and_sorted(self):
        terminal = self.watching()
        self.board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        # The first iterations may know all operators together only.
        screen = terminal.show("squeezenet, measure", "energy per operator on VDD_IN", "conv", " 1-4 of ", seconds=180)
        self.assertRegex(screen, r"\(mJ; mean of \d+ iterations, 95 %\)\n an inference +[\d.]+ ± [\d.]+ +1-4 of \d+\n")
        by_energy = [line.split()[0] for line in screen.split("an inference")[1].splitlines()[1:4]]
        terminal.keys("s")
        terminal.show("energy per operator on VDD_IN")

        def first():
            return [line.split()[0] for line in terminal.screen().split("an inference")[1].splitlines()[1:4]]
        wait_for(lambda: first() != by_energy, 30, "another order")
        self.assertIn("conv1", first()[0])
        second = first()[1]
        terminal.keys("Down")
        terminal.show(" 2-5 of ")
        wait_for(lambda: first()[0] == second, 30, "the next operator")
        terminal.keys("NPage")
        terminal.show(" 6-9 of ")
        terminal.keys("PPage", "Up")
        terminal.show(" 1-4 of ")

    def test_terminal_without_a_screen_says_why_there_are_lines(self):
        for term in ("dumb", ""):
            terminal = self.terminal() if term == "dumb" else terminal
            terminal.type("clear")
            terminal.type(f"TERM={term} {BIN / 'synergyctl'} watch | head -c 0; TERM={term} {BIN / 'synergyctl'} watch")
            self.assertEqual(terminal.show("no screen that can be drawn on", "begin_ns").count("no screen"), 1)
            terminal.keys("C-c")
            terminal.show("watching was stopped")

    def test_terminal_is_as_it_was_after_every_end(self):
        for end in ("q", "C-c", "C-\\", "TERM", "QUIT"):
            with self.subTest(end):
                terminal = self.terminal() if end == "q" else terminal
                before = terminal.tmux("display-message", "-p", "#{pane_tty}").strip()
                modes = subprocess.run(["stty", "-F", before, "-a"], capture_output=True, text=True).stdout
                terminal.type(BIN / "synergyctl", "watch")
                terminal.show("VDD_IN", "q quit")
                self.assertEqual(terminal.modes(), "1 0")
                if end in ("TERM", "QUIT"):
                    pane = int(terminal.tmux("display-message", "-p", "#{pane_pid}"))
                    child = int(pathlib.Path(f"/proc/{pane}/task/{pane}/children").read_text().split()[0])
                    os.kill(child, signal.Signals[f"SIG{end}"])
                else:
                    terminal.keys(end)
                wait_for(lambda: terminal.modes() == "0 1", 30, "the end of the alternate screen")
                terminal.keys("-l", "echo code=$?.")
                terminal.keys("Enter")
                terminal.show("code=0." if end in ("q", "C-\\") else "code=130.")
                after = subprocess.run(["stty", "-F", before, "-a"], capture_output=True, text=True).stdout
                self.assertEqual(after, modes)
                terminal.type("clear")
                terminal.show("ready:", without=["code="])

    def test_lost_board_is_shown_and_comes_back(self):
        terminal = self.watching()
        terminal.keys("p")
        terminal.show("PAUSED")
        self.board.stop()
        terminal.show("LOST", "PAUSED")
        terminal.keys("p")
        terminal.show("LOST", without=["PAUSED"])
        self.assertIn("VDD_IN", terminal.screen())
        self.board.start()
        terminal.show("lost 1x", without=["LOST"])
        terminal.keys("q")
        wait_for(lambda: terminal.modes() == "0 1", 30, "the end of the alternate screen")

    def test_silent_board_is_lost_although_its_connection_stands(self):
        terminal = self.watching()
        front = self.board.front()
        os.kill(front, signal.SIGSTOP)
        try:
            terminal.show("LOST: nothing came", "is silent", seconds=12)
        finally:
            os.kill(front, signal.SIGCONT)
        terminal.show("lost 1x", without=["LOST"])

    def test_several_boards_are_switched_by_tab_or_beside_each_other(self):
        other = Board("sim:jetson-agx-orin")
        other.__enter__()
        self.addCleanup(other.__exit__)
        terminal = self.watching("--host", self.board.host, "--host", other.host)
        terminal.show("1/2", "VDD_IN")
        terminal.keys("Tab")
        terminal.show("2/2", "VDD_GPU_SOC", without=["1/2"])
        terminal.resize(161, 24)
        beside = terminal.show("1/2", "2/2")
        self.assertTrue(any("VDD_IN" in line and "VDD_GPU_SOC" in line for line in beside.splitlines()), beside)

    def test_who_may_only_watch_sees_all_but_what_the_records_of_a_job_say(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            tcp = f"localhost:{free.getsockname()[1]}"
        board = Board(listen=(tcp.replace("localhost", "127.0.0.1"),), flags=("--watch-rate", "5"))
        board.__enter__()
        self.addCleanup(board.__exit__)
        code = subprocess.run([BIN / "synergyd", "--state", board.state, "pair", "--role", "watch"], check=True,
                              capture_output=True, text=True, timeout=30).stdout.split()[-1]
        self.assertEqual(board.ctl("pair", tcp, code).returncode, 0)
        board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        lines = board.start_ctl("watch", "--host", tcp, "--interval", "10ms")
        points = [json.loads(lines.stdout.readline()) for _ in range(4)]
        lines.terminate()
        self.assertIn("this client's role may watch at 5 Hz at most", lines.communicate(timeout=30)[1])
        for before, after in zip(points, points[1:]):
            self.assertAlmostEqual((after["begin_ns"] - before["begin_ns"]) * 1e-9, 0.2, 1)
        self.assertIn("role run", points[-1]["records_why_not"])
        self.board = board
        terminal = self.terminal()
        terminal.type(f"{BIN / 'synergyctl'} watch --host {tcp}; echo ended with $?")
        terminal.show("VDD_IN", "squeezenet, measure", "CPU-therm", "% of a core; 5 Hz at most", "needs the role run", seconds=120,
                      without=["LOST"])
        synergyd = (BIN / "synergyd", "--state", board.state, "clients")
        client = subprocess.run([*synergyd, "list"], check=True, capture_output=True, text=True, timeout=30).stdout.split()[0]
        subprocess.run([*synergyd, "revoke", client], check=True, capture_output=True, timeout=30)
        terminal.show("ended with 4")

    def test_costs_and_temperatures_are_shown_without_a_job(self):
        terminal = self.watching()
        screen = terminal.show("its front", "CPU-therm")
        self.assertRegex(screen, r"cost   [\d.]+ kB/s; synergyd [\d.]+ %, its front [\d.]+ % of a core")
        self.assertRegex(screen, r"temp   CPU-therm [\d.]+ C")

    def test_run_shows_it_while_it_measures(self):
        terminal = self.terminal()
        terminal.type(BIN / "synergyctl", "run", "--watch", "--net", "squeezenet", "--iterations", "1000000",
                      "--idle", "0", "--store", self.board.store)
        terminal.show("squeezenet, measure", "energy per operator on VDD_IN", "conv", "fresh", seconds=120)
        self.assertEqual(terminal.modes(), "1 0")
        terminal.keys("q")
        # The line of progress goes on, below what was said meanwhile.
        terminal.show("squeezenet: measuring", "synergyctl: run 1: squeezenet", seconds=60)
        self.assertEqual(terminal.modes(), "0 1")
        terminal.keys("C-c")
        terminal.show("run 1 was interrupted", seconds=60)
        terminal.type(BIN / "synergyctl", "run", "--watch", "--net", "squeezenet", "--iterations", "1000000",
                      "--idle", "0", "--store", self.board.store)
        terminal.show("squeezenet, measure", seconds=120)
        terminal.keys("C-c")
        terminal.show("run 2 was interrupted", "ready:", seconds=60)
        self.assertEqual(terminal.modes(), "0 1")

    def test_run_with_a_view_is_a_run_like_any(self):
        terminal = self.terminal(columns=120, rows=50)
        terminal.type(BIN / "synergyctl", "run", "--watch", "--net", "squeezenet", "--iterations", "30",
                      "--idle", "0", "--store", self.board.store)
        terminal.show("ready:", "SIMULATED", "VDD_IN", seconds=120)
        wait_for(lambda: terminal.modes() == "0 1", 60, "the end of the alternate screen")
        run = self.board.json("show", "last")["run"]
        self.assertEqual((run["state"], run["partial"]), ("DONE", False))
        # Without a terminal there is none of it.
        done = self.board.ctl("run", "--watch", "--net", "squeezenet", "--iterations", "5")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("\x1b", done.stdout + done.stderr)

    def test_lines_are_json_where_there_is_no_terminal(self):
        client = self.board.start_ctl("watch", "--interval", "50ms")
        lines = [json.loads(client.stdout.readline()) for _ in range(3)]
        client.send_signal(signal.SIGTERM)
        client.communicate(timeout=30)
        self.assertEqual(client.returncode, 130)
        for before, after in zip(lines, lines[1:]):
            self.assertLessEqual(before["end_ns"], after["begin_ns"])
            rail = after["rails"][0]
            self.assertTrue(rail["min_w"] <= rail["mean_w"] <= rail["max_w"])
            more = rail["energy_j"] - before["rails"][0]["energy_j"]
            self.assertAlmostEqual(more, rail["mean_w"] * (after["end_ns"] - after["begin_ns"]) * 1e-9, 9)
        self.assertTrue(lines[0]["simulated"])

    def test_lines_have_the_energies_of_the_job_once_for_each_solution(self):
        self.board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        client = self.board.start_ctl("watch", "--interval", "100ms")
        lines, end = [], time.monotonic() + 60
        measured = lambda line: line["energies"] is not None and line["energies"]["iterations"] > 0
        while sum(map(measured, lines)) < 2 and time.monotonic() < end:
            lines.append(json.loads(client.stdout.readline()))
        client.send_signal(signal.SIGTERM)
        client.communicate(timeout=30)
        self.assertEqual(client.returncode, 130)
        solved = [line["energies"] for line in lines if measured(line)]
        self.assertLess(len(solved), len(lines))
        self.assertLess(solved[0]["iterations"], solved[1]["iterations"])
        rail = solved[1]["rails"][0]
        self.assertEqual((rail["rail"], rail["why_not"]), ("VDD_IN", None))
        self.assertLess(rail["inference_j"]["ci95"][0], rail["inference_j"]["mean"])
        self.assertEqual(len(rail["ops"]) + sum(len(group["ops"]) for group in rail["groups"]), 66)
        self.assertGreater(lines[-1]["sampler"]["readings"], 1000)
        self.assertIn("conv1", {line["job"]["op_name"] for line in lines if line["job"]} | {op["name"] for op in rail["ops"]})
        self.assertTrue(any(line["job"]["op_name"] for line in lines if line["job"]))

    def test_once_gives_a_line_of_each_board(self):
        done = self.board.ctl("watch", "--once", "--host", self.board.host, "--host", self.board.host)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len([json.loads(line) for line in done.stdout.splitlines()]), 2)
        missing = self.board.ctl("watch", "--once", "--host", f"unix:{self.board.scratch}/none.sock")
        self.assertEqual(missing.returncode, 3, missing.stderr)
        self.assertIn("none.sock", missing.stderr)
        self.assertEqual(self.board.ctl("watch", "--interval", "1ms").returncode, 2)

    def test_lines_end_where_nobody_reads_them(self):
        watch = self.board.start_ctl("watch", "--interval", "100ms")
        json.loads(watch.stdout.readline())
        watch.stdout.close()
        with watch.stderr:
            self.assertEqual(watch.wait(30), 0, watch.stderr.read())

    def test_lines_go_on_after_a_lost_board(self):
        client = self.board.start_ctl("watch", "--interval", "50ms")
        client.stdout.readline()
        self.board.stop()
        self.assertIn("looking for it", client.stderr.readline())
        self.board.start()
        # What was written before it was lost is read first.
        wait_for(lambda: "begin_ns" in json.loads(client.stdout.readline()), 30, "a line")
        client.terminate()
        client.communicate(timeout=30)


class Cells:
    """What the bytes of a view show on 80 x 24, colours left out."""

    WRITTEN = re.compile("\x1b\\[(\\d+);(\\d+)H|\x1b\\[[\\d;?]*[A-Za-z]|([^\x1b])")

    def __init__(self):
        self.decoder, self.rest = codecs.getincrementaldecoder("utf-8")(), ""
        self.cells, self.at = [[" "] * 80 for _ in range(24)], (0, 0)

    def feed(self, written):
        text = self.rest + self.decoder.decode(written)
        text, self.rest = re.fullmatch("(.*?)(\x1b[^A-Za-z]*)?", text, re.DOTALL).groups("")
        for part in self.WRITTEN.finditer(text):
            row, column = self.at
            if part[1]:
                self.at = int(part[1]) - 1, int(part[2]) - 1
            elif part[3] and row < 24 and column < 80:
                self.cells[row][column], self.at = part[3], (row, column + 1)
        return self

    def text(self):
        return "\n".join("".join(line) for line in self.cells)


class Pty:
    """synergyctl watch on a terminal that nobody interprets."""

    def __init__(self, board, *args):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen([BIN / "synergyctl", "watch", *args], stdin=slave, stdout=slave,
                                        stderr=slave,
                                        env=board.environment(LC_ALL="C.UTF-8", TERM="xterm-256color"))
        os.close(slave)

    def read(self, seconds):
        """What it writes in that time, or until its end."""
        taken, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                continue
            try:
                taken += os.read(self.master, 1 << 16)
            except OSError:  # nobody has the other side any more
                break
        return taken

    def close(self):
        self.process.kill()
        self.process.wait(10)
        os.close(self.master)


class WrittenTest(unittest.TestCase):
    def test_frame_writes_a_fraction_of_the_screen(self):
        with Board() as board:
            terminal = Pty(board, "--interval", "100ms")
            self.addCleanup(terminal.close)
            first = b""
            while b"VDD_IN" not in first:
                first += terminal.read(0.2)
            written = terminal.read(4)
            # 40 frames at most, of which 90 bytes each change; a whole screen has 1920 cells, and as many bytes at least.
            self.assertNotIn(b"\x1b[2J", written)
            self.assertLess(len(written) / 40, 300)
            self.assertGreater(len(written), 0)

    def test_it_ends_also_while_a_board_does_not_answer(self):
        with Board() as board:
            terminal = Pty(board)
            self.addCleanup(terminal.close)
            terminal.read(1)
            front = board.front()
            os.kill(front, signal.SIGSTOP)
            terminal.read(2)  # it asks once a second
            os.write(terminal.master, b"q")
            terminal.read(0.5)
            try:  # what it has asked would be given up after 10 s at the soonest
                self.assertEqual(terminal.process.wait(8), 0)
            finally:
                os.kill(front, signal.SIGCONT)

    def test_terminal_that_stands_still_keeps_nobody_waiting(self):
        with Board() as board:
            terminal, cells = Pty(board, "--interval", "10ms"), Cells()
            self.addCleanup(terminal.close)
            cells.feed(terminal.read(1))
            # Nobody reads now, and each of these keys draws another screen: the kernel's buffer is full. The board goes on
            # measuring, and its clients are served.
            os.write(terminal.master, b"?x" * 200)
            client = board.json("run", "--net", "squeezenet", "--iterations", "20", "--warmup", "1")
            self.assertEqual(client["run"]["state"], "DONE")
            self.assertRegex(cells.feed(terminal.read(2)).text(), r"; skipped \d+")
            terminal.process.terminate()
            terminal.read(0.5)
            self.assertEqual(terminal.process.wait(10), 130)

    def test_stopped_terminal_keeps_no_end_waiting_and_is_as_it_was(self):
        ends = {"q": 0, signal.SIGTERM: 130, signal.SIGHUP: 130}
        with Board() as board:
            for args in ((), ("--json",)):
                for end, code in ends.items():
                    if args and end == "q":
                        continue
                    with self.subTest(args=args, end=end):
                        terminal = Pty(board, "--interval", "10ms", *args)
                        try:
                            self.assertIn(b"VDD_IN", terminal.read(2))
                            os.write(terminal.master, b"\x13")  # Ctrl-S
                            terminal.read(1)
                            self.assertEqual(terminal.read(1), b"")
                            if end == "q":
                                os.write(terminal.master, b"q")
                            else:
                                terminal.process.send_signal(end)
                            self.assertEqual(terminal.process.wait(3), code)
                            if not args:
                                self.assertIn(b"\x1b[m\x1b[?25h\x1b[?1049l", terminal.read(1))
                        finally:
                            terminal.close()

    def test_nobody_reads_and_it_is_told_to_end(self):
        with Board() as board:
            terminal = Pty(board, "--interval", "10ms")
            self.addCleanup(terminal.close)
            terminal.read(1)
            os.write(terminal.master, b"?x" * 200)
            time.sleep(1)
            terminal.process.terminate()
            self.assertEqual(terminal.process.wait(3), 130)
            self.assertTrue(terminal.read(1).rstrip().endswith(b"watching was stopped"))


if __name__ == "__main__":
    unittest.main()
