#!/usr/bin/env python3
"""What the live view costs at 10 frames a second: CPU time of synergyctl watch on the host, and what synergyd and its
front use more than without it, without a job and with one; and what it costs the host while a job runs whose records it
follows and solves: from the job's first iterations on, when its energies cost most. And how old these become on the screen:
since when the job's own line has said the iterations that they are said to be of.

usage: watch_bar.py SECONDS TURNS SECONDS_WITH_JOB
"""
import pathlib
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from board import Board  # noqa: E402
from board_bars import cpu_seconds  # noqa: E402
from watch_test import Cells, Pty  # noqa: E402

MOST_OF_HOST, MOST_OF_BOARD = 0.05, 0.01  # of a core
OLDEST_S = 35  # of energies, as docs/watch.md says, or where a solution takes long:
SOLUTION_TIMES = 50  # 45 times its CPU time, and what it needs beside the job


class Screen(Cells):
    """What a view shows, and how old the energies on it were at the worst."""

    def __init__(self):
        super().__init__()
        self.reached, self.oldest_s, self.iterations = [], 0.0, None
        self.spent, self.burst_s, self.solution_s = None, 0.0, 0.0

    def computed(self, spent):
        """CPU seconds so far, several times a second: on end it computes only to solve."""
        more = spent - (self.spent if self.spent is not None else spent)
        self.spent, self.burst_s = spent, self.burst_s + more if more > 0.1 else 0.0
        self.solution_s = max(self.solution_s, self.burst_s)

    def oldest_allowed_s(self):
        return max(OLDEST_S, SOLUTION_TIMES * self.solution_s)

    def feed(self, written):
        self.look(super().feed(written).text())

    def look(self, screen):
        now, job = time.monotonic(), re.search(r"measure (\d+) of", screen)
        if job is None:
            return
        if not self.reached or self.reached[-1][1] < int(job[1]):
            self.reached.append((now, int(job[1])))
        solved = re.search(r"mean of (\d+) iterations", screen)
        self.iterations = int(solved[1]) if solved else None
        since = next((at for at, iteration in self.reached if iteration > (self.iterations or 0)), now)
        self.oldest_s = max(self.oldest_s, now - since)


def shares(pids, seconds):
    before, begin = [cpu_seconds(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    return [(cpu_seconds(pid) - was) / elapsed for pid, was in zip(pids, before)]


def watched(board, board_pids, seconds):
    """Shares of synergyctl and of the board's processes, bytes a second that the terminal got, what it showed."""
    terminal, screen, got = Pty(board, "--interval", "100ms"), Screen(), []

    def read():
        end = time.monotonic() + seconds + 1
        while time.monotonic() < end:
            got.append(terminal.read(0.25))
            screen.feed(got[-1])
            screen.computed(cpu_seconds(terminal.process.pid))
    reading = threading.Thread(target=read)
    reading.start()
    time.sleep(1)  # connecting, and the first frame
    of_host, *of_board = shares([terminal.process.pid, *board_pids], seconds)
    reading.join()
    terminal.close()
    return of_host, sum(of_board), len(b"".join(got)) / (seconds + 1), screen


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    seconds, turns, with_job_s = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with Board() as board:
        pids = [board.process.pid, board.front()]
        host, more, written = [], [], []
        for _ in range(turns):  # in turns, so that whatever else the machine does meets both
            without = sum(shares(pids, seconds))
            of_host, of_board, bytes_s, _ = watched(board, pids, seconds)
            host.append(of_host)
            more.append(of_board - without)
            written.append(bytes_s)
        board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        board.wait_until_measuring()
        # Of the board the front alone: synergyd does nothing more for a view when a job runs, and what that takes varies by more
        # than is judged.
        with_job, front_with_job, _, screen = watched(board, pids[1:], with_job_s)
        front_with_job -= sum(shares(pids[1:], seconds * turns))
    print(f"synergyctl watch at 10 frames/s: {median(host):.2%} of a core on the host, {median(more):+.2%} on the board "
          f"(medians of {turns} turns of {seconds:g} s); {median(written) / 10:.0f} bytes a frame")
    energies = "MISSING" if screen.iterations is None else f"of {screen.iterations} iterations at the end"
    print(f"while a job runs, with its energies ({energies}, {screen.oldest_s:.1f} s old at the worst, a solution {screen.solution_s:.1f} s "
          f"of CPU at most): {with_job:.2%} of a core on the host over {with_job_s:g} s, {front_with_job:+.2%} of the board's front")
    good = (max(median(host), with_job) <= MOST_OF_HOST and max(median(more), front_with_job) <= MOST_OF_BOARD
            and screen.iterations is not None and screen.oldest_s <= screen.oldest_allowed_s())
    print(f"bars: at most {MOST_OF_HOST:.0%} on the host, {MOST_OF_BOARD:.0%} on the board, energies at most {screen.oldest_allowed_s():.0f} s old: "
          f"{'met' if good else 'FAILED'}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
