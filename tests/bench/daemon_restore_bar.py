"""synergyd, its front and its workers are killed at random while a job or a client holds the clocks of the
simulated board; what they changed must come back.

usage: daemon_restore_bar.py KILLS [SEED]     exit 1 where anything differs afterwards
"""
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from board import BIN, WHILE_PARENT, Board, alive, processes, wait_for  # noqa: E402

REQUESTS = {
    "cpu": ["102MHz", "825.6MHz", "1224MHz", "min", "max", None],
    "gpu": ["76.8MHz", "614.4MHz", "max", None],
    "governor": ["performance", "powersave", "userspace", None],
    "cpus": ["0", "0-2", "1,3", None],
}
FLAGS = {"job": {"cpu": "--cpu-freq", "gpu": "--gpu-freq", "governor": "--governor", "cpus": "--cpus"},
         "pin": {"cpu": "--cpu", "gpu": "--gpu", "governor": "--governor", "cpus": "--cpus"}}


def clock_flags(rng, holder):
    while True:
        drawn = {key: rng.choice(values) for key, values in REQUESTS.items()}
        if any(drawn.values()):
            return [word for key, value in drawn.items() if value for word in (FLAGS[holder][key], value)]


class Bar:
    def __init__(self, board, rng):
        self.board, self.rng = board, rng
        self.clocks = board.state / "simulated-clocks"
        self.before = self.tree()
        self.failures, self.kills, self.held = [], {}, 0

    def tree(self):
        # The setspeed of a governor that does not govern is remembered, and shown by no kernel.
        return {str(path.relative_to(self.clocks)): path.read_text()
                for path in sorted((self.clocks / "sys").rglob("*"))
                if path.is_file() and path.name != "scaling_setspeed"}

    def journals(self):
        return [path.name for path in (self.clocks / "leases").glob("*") if not path.name.endswith(".lock")]

    def start_holder(self, holder):
        flags = clock_flags(self.rng, holder)
        if holder == "pin":
            return self.board.start_ctl("clocks", "pin", *flags, "--", *WHILE_PARENT)
        return self.board.start_ctl("run", "--net", "squeezenet", "--iterations", "1000000", *flags)

    def wait_a_while(self):
        """Until the lease is being taken, most times, and then a little."""
        if self.rng.random() < 0.85:
            wait_for(self.journals, 20, "the taking of a lease")
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
        self.held += 1 if self.journals() else 0
        try:
            subprocess.os.kill(pids[0], signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.kills[victim] = self.kills.get(victim, 0) + 1
        return True

    def end_holder(self, holder, process):
        """The holder of the lease goes: as a client that is lost, or by the user's interrupt."""
        if self.rng.random() < 0.5 and holder == "pin":
            process.kill()
        else:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
        for stream in (process.stdout, process.stderr):
            stream.close()
        self.cancel_jobs()

    def cancel_jobs(self):
        for job in self.board.json("board")["jobs"]:
            if job["state"] in ("QUEUED", "RUNNING"):
                self.board.ctl("cancel", job["id"])

    def after_root(self, process, below):
        process.kill()
        process.wait(30)
        for stream in (process.stdout, process.stderr):
            stream.close()
        self.board.process.wait()
        wait_for(lambda: not any(alive(pid) for pid in below), 10, "the end of the daemon's children")
        if self.rng.random() < 0.5:
            done = subprocess.run([BIN / "synergyd", "--restore", "--state", self.board.state],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                self.failures.append(f"--restore ended with {done.returncode}: {done.stdout}{done.stderr}")
            self.check("after --restore")
        self.board.start()
        # A job that only waited when the daemon died runs now, with its clocks.
        self.cancel_jobs()
        wait_for(lambda: not self.journals(), 20, "the end of a job that had waited")

    def check(self, when):
        after = self.tree()
        for path in sorted(self.before.keys() | after.keys()):
            if self.before.get(path) != after.get(path):
                self.failures.append(f"{when}: {path} is {after.get(path)!r}, was {self.before.get(path)!r}")
        self.failures += [f"{when}: {name} is left" for name in self.journals()]

    def round(self):
        holder = self.rng.choice(["job", "pin"])
        victim = self.rng.choice(["root", "front", "worker"] if holder == "job" else ["root", "front"])
        process = self.start_holder(holder)
        self.wait_a_while()
        below = processes("", self.board.process.pid)
        killed = self.kill(victim)
        if killed and victim == "root":
            self.after_root(process, below)
        else:
            self.end_holder(holder, process)
            wait_for(lambda: not self.journals(), 20, "the lease's end")
        self.check(f"{victim} killed under a {holder}")


def main(kills, seed):
    rng = random.Random(seed)
    with Board() as board:
        bar = Bar(board, rng)
        while sum(bar.kills.values()) < kills:
            bar.round()
        below = processes("", board.process.pid)
        board.stop()
        orphans = [pid for pid in below if alive(pid)]
    for failure in bar.failures:
        print(failure)
    counts = ", ".join(f"{bar.kills.get(v, 0)} of {name}" for v, name in (
        ("root", "synergyd"), ("front", "its front"), ("worker", "workers")))
    print(f"{sum(bar.kills.values())} random kill -9 ({counts}; simulated board, seed {seed}), {bar.held} of them "
          f"while clocks were changed: {len(bar.failures)} not as before, {len(orphans)} orphans")
    return 1 if bar.failures or orphans else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
