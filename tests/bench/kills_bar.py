"""synergyd, its front, the client and the connection between them are killed at random instants while a client works
through job files, every second one over TLS: of every job exactly one attempt is done, no attempt has run twice, every
record is stored once and wholly, no half-written object is left or used, and the clocks are as they were.

Each sweep sends weights that no board has seen. The connection is a slow one, so that sending and acknowledging last
long enough to be met; each kill is aimed at the phases that were met least, and counts for one that is going on.

usage: kills_bar.py KILLS [SEED [SECONDS]]     exit 1 where anything is not so
Ends after SECONDS, where given, however many kills that were. Otherwise each phase is to be met in 8 % of them.
"""
import array
import collections
import hashlib
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
from tensors import node, onnx, tensor  # noqa: E402

JOB_FILE = """schema = 1
name = "kills-{number}"
net = {nets}
engine = "caffe2-openblas"
threads = [1, 2]
batch = 1
iterations = 100
warmup = 1
idle = 0
seed = {seed}
cpu-freq = "{clock}"
"""
VICTIMS = ("root", "front", "client", "connection")
PHASES = ("uploading", "queued", "running", "streaming", "acknowledging")
LEAST_SHARE = 0.08
MODELS = 4  # of a sweep
ROWS, COLUMNS = 1024, 3072  # of a model's weights: 12 MiB
UPSTREAM_BYTES_PER_S, LATENCY_S, BLOCK = 12e6, 0.002, 1 << 16
BULK = BLOCK // 2  # nothing but objects comes in blocks like that
RANKS = {"submitted": 0, "started": 1, "done": 2, "cancelled": 2, "failed": 2}
DONE, INTERRUPTED = 1, 3
ENDED = (0, 1)  # a sweep; 1: not every job is done and good
# Of runs that are INVALID: the machine had no time for a single reading; and what is never only that.
STARVED = "few_readings"
BROKEN = {"incomplete", "job_cancelled", "job_failed", "not_complete", "ring_garbage", "store_damaged"}


class Wire:
    """Slow connections to `target` of the daemon that can be cut; `address` is its own one."""

    def __init__(self, family, address, target):
        self.family, self.target, self.pairs, self.lock = family, target, [], threading.Lock()
        self.bulk_at = 0  # when the client's last full block came
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
            for source, sink, rate in ((near, far, UPSTREAM_BYTES_PER_S), (far, near, float("inf"))):
                threading.Thread(target=self.relay, args=(source, sink, rate), daemon=True).start()

    def relay(self, source, sink, rate):
        try:
            while data := source.recv(BLOCK):
                if rate == UPSTREAM_BYTES_PER_S and len(data) >= BULK:
                    self.bulk_at = time.monotonic()
                time.sleep(LATENCY_S + len(data) / rate)
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
    def __init__(self, rng):
        self.rng = rng
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.board = Board(listen=(f"127.0.0.1:{port}",))
        self.kills, self.phases, self.failures = collections.Counter(), collections.Counter(), []
        self.over_tls = self.starved = 0
        self.said = ()
        self.client, self.sweeps, self.ends = None, 0, collections.Counter()
        self.states, self.log_read = {}, 0  # of runs, as the log has it up to there
        self.stored = {}  # chunks of each run at the last kill
        self.whole = {}   # objects that were right, and when they were written
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

    def read_log(self):
        with open(self.board.log, "rb") as log:
            log.seek(self.log_read)
            lines = log.read()
        lines = lines[:lines.rfind(b"\n") + 1]
        self.log_read += len(lines)
        for run, state in re.findall(rf"run (\S+): ({'|'.join(RANKS)})", lines.decode(errors="replace")):
            self.states[run] = max(self.states.get(run, 0), RANKS[state])

    def going_on(self):
        """The phases that something is in, since the last kill."""
        phases = set()
        if time.monotonic() - self.wire().bulk_at < 0.05:
            phases.add("uploading")
        self.read_log()
        if 0 in self.states.values() or self.query("SELECT 1 FROM submissions LIMIT 1"):
            phases.add("queued")
        if 1 in self.states.values():
            phases.add("running")
        for run, complete, next_seq, acknowledged in self.query(
                "SELECT run_id, complete, next_seq, acknowledged_seq FROM runs WHERE NOT abandoned "
                "AND (NOT complete OR acknowledged_seq < next_seq)"):
            if next_seq <= self.stored.get(run, 0):
                continue
            # What is stored is acknowledged at once.
            if acknowledged < next_seq:
                phases.add("acknowledging")
            elif not complete:
                phases.add("streaming")
        return phases

    def wire(self):
        return self.wires[self.sweeps % 2]

    def write_sweep(self):
        """A job file and models with weights of its own."""
        nets = [f"weights-{self.sweeps}-{number}.onnx" for number in range(MODELS)]
        for net in nets:
            drawn = array.array("f", (self.rng.uniform(-1, 1) for _ in range(COLUMNS))).tobytes()
            (self.board.scratch / net).write_bytes(onnx(
                [node("MatMul", ["x", "w"], ["product"]), node("Relu", ["product"], ["y"])], [("x", [1, ROWS])],
                [("y", [1, COLUMNS])], [tensor("w", [ROWS, COLUMNS], drawn * ROWS)]))
        self.file.write_text(JOB_FILE.format(number=self.sweeps, nets=json.dumps(nets), seed=self.sweeps,
                                             clock=self.rng.choice(["102MHz", "1224MHz"])))

    def start_client(self):
        if self.client is None:
            self.sweeps += 1
            self.write_sweep()
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
            return self.wire().cut()
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
            self.read_log()
            self.states = {run: 2 if state == 1 else state for run, state in self.states.items()}  # never run again
            self.check_objects()
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

    def check_objects(self):
        """Nothing stands under a hash but what has it, and no job has other weights."""
        objects = self.board.state / "objects"
        right = set()
        for file in objects.iterdir() if objects.exists() else ():
            stat, digest = file.stat(), file.name[:64]
            if file.name.endswith(".part"):
                continue
            if self.whole.get(digest) != stat.st_mtime_ns:
                if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
                    self.failures.append(f"{file.name}: {stat.st_size} bytes of another hash")
                    continue
                self.whole[digest] = stat.st_mtime_ns
            right.add((stat.st_ino, digest))
        digests = dict(right)
        # Folders with a dot are being made or removed: no job has them.
        for weights in (self.board.state / "runs").glob("[!.]*/weights.pack"):
            digest = digests.get(weights.stat().st_ino)
            if digest is None or bytes.fromhex(digest) not in (weights.parent / "job.pb").read_bytes():
                self.failures.append(f"{weights.parent.name} has other weights than it was submitted with")

    def round(self):
        self.tend_client()
        least = min(self.phases[phase] for phase in PHASES)
        wanted, until = {phase for phase in PHASES if self.phases[phase] <= least + 1}, time.monotonic() + 1.5
        while not (met := self.going_on() & wanted) and time.monotonic() < until and self.client.poll() is None:
            time.sleep(0.0005)
        aim = self.rng.choice(sorted(met)) if met else None
        time.sleep(self.rng.choice([0, self.rng.random() * 0.003] if aim == "acknowledging" else
                                   [0, self.rng.random() * 0.01, self.rng.random() * 0.2]))
        seen, victim = self.going_on(), self.rng.choice(VICTIMS)
        if self.kill(victim):
            self.kills[victim] += 1
            self.phases[aim if aim in seen else self.rng.choice(sorted(seen) or ["between"])] += 1
            self.over_tls += self.sweeps % 2
            self.stored = dict(self.query("SELECT run_id, next_seq FROM runs"))
            self.wire().bulk_at = 0

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
        self.board.stop()  # which renames objects when they are on the disk
        self.check_objects()
        files = [file.name for file in (self.board.state / "objects").iterdir()]
        self.failures += [f"{name} is left of an upload" for name in files if name.endswith(".part")]
        if not len(files) == len(self.whole) == MODELS * self.sweeps:
            self.failures.append(f"{len(files)} files are {len(self.whole)} objects of {MODELS * self.sweeps}")

    def check_phases(self, kills):
        self.failures += [f"{self.phases[phase]} kills while {phase} are too few" for phase in PHASES
                          if self.phases[phase] < LEAST_SHARE * kills]

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
        if self.kills.total() >= kills:
            self.check_phases(kills)

    def result(self, seed):
        victims = ", ".join(f"{self.kills[victim]} of the {victim}" for victim in VICTIMS)
        phases = ", ".join(f"{self.phases[phase]} {phase}" for phase in (*PHASES, "between"))
        runs = self.query("SELECT count(*), sum(interrupted) FROM runs")[0]
        return (f"{self.kills.total()} kills, {self.over_tls} of them over TLS ({victims}; seed {seed}) "
                f"while {phases}: {self.sweeps} sweeps, {len(self.whole)} objects of {ROWS * COLUMNS * 4 >> 20} MiB, "
                f"{runs[0]} attempts, {runs[1]} of them interrupted, {self.starved} without a reading; "
                f"{len(self.failures)} failures")


def main(kills, seed, seconds):
    bar = Bar(random.Random(seed))
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
