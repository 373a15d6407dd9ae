#!/usr/bin/env python3
"""Many clients at once over TCP with TLS: hosts that each run a job and stream its records, in turns without and with a
crowd: 32 watchers of 4 clients, each of which holds what `synergyctl watch` does (live power at 100 Hz and the records of
the job that runs), and 8 more streams of those records. CPU and memory of synergyd and its front, and the ticks that the
sampler missed. The crowd is nice: on a board it would run elsewhere.

usage: crowd_bar.py [--smoke]
"""
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from board import BIN, Board, Client  # noqa: E402
from board_bars import cpu_seconds  # noqa: E402

WATCHERS, CLIENTS, RATE_HZ, JOBS, FOLLOWERS = 32, 4, 100, 8, 8
MOST_MB = 128        # of the front, with all of them
UNCHANGED = 0.002    # of a job's ticks more missed, by the medians of all jobs and by the median of the turns' means


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
    """Share of each job's ticks that were missed; what was lost."""
    shares, lost = [], []
    for run in runs:
        missed, ticks = run["sampling"]["missed"], run["sampling"]["ticks"]
        shares.append(missed / (ticks + missed))
        gaps = sum(gap["count"] for gap in run["gaps"] if gap["cause"] == "missed_tick")
        if run["run"]["state"] != "DONE" or gaps != missed:
            lost.append(f"{run['run']['id']}: {run['run']['state']}, {missed} ticks missed, {gaps} in gaps")
    return shares, lost


def report(name, runs, shares, elapsed):
    missed, lost = judge(runs)
    print(f"{name}: {len(runs)} jobs in {elapsed:.0f} s; of their ticks {', '.join(f'{m:.3%}' for m in sorted(missed))} "
          f"missed; synergyd {shares[0]:.1%} of a core, synergyd-front {shares[1]:.1%}", flush=True)
    for line in lost:
        print(f"  FAILED: {line}")
    return missed, not lost


def pair(board, tcp, number):
    """A client of its own: what its environment has beside the board's."""
    client = {"XDG_CONFIG_HOME": str(board.scratch / f"client{number}")}
    line = subprocess.run([BIN / "synergyd", "pair", "--state", board.state], capture_output=True, text=True,
                          check=True).stdout
    if board.ctl("pair", tcp, line.split()[-1], **client).returncode != 0:
        sys.exit("FAILED: no pairing")
    return client


class Crowd:
    """From its construction on they watch."""

    def __init__(self, board, tcp, clients):
        shares = [(client, WATCHERS // CLIENTS, RATE_HZ) for client in clients] + [(clients[0], FOLLOWERS, 0)]
        self.begin = time.monotonic()
        self.programs = [
            subprocess.Popen([BIN.parent / "tests/watchers", tcp, str(count), str(rate), "--follow"], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=board.environment(**client),
                             preexec_fn=lambda: os.nice(10)) for client, count, rate in shares]
        for program in self.programs:
            program.stdout.readline()  # all of them are connected

    def end(self, jobs):
        """Whether each was served to the end."""
        elapsed = time.monotonic() - self.begin
        *watched, followed = [json.loads(program.communicate("", timeout=60)[0].splitlines()[-1])
                              for program in self.programs]
        points = sum(part["points"] for part in watched) / WATCHERS / elapsed
        records = sum(part["bytes"] for part in watched + [followed]) / 1e6
        runs = sum(part["followed"] for part in watched + [followed])
        print(f"  watchers got {points:.1f} points a second each, the slowest {min(p['least'] for p in watched) / elapsed:.1f}; "
              f"{sum(part['lost'] for part in watched)} were dropped, and said so; all followed {runs} runs to their end, "
              f"{records / elapsed:.2f} MB a second", flush=True)
        # A job may have ended before one who looks each second saw it run.
        served = runs >= (WATCHERS + FOLLOWERS) * jobs / 2
        if not served:
            print(f"  FAILED: {WATCHERS + FOLLOWERS} watchers followed {runs} of {jobs} jobs each")
        return served and all(program.returncode == 0 for program in self.programs)


def main():
    smoke = "--smoke" in sys.argv[1:]
    jobs, iterations, turns = (2, 10, 1) if smoke else (JOBS, 100, 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        tcp = f"localhost:{free.getsockname()[1]}"
    with Board(listen=(tcp,)) as board:
        pairing = subprocess.run([BIN / "synergyd", "pair", "--state", board.state], capture_output=True, text=True,
                                 check=True).stdout
        if board.ctl(*pairing.split()[1:]).returncode != 0:
            sys.exit("FAILED: no pairing")
        clients = [pair(board, tcp, number) for number in range(CLIENTS)]
        hosts = [Host(board, tcp, number) for number in range(jobs)]
        quiet, crowded, good = [], [], True
        for turn in range(turns):
            missed, whole = report(f"turn {turn + 1} without", *stream_jobs(board, hosts, iterations))
            quiet.append(missed)
            crowd = Crowd(board, tcp, clients)
            missed, whole_too = report(f"turn {turn + 1} with   ", *stream_jobs(board, hosts, iterations))
            crowded.append(missed)
            good = crowd.end(jobs) and whole and whole_too and good
        without, with_crowd = statistics.median(sum(quiet, [])), statistics.median(sum(crowded, []))
        of_turns = statistics.median(statistics.mean(c) - statistics.mean(q) for c, q in zip(crowded, quiet))
        more = max(with_crowd - without, of_turns)
        front_mb, root_mb = memory_mb(board.front(), "VmHWM:"), memory_mb(board.process.pid, "VmHWM:")
        print(f"missed by the median of {turns * jobs} jobs each: {without:.3%} without the crowd, {with_crowd:.3%} with it: "
              f"{100 * (with_crowd - without):+.3f} percentage points; by the median of the turns' means {100 * of_turns:+.3f}")
        print(f"memory at most: synergyd-front {front_mb:.1f} MB, synergyd {root_mb:.1f} MB")
        print(f"bars: no record lost in any job, nobody refused, the front within {MOST_MB} MB; unchanged: at most "
              f"{100 * UNCHANGED:g} percentage points more of a job's ticks missed")
        good = good and front_mb <= MOST_MB and (smoke or more <= UNCHANGED)
        sys.exit(0 if good else "FAILED")


if __name__ == "__main__":
    main()
