#!/usr/bin/env python3
"""Bars that need the whole system: synergyd with the simulated board and a real network.

usage: board_bars.py books|truth|sampler_job [--smoke]

books        setup + warm-up + operators + idle = integral of power over the run, within 0.5 %
truth        the plain method's error per operator on the simulated board, stated as it is (no limit)
sampler_job  1 kHz x 3 rails while a job runs: CPU share of synergyd, achieved rate, missed ticks
"""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from board import Board, processes  # noqa: E402

BOOKS_LIMIT = 0.005


def books(board, smoke):
    ok = True
    print(f"{'network':<12} {'rail':<8} {'sum of parts [J]':>17} {'integral [J]':>13} {'difference':>11}")
    for net, iterations in (("squeezenet", 20 if smoke else 300), ("resnet50", 5 if smoke else 60)):
        run = board.json("run", "--net", net, "--iterations", str(iterations), timeout=600)
        totals = run["totals"]
        for rail in sorted(totals["all"]["energy_j"]):
            ops = iterations * sum(op["energy_j"][rail]["mean"] for op in run["ops"])
            parts = ops + sum(totals[p]["energy_j"][rail] for p in ("setup", "warmup", "idle"))
            whole = totals["all"]["energy_j"][rail]
            ok &= abs(parts / whole - 1) <= BOOKS_LIMIT
            print(f"{net:<12} {rail:<8} {parts:>17.4f} {whole:>13.4f} {parts / whole - 1:>11.3%}")
    print(f"bar: {BOOKS_LIMIT:.1%}")
    return ok


def truth(board, smoke):
    print("error of the plain method against the SIMULATED board's truth, mean energy per operator")
    print(f"{'network':<12} {'rail':<8} {'iterations':>10} {'mean |error|':>13} {'worst |error|':>14}  worst operator")
    for net, iterations in (("squeezenet", 50 if smoke else 300), ("resnet50", 10 if smoke else 100)):
        run = board.json("run", "--net", net, "--iterations", str(iterations), timeout=600)
        shown = board.json("show", run["run"]["id"], "--truth")
        for rail in ("VDD_IN", "VDD_CPU"):
            errors = [(abs(op["energy_j"][rail]["mean"] / op["truth_j"][rail] - 1), op["name"])
                      for op in shown["ops"]]
            worst = max(errors)
            mean = sum(e for e, _ in errors) / len(errors)
            print(f"{net:<12} {rail:<8} {iterations:>10} {mean:>13.2%} {worst[0]:>14.2%}  {worst[1]}")
    return True


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sampler_job(board, smoke):
    seconds = 8 if smoke else 60
    client = board.start_ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--rate", "1000",
                             "--time-limit", str(seconds + 5), "--json")
    board.worker()
    time.sleep(3)
    pids = [board.process.pid, *processes("synergyd-front", board.process.pid)]
    before, begin = [cpu_seconds(p) for p in pids], time.monotonic()
    time.sleep(seconds - 2)
    elapsed = time.monotonic() - begin
    after = [cpu_seconds(p) for p in pids]
    client.communicate(timeout=60)
    sampling = board.json("show", "last")["sampling"]
    daemon, front = ((b - a) / elapsed for a, b in zip(before, after))
    print(f"with a job, {elapsed:.0f} s: synergyd {daemon:.1%} of a core, synergyd-front {front:.1%}; "
          f"requested {sampling['requested_hz']:.0f} Hz, achieved {sampling['achieved_hz']:.1f} Hz, "
          f"missed {sampling['missed']} ticks")
    return sampling["achieved_hz"] > 0


def main():
    bars = {"books": books, "truth": truth, "sampler_job": sampler_job}
    if len(sys.argv) < 2 or sys.argv[1] not in bars:
        sys.exit(__doc__)
    with Board() as board:
        sys.exit(0 if bars[sys.argv[1]](board, "--smoke" in sys.argv[2:]) else 1)


if __name__ == "__main__":
    main()
