#!/usr/bin/env python3
"""Bars that need the whole system: synergyd with the simulated board and a real network.

usage: board_bars.py books|truth|sampler_job|zoo_runs [--smoke]

books        setup + warm-up + operators + idle = integral of power over the run, within 0.5 %; the
             integral is computed here from the raw records in the store. Beside it, operator times by
             the net's wall time
truth        the plain method's error per operator on the simulated board, stated as it is (no limit)
zoo_runs     every network of `models list` end to end with both engines: number of operators, MACs, verdict
sampler_job  1 kHz x 3 rails while a job runs: CPU share of synergyd, achieved rate, missed ticks
"""
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from board import Board, operators_j, processes  # noqa: E402
from raw_run import RawRun, integral  # noqa: E402

RAILS_WITHIN_STEPS = {"VDD_GPU"}  # of the simulated TX1 without work for its GPU
BOOKS_LIMIT = 0.005
OPERATORS_LIMIT = 0.02
ACHIEVED_LIMIT = 0.9


def books(board, smoke):
    ok = True
    print(f"{'network':<12} {'rail':<8} {'sum of parts [J]':>17} {'integral [J]':>13} {'difference':>11}")
    for net, iterations in (("squeezenet", 20 if smoke else 300), ("resnet50", 5 if smoke else 60)):
        run = board.json("run", "--net", net, "--iterations", str(iterations), timeout=600)
        raw = RawRun(board.store, run["run"]["id"])
        totals = run["totals"]
        for rail in sorted(totals["all"]["energy_j"]):
            ops = iterations * operators_j(run, rail)
            parts = ops + sum(totals[p]["energy_j"][rail] for p in ("setup", "warmup", "idle"))
            whole = integral(raw.power[rail], *raw.whole())
            left = totals["unattributed"]["energy_j"][rail]
            # Of a rail within two steps the plain integral is what rounding makes of it; what is
            # left of it is stated, and closes the books there too.
            ok &= abs((parts + left) / whole - 1) <= BOOKS_LIMIT
            ok &= abs(parts / whole - 1) <= BOOKS_LIMIT or rail in RAILS_WITHIN_STEPS
            print(f"{net:<12} {rail:<8} {parts:>17.4f} {whole:>13.4f} {parts / whole - 1:>11.3%}")
        share = raw.operator_share_of_iterations()
        ok &= abs(share - 1) <= OPERATORS_LIMIT
        print(f"{net:<12} operators take {share:.2%} of the iterations' wall time")
    print(f"bars: energies {BOOKS_LIMIT:.1%}, times {OPERATORS_LIMIT:.0%}")
    return ok


def truth(board, smoke):
    print("error against the SIMULATED board's truth, mean energy per operator that is known alone")
    print(f"{'network':<12} {'rail':<8} {'iterations':>10} {'mean |error|':>13} {'worst |error|':>14}  worst operator")
    for net, iterations in (("squeezenet", 50 if smoke else 300), ("resnet50", 10 if smoke else 100)):
        run = board.json("run", "--net", net, "--iterations", str(iterations), timeout=600)
        shown = board.json("show", run["run"]["id"], "--truth")
        for rail in ("VDD_IN", "VDD_CPU"):
            errors = [(abs(op["energy_j"][rail]["mean"] / op["truth_j"][rail] - 1), op["name"])
                      for op in shown["ops"] if "mean" in op["energy_j"][rail]]
            worst = max(errors)
            mean = sum(e for e, _ in errors) / len(errors)
            print(f"{net:<12} {rail:<8} {iterations:>10} {mean:>13.2%} {worst[0]:>14.2%}  {worst[1]}")
    return True


# Reasons of what two iterations cannot have, or a busy machine takes away: no network is to blame.
NO_NETWORKS_FAULT = {"few_readings", "no_readings", "ticks_missed", "edge_unread", "clock_astray", "window_long", "other_processes",
                     "few_fresh", "residual_too_large"}
SMOKE_NETWORKS = ("squeezenet", "mobilenet", "alexnet")


def zoo_runs(board, smoke):
    networks = {model["name"]: model for model in board.json("models", "list")["models"]}
    names = SMOKE_NETWORKS if smoke else sorted(networks)
    ok = True
    print(f"{'network':<20} {'engine':<16} {'operators':>9} {'MMACs':>9} {'one inference [ms]':>18}  verdict")
    for name in names:
        for engine in ("caffe2-eigen", "caffe2-openblas"):
            run = board.json("run", "--net", name, "--engine", engine, "--iterations", "2", timeout=600)
            reasons = {reason.split(":")[0] for reason in run["reasons"]} - NO_NETWORKS_FAULT
            macs = sum(op["macs"] or 0 for op in run["ops"])
            good = (run["run"]["state"] == "DONE" and not reasons
                    and len(run["ops"]) == networks[name]["layers"] and macs == networks[name]["macs"]
                    and all(op["executions"] == 2 for op in run["ops"]))
            ok &= good
            print(f"{name:<20} {engine:<16} {len(run['ops']):>9} {macs * 1e-6:>9.1f} "
                  f"{run['iteration_time_s']['mean'] * 1e3:>18.1f}  {run['verdict']}"
                  f"{'' if good else '  FAILED ' + ', '.join(sorted(reasons))}", flush=True)
    print(f"{len(names)} networks, each with both engines; every operator ran once an iteration")
    return ok


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sampler_job(board, smoke):
    seconds = 6 if smoke else 60
    client = board.start_ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--rate", "1000")
    board.wait_until_measuring()
    pids = [board.process.pid, *processes("synergyd-front", board.process.pid)]
    before, begin = [cpu_seconds(p) for p in pids], time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    daemon, front = ((cpu_seconds(p) - b) / elapsed for p, b in zip(pids, before))
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=60)
    shown = board.ctl("show", "last", "--json")
    document = json.loads(shown.stdout)
    sampling = document["sampling"]
    gaps = sum(gap["count"] for gap in document["gaps"] if gap["cause"] == "missed_tick")
    missed = sampling["missed"] / (sampling["ticks"] + sampling["missed"])
    print(f"with a job, {elapsed:.0f} s: synergyd {daemon:.1%} of a core (sampler, simulated chip and bus, "
          f"recorder), synergyd-front {front:.1%}; requested {sampling['requested_hz']:.0f} Hz, achieved "
          f"{sampling['achieved_hz']:.1f} Hz, missed {sampling['missed']} ticks ({missed:.2%})")
    print(f"bars: achieved at least {ACHIEVED_LIMIT:.0%} of the requested rate; every missed tick lies in a gap "
          f"(gaps hold {gaps})")
    return sampling["achieved_hz"] >= ACHIEVED_LIMIT * 1000 and gaps == sampling["missed"]


def main():
    bars = {"books": books, "truth": truth, "sampler_job": sampler_job, "zoo_runs": zoo_runs}
    if len(sys.argv) < 2 or sys.argv[1] not in bars:
        sys.exit(__doc__)
    with Board() as board:
        sys.exit(0 if bars[sys.argv[1]](board, "--smoke" in sys.argv[2:]) else 1)


if __name__ == "__main__":
    main()
