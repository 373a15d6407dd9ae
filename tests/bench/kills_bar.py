"""synergyd, its front, the client and the connection between them are killed at random instants while a client works
through job files, every second one over TLS: of every job exactly one attempt is done, no attempt has run twice, every
record is stored once and wholly, and the clocks are as they were.

usage: kills_bar.py KILLS [SEED [SECONDS]]     exit 1 where anything is not so
Ends after SECONDS, where given, however many kills that were.
"""
import collections
import json
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from board import BIN, Board, alive, processes, wait_for  # noqa: E402
from sysfs_tree import read_tree  # noqa: E402

JOB_FILE = """schema = 1
name = "kills-{number}"
net = ["squeezenet"]
engine = "caffe2-openblas"
threads = [1, 2]
batch = 1
iterations = 30
warmup = 1
idle = 0
seed = {seed}
repetitions = {repetitions}
cpu-freq = "{clock}"
"""
VICTIMS = ("root", "front", "client", "connection")
PHASES = ("uploading", "queued", "streaming", "acknowledging", "any")
DONE, INTERRUPTED = 1, 3
ENDED = (0, 1)  # a sweep; 1: not every job is done and good
# Of runs that are INVALID: the machine had no time for a single reading; and what is never only that.
STARVED = "few_readings"
BROKEN = {"incomplete", "job_cancelled", "job_failed", "not_complete", "ring_garbage", "store_damaged"}


class Wire:
    """Connections to `target` of the daemon that can be cut; `address` is its own one."""

    def __init__(self, family, address, target):
        self.family, self.target, self.pairs, self.lock = family, target, [], threading.Lock()
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.address = self.listener.getsockname()
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(self.family)
            try:
                far.connect(self.target)
            except OSError:
                near.close()
                far.close()
                continue
            with self.lock:
                self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.relay, args=(source, sink), daemon=True).start()

    def relay(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        self.end(source, sink)

    @staticmethod
    def end(*sockets):
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """True where there was something to cut."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            self.end(*pair)
        return bool(pairs)


class Bar:
    def __init__(self, rng, repetitions):
        self.rng, self.repetitions = rng, repetitions
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.board = Board(listen=(f"127.0.0.1:{port}",))
        self.kills, self.phases, self.failures = collections.Counter(), collections.Counter(), []
        self.over_tls = self.starved = 0
        self.said = ()
        self.client, self.sweeps, self.ends = None, 0, collections.Counter()
        self.board.start()
        self.clocks = self.tree()
        near = str(self.board.scratch / "wire.sock")
        self.wires = (Wire(socket.AF_UNIX, near, str(self.board.socket)),
                      Wire(socket.AF_INET, ("127.0.0.1", 0), ("127.0.0.1", port)))
        self.hosts = (f"unix:{near}", f"localhost:{self.wires[1].address[1]}")
        code = subprocess.run([BIN / "synergyd", "pair", "--state", self.board.state], capture_output=True, text=True,
                              check=True).stdout.split()[-1]
        paired = self.board.ctl("pair", self.hosts[1], code)
        if paired.returncode != 0:
            raise AssertionError(paired.stderr)
        self.file = self.board.scratch / "job.toml"

    def tree(self):
        root = self.board.state / "simulated-clocks" / "sys"
        return {path: text for path, text in read_tree(root).items() if not path.endswith("scaling_setspeed")}

    def query(self, sql):
        try:
            with sqlite3.connect(f"file:{self.board.store}?mode=ro", uri=True, timeout=5) as store:
                return store.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []  # not there yet

    def phase(self):
        if self.query("SELECT 1 FROM submissions LIMIT 1"):
            return "uploading"
        runs = self.query("SELECT complete, next_seq, acknowledged_seq FROM runs WHERE NOT abandoned "
                          "AND (NOT complete OR acknowledged_seq < next_seq)")
        if any(complete for complete, _, _ in runs):
            return "acknowledging"
        if any(next_seq > 0 for _, next_seq, _ in runs):
            return "streaming"
        return "queued" if runs else "between"

    def start_client(self):
        if self.client is None:
            self.sweeps += 1
            self.file.write_text(JOB_FILE.format(number=self.sweeps, seed=self.sweeps, repetitions=self.repetitions,
                                                 clock=self.rng.choice(["102MHz", "1224MHz"])))
        self.client = self.board.start_ctl("submit", str(self.file), "--wait", "--method", "integrate",
                                           "--host", self.hosts[self.sweeps % 2])
        # What it says is read in threads of their own: it must not wait for us.
        said = self.said = collections.deque(maxlen=3)
        for stream, kept in ((self.client.stdout, collections.deque(maxlen=0)), (self.client.stderr, said)):
            threading.Thread(target=kept.extend, args=(stream,), daemon=True).start()

    def tend_client(self):
        """Starts the client where none is alive."""
        if self.client is not None:
            code = self.client.poll()
            if code is None:
                return
            self.ends[code] += 1
            if code in ENDED:
                self.check_sweep(code)
                self.client = None
            # Killed, lost the board for longer than it looks for it, or was just refused by one that goes down.
            elif code not in (-signal.SIGKILL, 3, 4, 5):
                self.failures.append(f"the client ended with {code}: {' '.join(self.said)}")
        self.start_client()

    def kill(self, victim):
        """True where there was something to kill."""
        if victim == "connection":
            return self.wires[self.sweeps % 2].cut()
        if victim == "client":
            if self.client.poll() is not None:
                return False
            self.client.kill()
            self.client.wait()
            return True
        pids = [self.board.process.pid] if victim == "root" else processes("synergyd-front", self.board.process.pid)
        if not pids:
            return False
        below = processes("", self.board.process.pid)
        try:
            os.kill(pids[0], signal.SIGKILL)
        except ProcessLookupError:
            return False
        if victim == "root":
            self.board.process.wait()
            wait_for(lambda: not any(alive(pid) for pid in below), 10, "the end of the daemon's children")
            self.board.start()
            self.check_acknowledged()
        return True

    def check_acknowledged(self):
        """What the board was told to be stored is stored."""
        stored = dict(self.query("SELECT run_id, next_seq FROM runs"))
        for job in json.loads(self.board.ctl("jobs", "--json").stdout)["jobs"]:
            if job["acknowledged"] > stored.get(job["id"], 0):
                self.failures.append(f"{job['id']}: {job['acknowledged']} chunks are acknowledged and "
                                     f"{stored.get(job['id'], 0)} stored")

    def round(self):
        self.tend_client()
        wanted, until = self.rng.choice(PHASES), time.monotonic() + 1.5
        while wanted != "any" and self.phase() != wanted and time.monotonic() < until and self.client.poll() is None:
            time.sleep(0.002)
        time.sleep(self.rng.choice([0, self.rng.random() * 0.01, self.rng.random() * 0.2]))
        seen, victim = self.phase(), self.rng.choice(VICTIMS)
        if self.kill(victim):
            self.kills[victim] += 1
            self.phases[seen] += 1
            self.over_tls += self.sweeps % 2

    def check_sweep(self, code):
        """Each job is done once, and the client has ended with 1 only where a run is INVALID for want of readings."""
        sweep, jobs = self.query("SELECT max(sweep), jobs FROM sweeps")[0]
        attempts = collections.defaultdict(list)
        runs = {}
        for job, outcome, run in self.query(
                f"SELECT job, outcome, run FROM attempts WHERE sweep = {sweep} ORDER BY job, attempt"):
            attempts[job].append(outcome)
            runs[job] = run
        if len(attempts) != jobs:
            self.failures.append(f"sweep {sweep}: {len(attempts)} of {jobs} jobs were attempted")
        for job, outcomes in attempts.items():
            if outcomes[-1] != DONE or any(outcome != INTERRUPTED for outcome in outcomes[:-1]):
                self.failures.append(f"sweep {sweep}: the attempts at job {job} ended as {outcomes}")
        invalid = 0
        for run in runs.values():
            shown = self.board.json("show", str(run), "--method", "integrate")
            codes = {reason.split(":")[0] for reason in shown["reasons"]}
            if shown["verdict"] == "INVALID":
                invalid += 1
                if STARVED not in codes or codes & BROKEN:
                    self.failures.append(f"sweep {sweep}: run {run} is INVALID: {shown['reasons']}")
        self.starved += invalid
        if code != (1 if invalid else 0):
            self.failures.append(f"sweep {sweep}: the client ended with {code}, {invalid} runs are INVALID: "
                                 f"{' '.join(self.said)}")

    def check_all(self):
        log = self.board.log_text()
        started = collections.Counter(re.findall(r"run (\S+): started", log))
        self.failures += [f"{run} was started {times} times" for run, times in started.items() if times > 1]
        stored = {run for run, in self.query("SELECT run_id FROM runs")}
        self.failures += [f"{run} has run and is in no sweep" for run in started.keys() - stored]
        attempts = self.query("SELECT count(*), count(DISTINCT run) FROM attempts WHERE run IS NOT NULL")[0]
        if attempts[0] != attempts[1] or attempts[0] != len(stored):
            self.failures.append(f"{attempts[0]} attempts are {attempts[1]} runs of {len(stored)} in the store")
        for run, complete, abandoned, next_seq, chunks, last in self.query(
                "SELECT r.run_id, r.complete, r.abandoned, r.next_seq, count(c.seq), max(c.seq) "
                "FROM runs r LEFT JOIN chunks c USING (board, run) GROUP BY r.run"):
            if not complete or abandoned or chunks != next_seq or last != next_seq - 1:
                self.failures.append(f"{run}: complete {complete}, abandoned {abandoned}, {chunks} chunks up to {last} "
                                     f"of {next_seq}")
        if left := json.loads(self.board.ctl("jobs", "--json").stdout)["jobs"]:
            self.failures.append(f"the board still has {[job['id'] for job in left]}")
        wait_for(lambda: self.tree() == self.clocks, 10, "putting back the clocks")

    def run(self, kills, deadline):
        while self.kills.total() < kills and time.monotonic() < deadline:
            self.round()
        # The last sweep, undisturbed.
        sweeps = self.sweeps
        until = time.monotonic() + 600
        while self.client is not None and self.sweeps == sweeps and time.monotonic() < until:
            code = self.client.poll()
            if code in ENDED:
                self.check_sweep(code)
                break
            if code is not None:
                self.tend_client()
            time.sleep(0.05)
        else:
            self.failures.append("the last sweep did not end")
        self.check_all()

    def result(self, seed):
        victims = ", ".join(f"{self.kills[victim]} of the {victim}" for victim in VICTIMS)
        phases = ", ".join(f"{count} {phase}" for phase, count in sorted(self.phases.items()))
        runs = self.query("SELECT count(*), sum(interrupted) FROM runs")[0]
        return (f"{self.kills.total()} kills, {self.over_tls} of them over TLS ({victims}; seed {seed}) while {phases}: "
                f"{self.sweeps} sweeps, {runs[0]} attempts, {runs[1]} of them interrupted, {self.starved} without a reading; "
                f"{len(self.failures)} failures")


def main(kills, seed, seconds):
    bar = Bar(random.Random(seed), repetitions=2 if seconds < 60 else 5)
    try:
        bar.run(kills, time.monotonic() + seconds)
        for failure in bar.failures:
            print(failure)
        print(bar.result(seed), flush=True)
        return 1 if bar.failures else 0
    finally:
        if bar.client is not None and bar.client.poll() is None:
            bar.client.kill()
            bar.client.wait()
        bar.board.__exit__()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    numbers = [int(word) for word in sys.argv[1:]] + [1, 10**9][len(sys.argv) - 2:]
    sys.exit(main(*numbers))
