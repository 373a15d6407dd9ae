#!/usr/bin/env python3
"""What the live view costs at 10 frames a second: CPU time of synergyctl watch on the host, and what synergyd and its
front use more than without it, and what it costs the host while a job runs whose records it follows and solves: from the
job's first iterations on, when its energies cost most.

usage: watch_bar.py SECONDS TURNS SECONDS_WITH_JOB
"""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from board import Board  # noqa: E402
from board_bars import cpu_seconds  # noqa: E402
from watch_test import Pty  # noqa: E402

MOST_OF_HOST, MOST_OF_BOARD = 0.05, 0.01  # of a core
ENERGIES = b"inference"  # of their title, of which only changes are written


def shares(pids, seconds):
    before, begin = [cpu_seconds(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    return [(cpu_seconds(pid) - was) / elapsed for pid, was in zip(pids, before)]


def watched(board, board_pids, seconds):
    """Shares of synergyctl and of the board's processes, bytes a second that the terminal got, whether it showed energies."""
    terminal, got = Pty(board, "--interval", "100ms"), []
    reading = threading.Thread(target=lambda: got.append(terminal.read(seconds + 1)))
    reading.start()
    time.sleep(1)  # connecting, and the first frame
    of_host, *of_board = shares([terminal.process.pid, *board_pids], seconds)
    reading.join()
    terminal.close()
    return of_host, sum(of_board), len(got[0]) / (seconds + 1), ENERGIES in got[0]


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
        with_job, _, _, energies = watched(board, pids, with_job_s)
    print(f"synergyctl watch at 10 frames/s: {median(host):.2%} of a core on the host, {median(more):+.2%} on the board "
          f"(medians of {turns} turns of {seconds:g} s); {median(written) / 10:.0f} bytes a frame")
    print(f"while a job runs, with its energies {'shown' if energies else 'MISSING'}: {with_job:.2%} of a core on the host over "
          f"{with_job_s:g} s")
    good = max(median(host), with_job) <= MOST_OF_HOST and median(more) <= MOST_OF_BOARD and energies
    print(f"bars: at most {MOST_OF_HOST:.0%} on the host, {MOST_OF_BOARD:.0%} on the board: {'met' if good else 'FAILED'}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
