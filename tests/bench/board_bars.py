#!/usr/bin/env python3
"""Bars that need the whole system: synergyd with the simulated board and a real network.

usage: board_bars.py books|truth|sampler_job|zoo_runs [--smoke]

books        setup + warm-up + operators + idle = integral of power over the run, within 0.5 %; the
             integral is computed here from the raw records in the store. Beside it, operator times by
             the net's wall time
truth        real networks on the simulated board in real time: errors and intervals of operators, by both methods
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
    for net, iterations in (("squeezenet", 200 if smoke else 300), ("resnet50", 30 if smoke else 60)):
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


LONG_S = 100e-6


def against_truth(shown, rail):
    """Errors of one rail: weighted by energy, of long operators that stand alone; intervals that hold."""
    weighted = energy = grouped = 0
    long_errors, holds = [], []
    alone = {}
    for op in shown["ops"]:
        true_j, said = op["truth_j"][rail], op["energy_j"][rail]
        energy += true_j
        alone[op["name"]] = true_j
        if said.get("mean") is None:
            grouped += true_j
            continue
        weighted += abs(said["mean"] - true_j)
        if op["time_s"]["mean"] >= LONG_S:
            long_errors.append((abs(said["mean"] / true_j - 1), op["name"]))
        if said.get("ci95"):
            holds.append(said["ci95"][0] <= true_j <= said["ci95"][1])
    return weighted / energy, sorted(long_errors), holds, grouped / energy


def truth(board, smoke):
    print("Real networks in real time on the SIMULATED board (gains exact), error of operators' mean energies")
    print(f"{'network':<12} {'iterations':>10} {'rail':<8} {'method':<14} {'weighted':>9} {'mean, >= 100 us':>16} "
          f"{'p99':>8} {'worst':>8} {'intervals hold':>15} {'in groups':>10}")
    ok = True
    for net, iterations in (("squeezenet", 50 if smoke else 300), ("resnet50", 10 if smoke else 300)):
        run = board.json("run", "--net", net, "--iterations", str(iterations), timeout=900)
        for rail in ("VDD_IN", "VDD_CPU"):
            weighted = {}
            for method in ("least-squares", "integrate"):
                shown = board.json("show", run["run"]["id"], "--truth", "--method", method)
                weighted[method], errors, holds, grouped = against_truth(shown, rail)
                mean = sum(e for e, _ in errors) / max(1, len(errors))
                p99 = errors[min(len(errors) - 1, int(0.99 * len(errors)))] if errors else (0, "")
                held = f"{sum(holds)} of {len(holds)}" if holds else "-"
                print(f"{net:<12} {iterations:>10} {rail:<8} {method:<14} {weighted[method]:>9.3%} {mean:>16.3%} "
                      f"{p99[0]:>8.2%} {errors[-1][0] if errors else 0:>8.2%} {held:>15} {grouped:>10.2%}", flush=True)
            # What a few iterations leave in groups has no error of its own.
            ok &= weighted["least-squares"] < weighted["integrate"]
    print("bar: stated as it is; least squares err less than integrals")
    return ok


# Reasons of what two iterations cannot have, or a busy machine takes away: no network is to blame.
NO_NETWORKS_FAULT = {"few_readings", "no_readings", "ticks_missed", "edge_unread", "clock_astray", "window_long", "other_processes",
                     "few_fresh", "residual_too_large", "windows_not_found", "windows_unsure"}
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
    # What gains are off by is the calibration's.
    with Board(flags=["--fault", "gain:0"] if sys.argv[1] == "truth" else []) as board:
        sys.exit(0 if bars[sys.argv[1]](board, "--smoke" in sys.argv[2:]) else 1)


if __name__ == "__main__":
    main()
