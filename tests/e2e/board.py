"""A synergyd with the simulated board in a scratch folder, and synergyctl against it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

BIN = pathlib.Path(os.environ["SYNERGY_BIN"])


# A command that lasts as long as the process that started it.
WHILE_PARENT = ("sh", "-c", "while kill -0 $PPID 2>/dev/null; do sleep 0.05; done")


def wait_for(condition, seconds, what, every=0.02):
    """Polls `condition` until it is true and returns its value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def operators_j(run, rail):
    """Joules of all operators of one inference: of those that are known alone, and of groups."""
    alone = sum(op["energy_j"][rail].get("mean") or 0 for op in run["ops"])
    return alone + sum(g["energy_j"]["mean"] for g in run["groups"] if g["rail"] == rail)


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def processes(name, ancestor):
    """Pids of live processes called `name` below `ancestor`."""
    parents, names = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            command = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:
            continue
        fields = stat.rsplit(")", 1)[1].split()
        if fields[0] == "Z":
            continue
        parents[int(entry.name)] = int(fields[1])
        names[int(entry.name)] = os.path.basename(command)
    found = []
    for pid, parent in parents.items():
        above = pid
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor and pid != ancestor and names[pid].startswith(name):
            found.append(pid)
    return found


class Client:
    """synergyctl, with a store of its own. Needs `host`, `scratch` and `store`."""
    POLL_SECONDS = 0.02

    def environment(self, **extra):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "SYNERGY_HOST"))}
        return env | {"HOME": str(self.scratch), "SYNERGY_HOST": self.host} | extra

    def arguments(self, *args):
        stored = args[0] in ("run", "runs", "show", "export", "fetch", "cancel", "submit")
        # Tests that are not about it do not wait for it.
        idle = ("--idle", "0") if args[0] == "run" and "--idle" not in args else ()
        return [BIN / "synergyctl", *args, *idle, *(("--store", self.store) if stored else ())]

    def ctl(self, *args, timeout=120, **extra):
        return subprocess.run(self.arguments(*args), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, env=self.environment(**extra))

    def start_ctl(self, *args, **extra):
        return subprocess.Popen(self.arguments(*args), stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment(**extra))

    def json(self, *args, **kwargs):
        done = self.ctl(*args, "--json", **kwargs)
        if done.returncode != 0:
            raise AssertionError(f"synergyctl {args} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def clocks(self):
        """Clocks as they are set: without the temperatures, which nobody sets."""
        return self.json("clocks") | {"temperatures": None}

    def wait_until_measuring(self, iterations=10):
        """Returns when a job has passed so many measured iterations."""
        def measuring():
            jobs = json.loads(self.ctl("board", "--json").stdout)["jobs"]
            return any(j["state"] == "RUNNING" and j["iteration"] >= iterations for j in jobs)

        wait_for(measuring, 60, "a measured iteration", self.POLL_SECONDS)


def without_identity(document):
    """A run's document without what tells it from another import of the same."""
    run = {key: value for key, value in document["run"].items() if key not in ("number", "id", "board_id")}
    run["board_title"] = run["board_title"].removesuffix(", imported")
    return {**document, "run": run}


class Board(Client):
    """`with Board() as board: board.ctl("run", ...)`. Leaves no process and no file behind."""

    def __init__(self, board="sim:jetson-tx1", listen=(), state=None, libexec=None, flags=()):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="synergy-e2e-"))
        self.scratch.chmod(0o755)
        self.socket = self.scratch / "d.sock"
        self.host = f"unix:{self.socket}"
        self.state = state or self.scratch / "state"
        self.store = self.scratch / "store.db"
        self.log = self.scratch / "daemon.log"
        self.board = board
        self.libexec = libexec
        self.listen = [self.host, *listen]
        self.flags = list(flags)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self):
        if len(self.listen) > 1:
            subprocess.run([BIN / "synergyd", "credentials", "--state", self.state], check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        listen = [flag for address in self.listen for flag in ("--listen", address)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BIN / "synergyd", "--board", self.board, *listen, "--state", self.state, *self.flags,
                 *(("--libexec", self.libexec) if self.libexec else ())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"synergyd ended with {self.process.returncode}: {self.log_text()}")
            return self.ctl("board", "--json").returncode == 0

        wait_for(ready, 15, "the daemon's start")

    def stop(self, sig=signal.SIGTERM):
        """Ends the daemon; returns (exit code, seconds)."""
        if self.process is None:
            return None
        below = processes("", self.process.pid)
        begin = time.monotonic()
        self.process.send_signal(sig)
        code = self.process.wait(15)
        seconds = time.monotonic() - begin
        wait_for(lambda: not any(alive(p) for p in below), 5, "the end of all of the daemon's children")
        self.process = None
        return code, seconds

    def log_text(self):
        return self.log.read_text(errors="replace")

    def front(self):
        return wait_for(lambda: processes("synergyd-front", self.process.pid), 10, "the front's start")[0]

    def worker(self):
        return wait_for(lambda: processes("synergy-worker", self.process.pid), 30, "a worker's start")[0]
