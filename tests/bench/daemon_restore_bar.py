"""synergyd, its front and its workers are killed at random while a job or a client holds the clocks of a board;
what they changed must come back. Half of the kills are on the simulated board, half on a board's plain files
(--sysfs-root), where synergyd changes a sensor chip's settings as well.

usage: daemon_restore_bar.py KILLS [SEED [SECONDS]]     exit 1 where anything differs afterwards
Ends after SECONDS, where given, however many kills that were.
"""
import collections
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from board import BIN, WHILE_PARENT, Board, alive, processes, wait_for  # noqa: E402
from sysfs_tree import HWMON, make_tree, read_tree  # noqa: E402

REQUESTS = {
    "cpu": ["102MHz", "825.6MHz", "1224MHz", "min", "max", None],
    "gpu": ["76.8MHz", "614.4MHz", "max", None],
    "governor": ["performance", "powersave", "userspace", None],
    "cpus": ["0", "0-2", "1,3", None],
}
FLAGS = {"job": {"cpu": "--cpu-freq", "gpu": "--gpu-freq", "governor": "--governor", "cpus": "--cpus"},
         "pin": {"cpu": "--cpu", "gpu": "--gpu", "governor": "--governor", "cpus": "--cpus"}}


def clock_flags(rng, holder, requests):
    while True:
        drawn = {key: rng.choice(values) for key, values in requests.items()}
        if any(drawn.values()):
            return [word for key, value in drawn.items() if value for word in (FLAGS[holder][key], value)]


class SimulatedBoard:
    name = "simulated board"
    requests = REQUESTS

    def __init__(self, _):
        self.board = Board()
        self.clocks = self.board.state / "simulated-clocks"
        self.leases = self.clocks / "leases"

    def tree(self):
        # The setspeed of a governor that does not govern is remembered, and shown by no kernel.
        return {path: text for path, text in read_tree(self.clocks / "sys").items()
                if not path.endswith("scaling_setspeed")} if self.clocks.exists() else {}

    def restore_flags(self):
        return []


class PlainFiles:
    name = "plain files"
    requests = REQUESTS | {"governor": ["performance", "powersave", None]}

    def __init__(self, scratch):
        self.root = make_tree(scratch / "sys")
        self.board = Board(board="auto", flags=self.restore_flags())
        self.leases = self.board.state / "leases"

    def tree(self):
        return read_tree(self.root)

    def restore_flags(self):
        return ["--sysfs-root", str(self.root)]


class Bar:
    def __init__(self, place, rng):
        self.place, self.board, self.rng = place, place.board, rng
        self.failures, self.orphans, self.kills, self.held, self.waited = [], 0, collections.Counter(), 0, 0
        self.found = place.tree()  # before any daemon
        self.board.start()
        self.served = place.tree()  # with the settings of the sensors
        self.found = self.found or self.served

    def journals(self):
        """Of clocks: the sensors' one is there as long as the daemon."""
        return [path.name for path in self.place.leases.glob("*")
                if not path.name.endswith(".lock") and path.name != "sensors.journal"]

    def start_holder(self, holder):
        flags = clock_flags(self.rng, holder, self.place.requests)
        if holder == "pin":
            return self.board.start_ctl("clocks", "pin", *flags, "--", *WHILE_PARENT)
        return self.board.start_ctl("run", "--net", "squeezenet", "--iterations", "1000000", *flags)

    def wait_a_while(self):
        """Until the lease is being taken, most times, and then a little."""
        if self.rng.random() < 0.85:
            wait_for(self.journals, 30, "the taking of a lease")
            time.sleep(self.rng.choice([0, self.rng.random() * 0.003, self.rng.random() * 0.1]))
        else:
            time.sleep(self.rng.random() * 0.3)

    def kill(self, victim):
        """True where there was such a process."""
        root = self.board.process.pid
        name = {"front": "synergyd-front", "worker": "synergy-worker"}.get(victim)
        pids = [root] if victim == "root" else processes(name, root)
        if not pids:
            return False
        held = bool(self.journals())
        try:
            subprocess.os.kill(pids[0], signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.kills[victim] += 1
        self.held += held
        return True

    @staticmethod
    def reap(process):
        process.wait(30)
        for stream in (process.stdout, process.stderr):
            stream.close()

    def end_holder(self, holder, process):
        """The holder of the lease goes: as a client that is lost, or by the user's interrupt."""
        if self.rng.random() < 0.5 and holder == "pin":
            process.kill()
        else:
            process.send_signal(signal.SIGTERM)
        self.reap(process)
        self.end_jobs()

    def end_jobs(self):
        """Cancels all jobs and waits for their ends: one that is just starting has yet to take its lease."""
        def ended():
            open_jobs = [job for job in self.board.json("board")["jobs"] if job["state"] in ("QUEUED", "RUNNING")]
            for job in open_jobs:
                self.board.ctl("cancel", job["id"])
            return not open_jobs

        wait_for(ended, 30, "the end of all jobs")
        wait_for(lambda: not self.journals(), 30, "the lease's end")

    def starts(self):
        return re.findall(r"run (\S+): started", self.board.log_text())

    def after_root(self, process, below):
        process.kill()
        self.reap(process)
        self.board.process.wait()
        try:
            wait_for(lambda: not any(alive(pid) for pid in below), 10, "the end of the daemon's children")
        except AssertionError:
            self.orphans += sum(alive(pid) for pid in below)
        started = self.starts()
        if self.rng.random() < 0.5:
            done = subprocess.run([BIN / "synergyd", "--restore", "--state", self.board.state,
                                   *self.place.restore_flags()], capture_output=True, text=True)
            if done.returncode != 0:
                self.failures.append(f"--restore ended with {done.returncode}: {done.stdout}{done.stderr}")
            self.check("after --restore", self.found)
            self.failures += [f"after --restore: {path.name} is left" for path in self.place.leases.glob("*")
                              if not path.name.endswith(".lock")]
        self.board.start()
        self.check_restart(started)

    def check_restart(self, started):
        """What differs right after a start must be under the lease of a job that had only waited until the kill:
        a job that had been started is over."""
        differing = self.differences(self.served)
        lease = self.board.json("clocks")["lease"]
        holder = lease["holder"].removeprefix("run ") if lease else None
        if lease and holder not in started and holder in self.starts():
            self.waited += 1
        else:
            self.failures += [f"right after a start: {line}" for line in differing]
        again = [run for run, times in collections.Counter(self.starts()).items() if times > 1]
        self.failures += [f"the run {run} was started again" for run in again]
        self.end_jobs()

    def differences(self, wanted):
        now = self.place.tree()
        return [f"{path} is {now.get(path)!r}, was {wanted.get(path)!r}"
                for path in sorted(wanted.keys() | now.keys()) if wanted.get(path) != now.get(path)]

    def check(self, when, wanted):
        self.failures += [f"{when}: {line}" for line in self.differences(wanted)]

    def round(self):
        holder = self.rng.choice(["job", "pin"])
        victim = self.rng.choice(["root", "front", "worker"] if holder == "job" else ["root", "front"])
        process = self.start_holder(holder)
        self.wait_a_while()
        below = processes("", self.board.process.pid)
        if self.kill(victim) and victim == "root":
            self.after_root(process, below)
        else:
            self.end_holder(holder, process)
        self.check(f"{victim} killed under a {holder}", self.served)
        self.failures += [f"{victim} killed under a {holder}: {name} is left" for name in self.journals()]

    def run(self, kills, deadline):
        while self.kills.total() < kills and time.monotonic() < deadline:
            self.round()
        below = processes("", self.board.process.pid)
        self.board.stop()
        self.orphans += sum(alive(pid) for pid in below)
        self.check("after the last SIGTERM", self.found)

    def result(self, seed):
        counts = ", ".join(f"{self.kills[victim]} of {name}" for victim, name in (
            ("root", "synergyd"), ("front", "its front"), ("worker", "workers")))
        return (f"{self.place.name}: {self.kills.total()} random kill -9 ({counts}; seed {seed}), {self.held} of them "
                f"while clocks were changed: {len(self.failures)} not as before, {self.orphans} orphans; "
                f"{self.waited} times a job that had only waited ran after the restart")


def run_on(kind, kills, seed, deadline):
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="synergy-restore-"))
    place = kind(scratch)
    try:
        bar = Bar(place, random.Random(seed))
        if isinstance(place, PlainFiles) and bar.served[f"{HWMON}/in3_enable"] != "0":
            bar.failures.append("synergyd has not set up the sensor chip: nothing of it is tested")
        bar.run(kills, deadline)
        for failure in bar.failures:
            print(failure)
        print(bar.result(seed), flush=True)
        return not bar.failures and bar.orphans == 0
    finally:
        place.board.__exit__()
        shutil.rmtree(scratch, ignore_errors=True)


def main(kills, seed, seconds):
    begin = time.monotonic()
    results = [run_on(kind, kills // 2, seed, begin + seconds * part)
               for kind, part in ((SimulatedBoard, 0.5), (PlainFiles, 1.0))]
    return 0 if all(results) else 1


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    numbers = [int(word) for word in sys.argv[1:]] + [1, 10**9][len(sys.argv) - 2:]
    sys.exit(main(*numbers))
