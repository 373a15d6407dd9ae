#!/usr/bin/env python3
"""Many clients at once over TCP with TLS: hosts that each run a job and stream its records, without and with 32 clients
that watch live power at 100 Hz. CPU and memory of synergyd and its front, and the ticks that the sampler missed.

usage: crowd_bar.py [--smoke]
"""
import json
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from board import BIN, Board, Client  # noqa: E402
from board_bars import cpu_seconds  # noqa: E402

WATCHERS, RATE_HZ, JOBS = 32, 100, 8
MOST_MB = 128       # of the front, with all of them
MISSED_MORE = 0.01  # of the ticks, with watchers: these take CPU time from everybody on the same machine


class Host(Client):
    """A client with a store of its own, that is paired as the board's user is."""

    def __init__(self, board, host, number):
        self.scratch, self.host, self.store = board.scratch, host, board.scratch / f"store{number}.db"


def memory_mb(pid, key):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(key)).split()[1]) / 1024


def stream_jobs(board, hosts, iterations):
    """Every host has a job queued and streams it; the runs, and the shares of a core."""
    pids = [board.process.pid, board.front()]
    before, begin = [cpu_seconds(p) for p in pids], time.monotonic()
    running = [host.start_ctl("run", "--net", "squeezenet", "--iterations", str(iterations), "--rate", "1000")
               for host in hosts]
    for client in running:
        _, errors = client.communicate(timeout=600)
        if client.returncode != 0:
            sys.exit(f"FAILED: a job ended with {client.returncode}: {errors}")
    elapsed = time.monotonic() - begin
    shares = [(cpu_seconds(p) - b) / elapsed for p, b in zip(pids, before)]
    return [host.json("show", "last") for host in hosts], shares, elapsed


def judge(runs):
    """Share of the ticks that were missed; what was lost."""
    missed = sum(run["sampling"]["missed"] for run in runs)
    ticks = sum(run["sampling"]["ticks"] for run in runs) + missed
    lost = []
    for run in runs:
        gaps = sum(gap["count"] for gap in run["gaps"] if gap["cause"] == "missed_tick")
        if run["run"]["state"] != "DONE" or gaps != run["sampling"]["missed"]:
            lost.append(f"{run['run']['id']}: {run['run']['state']}, {run['sampling']['missed']} ticks missed, {gaps} in gaps")
    return missed / ticks, ticks, lost


def report(name, runs, shares, elapsed):
    share, ticks, lost = judge(runs)
    print(f"{name}: {len(runs)} jobs in {elapsed:.0f} s, {ticks} ticks, {share:.3%} missed; synergyd {shares[0]:.1%} of a "
          f"core, synergyd-front {shares[1]:.1%}", flush=True)
    for line in lost:
        print(f"  FAILED: {line}")
    return share, not lost


def main():
    smoke = "--smoke" in sys.argv[1:]
    jobs, iterations = (2, 10) if smoke else (JOBS, 300)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        tcp = f"localhost:{free.getsockname()[1]}"
    with Board(listen=(tcp,)) as board:
        watching = {"XDG_CONFIG_HOME": str(board.scratch / "watching")}  # a client of its own
        for client in ({}, watching):
            line = subprocess.run([BIN / "synergyd", "pair", "--state", board.state], capture_output=True, text=True,
                                  check=True).stdout
            if board.ctl(*line.split()[1:], **client).returncode != 0:
                sys.exit("FAILED: no pairing")
        hosts = [Host(board, tcp, number) for number in range(jobs)]
        quiet, good = report("no watchers", *stream_jobs(board, hosts, iterations))
        idle_mb = memory_mb(board.front(), "VmRSS:")

        watchers = subprocess.Popen([BIN.parent / "tests/watchers", tcp, str(WATCHERS), str(RATE_HZ)], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=board.environment(**watching))
        watchers.stdout.readline()  # all of them are connected
        begin = time.monotonic()
        crowded, whole = report(f"{WATCHERS} watchers at {RATE_HZ} Hz", *stream_jobs(board, hosts, iterations))
        elapsed = time.monotonic() - begin
        front_mb, root_mb = memory_mb(board.front(), "VmHWM:"), memory_mb(board.process.pid, "VmHWM:")
        watched = json.loads(watchers.communicate("", timeout=60)[0].splitlines()[-1])
        print(f"watchers got {watched['points'] / WATCHERS / elapsed:.1f} points a second each, the slowest "
              f"{watched['least'] / elapsed:.1f}; {watched['lost']} were dropped, and said so")
        print(f"memory: synergyd-front {idle_mb:.1f} MB after the first jobs, {front_mb:.1f} MB at most; synergyd {root_mb:.1f} "
              "MB at most")
        good = good and whole and watchers.returncode == 0 and front_mb <= MOST_MB
        if not smoke:
            good = good and crowded <= quiet + MISSED_MORE
        print(f"bars: no record lost in any job, the front within {MOST_MB} MB, at most {MISSED_MORE:.0%} of the ticks more "
              "missed with watchers")
        sys.exit(0 if good else "FAILED")


if __name__ == "__main__":
    main()
