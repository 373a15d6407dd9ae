"""The daemon, its front and its engines are killed at random on a real kernel while they hold the clocks.

usage: restore_bar.py KILLS [SEED]     exit 1 where anything is not as it was
"""
import random
import signal
import sys
import time

from lab_board import LOG, STATE, WHILE_PARENT, LabBoard, skip_without_lab, wait_for

# By number of the round: two thirds are the daemon itself, in all of the lease's life.
VICTIMS = ("synergyd", "synergyd-front", "synergyd", "synergy-worker", "synergyd", "synergyd")


def hold(lab, number):
    """Something that holds the clocks: a job, or a pin."""
    if VICTIMS[number % len(VICTIMS)] == "synergy-worker":
        return lab.start_small("--cpu-freq", "518.4MHz", "--iterations", "1000", "--rate", "20")
    return lab.start_ctl("clocks", "pin", "--cpu", random.choice(("min", "518.4MHz", "max")), "--cpus", "0-2",
                         "--", *WHILE_PARENT)


def end(client):
    client.kill()
    client.wait()  # only then a pin's command ends, which holds the pipes
    client.communicate()


def kill_one(lab, number, seconds):
    """Kills a process somewhere in the life of a lease; returns its name."""
    client = hold(lab, number)
    victim = VICTIMS[number % len(VICTIMS)]
    if victim == "synergyd" and number % 4 != 0:
        time.sleep(random.uniform(0, 1.3 * seconds))
        if number % 4 == 2:  # while the clocks are put back
            client.send_signal(signal.SIGINT)
            time.sleep(random.uniform(0, 0.4))
    else:
        lab.await_lease(client)
        wait_for(lambda: lab.pids(victim), 90, f"the start of {victim}")
    lab.guest.run(f"for p in {' '.join(map(str, lab.pids(victim)))}; do kill -9 $p; done; true")
    if victim != "synergyd":  # the daemon lives, and ends the lease by itself
        wait_for(lambda: lab.lease() is None, 120, "the lease's end")
        lab.stop("KILL")
    end(client)
    wait_for(lambda: not lab.pids("synergyd"), 60, "the daemon's end")
    return victim


def main():
    skip_without_lab()
    kills = int(sys.argv[1])
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 6)
    failures, tally = 0, {}
    with LabBoard() as lab:
        before = lab.settings()
        begin = time.monotonic()
        lab.start()
        client = hold(lab, 0)
        lab.await_lease(client)
        seconds = time.monotonic() - begin
        end(client)
        lab.stop()
        for number in range(kills):
            lab.start()
            try:
                victim = kill_one(lab, number, seconds)
            except AssertionError:
                print(f"round {number}: the daemon's log:\n{lab.log()}", flush=True)
                raise
            tally[victim] = tally.get(victim, 0) + 1
            touched = lab.settings() != before
            if number % 2 == 0:
                lab.guest.run(f"synergyd --restore --state {STATE} >>{LOG} 2>&1")
            else:
                lab.start()
                lab.stop()
            orphans = [name for name in ("synergyd", "synergyd-front", "synergy-worker", "synergy-launcher") if lab.pids(name)]
            journals = lab.journals()
            if lab.settings() != before or orphans or journals:
                failures += 1
                print(f"round {number} ({victim}): {lab.settings()} instead of {before}; orphans {orphans}, "
                      f"journals {journals}\n{lab.log()}", flush=True)
            print(f"kill {number + 1} of {kills}: {victim}{', settings were changed' if touched else ''}", flush=True)
            tally["changed"] = tally.get("changed", 0) + touched
    print(f"lab: {kills} kills ({', '.join(f'{n} of {v}' for v, n in tally.items() if v != 'changed')}), "
          f"{tally.get('changed', 0)} while settings were changed: {failures} differences, journals or orphans left")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
