#!/usr/bin/env python3
"""Bar: synergy-sim plays 300 iterations of squeezenet on the simulated Jetson TX1 in under a second.

Judged by the CPU time of both its threads, to which other programs on the machine hardly add; wall time is stated.

usage: sim_speed_bar.py SYNERGY_SIM TURNS [NET ...]     other networks are stated, without a limit
"""
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT_S = 1.0


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def play(program, net, turn, folder):
    spool = pathlib.Path(folder) / f"{net}-{turn}"
    begin, cpu = time.monotonic(), cpu_seconds()
    done = subprocess.run([program, "--board", "sim:jetson-tx1", "--net", net, "--iterations", "300",
                           "--seed", str(turn), "-o", spool], check=True, text=True, stdout=subprocess.PIPE)
    cpu, wall = cpu_seconds() - cpu, time.monotonic() - begin
    played = float(re.search(r"in virtual time: ([0-9.]+) s", done.stdout).group(1))
    spool.unlink()
    pathlib.Path(f"{spool}.truth").unlink()
    return cpu, wall, played


def main():
    program, turns, nets = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for net in ["squeezenet", *nets]:
            cpu, wall, played = zip(*(play(program, net, turn, folder) for turn in range(1, turns + 1)))
            judged = net == "squeezenet"
            print(f"sim_speed SIMULATED {net}, 300 iterations, {turns} turns: median {statistics.median(cpu):.2f} s of "
                  f"CPU, {statistics.median(wall):.2f} s of wall time (best {min(wall):.2f} s), for {played[0]:.0f} s "
                  f"of virtual time{f', bar {LIMIT_S:.1f} s' if judged else ''}")
            slow |= judged and statistics.median(cpu) >= LIMIT_S
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
