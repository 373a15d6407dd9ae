"""synergyd on the lab's kernel, and synergyctl on this machine against it."""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

from lab import SOURCE, Guest, LabError

sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
import board  # noqa: E402  (needs the path)
from board import WHILE_PARENT, Client  # noqa: E402

# Between two looks: asking keeps an emulated CPU busy.
POLL_SECONDS = 0.1
PROGRAMS = ("synergyd", "synergyd-front", "synergy-launcher", "synergy-worker-caffe2-eigen",
            "synergy-worker-caffe2-openblas")
STATE = "/var/lib/synergy"
LOG = "/tmp/synergyd.log"
POLICIES = "/sys/devices/system/cpu/cpufreq"
# Small enough for an emulated CPU: one convolution and what follows it.
SMALL_NET = """name: "small"
op { type: "Conv" input: "data" input: "w" input: "b" output: "conv"
     arg { name: "kernel" i: 3 } arg { name: "order" s: "NCHW" } }
op { type: "Relu" input: "conv" output: "relu" }
op { type: "Softmax" input: "relu" output: "prob" }
external_input: "data" external_input: "w" external_input: "b"
external_output: "prob"
"""
SMALL_INIT = """name: "small_init"
op { type: "XavierFill" output: "w" arg { name: "shape" ints: 8 ints: 3 ints: 3 ints: 3 } }
op { type: "ConstantFill" output: "b" arg { name: "shape" ints: 8 } arg { name: "value" f: 0 } }
"""


def wait_for(condition, seconds, what):
    return board.wait_for(condition, seconds, what, POLL_SECONDS)


class LabBoard(Client):
    """A guest with a daemon."""
    POLL_SECONDS = POLL_SECONDS

    def __init__(self, clusters="one_cluster", programs=()):
        self.flags = None
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="synergy-lab-host-"))
        self.store = self.scratch / "store.db"
        self.guest = None
        try:
            folder = pathlib.Path(os.environ["SYNERGY_ARM64_BIN"])
            self.guest = Guest(clusters, [folder / name for name in (*PROGRAMS, *programs)])
            self.host = f"127.0.0.1:{self.guest.daemon_port}"
            (self.scratch / "small.pbtxt").write_text(SMALL_NET)
            (self.scratch / "small_init.pbtxt").write_text(SMALL_INIT)
            self.guest.run(f"mkdir -p {STATE}")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.guest is not None:
            self.guest.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self, *flags):
        """Starts synergyd, where none with these flags runs already, and waits until it answers."""
        if self.pids("synergyd"):
            if self.flags == flags:
                return
            self.stop()
        self.flags = flags
        self.guest.run(f"synergyd credentials --state {STATE}")
        self.guest.run(f"setsid synergyd --board jetson-tx1 --state {STATE} --libexec /bin --listen 127.0.0.1:50051 "
                       f"{' '.join(flags)} >>{LOG} 2>&1 </dev/null &")

        def ready():
            if self.ctl("board", "--json").returncode == 0:
                return True
            self.pair()
            if not self.pids("synergyd"):
                raise LabError(f"synergyd ended: {self.log()}")
            return False

        wait_for(ready, 90, "the daemon's start")

    def pair(self):
        """The guest's state keeps the pairing."""
        text, _ = self.guest.attempt(f"synergyd pair --state {STATE} 2>/dev/null")
        if text.startswith("synergyctl pair "):
            self.ctl("pair", self.host, text.split()[3])

    def stop(self, signal="TERM"):
        self.guest.run(f"kill -{signal} {self.pids('synergyd')[0]}")
        wait_for(lambda: not self.pids("synergyd"), 60, "the daemon's end")

    def log(self):
        return self.guest.run(f"cat {LOG}")

    def pids(self, name):
        """Of live processes of that program in the guest; of "synergy-worker" those of all engines."""
        # Of a command line the first word; processes that have ended have none.
        text, _ = self.guest.attempt("grep -Ho '^[a-z/]*synergy[a-z0-9-]*' /proc/[0-9]*/cmdline 2>/dev/null")
        rows = [re.match("/proc/([0-9]+)/cmdline:(.*)", line) for line in text.splitlines()]
        return [int(row[1]) for row in rows
                if row and ((program := os.path.basename(row[2])) == name or program.startswith(name + "-caffe2"))]

    def run_small(self, *flags, **kwargs):
        return self.json("run", "--net", self.scratch / "small.pbtxt", "--init", self.scratch / "small_init.pbtxt",
                         "--input-shape", "data=1,3,32,32", *flags, **kwargs)

    def start_small(self, *flags):
        return self.start_ctl("run", "--net", self.scratch / "small.pbtxt", "--init", self.scratch / "small_init.pbtxt",
                              "--input-shape", "data=1,3,32,32", *flags)

    def set_rails(self, *rails, millivolts=5000, address=0x40):
        """What an INA3221's channels (1 to 3) are to read, (channel, milliamperes) each, through the shunts of the
        chip's device tree."""
        values = []
        for channel, milliamperes in rails:
            milliohms = {0x40: (20, 10, 10), 0x41: (20, 5, 10), 0x42: (20, 10, 10)}[address][channel - 1]
            # 40 uV and 8 mV a step, in bits 3 to 15.
            steps = round(milliamperes * milliohms / 40), round(millivolts / 8)
            values += [(address, register, (step << 3) & 0xFFFF)
                       for register, step in zip((2 * channel - 1, 2 * channel), steps)]
        self.guest.set_registers(*values)

    def set_battery(self, milliamperes, millivolts):
        """What the smart battery says: its registers (Smart Battery Data Specification 1.1) of voltage, current,
        which is negative while it is discharged, and status, of which bit 6 says so."""
        self.guest.set_words((0x0B, 0x09, millivolts), (0x0B, 0x0A, milliamperes),
                             (0x0B, 0x16, 0x40 if milliamperes < 0 else 0))

    def attributes(self, folder, *patterns):
        """The first lines of the files that are there, by their names below the folder."""
        text, _ = self.guest.attempt(f"cd {folder} && grep -H -m 1 . {' '.join(patterns)} 2>/dev/null")
        return dict(line.split(":", 1) for line in text.splitlines())

    def cpufreq(self):
        """Every attribute of cpufreq that can be written, and which cores are on."""
        return self.attributes("/sys/devices/system/cpu", "cpufreq/boost", "cpufreq/policy*/scaling_governor",
                               "cpufreq/policy*/scaling_m??_freq", "cpufreq/policy*/scaling_setspeed", "cpu[0-9]/online")

    def chip_settings(self):
        """Every attribute of the INA3221s that can be written."""
        chips = self.attributes("/sys/bus/i2c/devices", *(f"0-004[01]/hwmon/hwmon*/{name}" for name in (
            "update_interval", "samples", "in[123]_enable")), "0-0042/iio_device/running_mode")
        return {re.sub("hwmon[0-9]+/", "", name): value for name, value in chips.items()}

    def lease(self):
        """Who holds the clocks, None: nobody; False: the daemon does not answer now."""
        done = self.ctl("clocks", "--json")
        return json.loads(done.stdout)["lease"] if done.returncode == 0 else False

    def await_lease(self, client):
        """Returns when the clocks are held, for which `client` was started."""
        def held():
            if client.poll() is not None:
                raise AssertionError(f"who was to hold the clocks ended with {client.returncode}: {client.communicate()}")
            return self.lease()

        wait_for(held, 90, "the lease")

    def settings(self):
        return self.cpufreq(), self.chip_settings()

    def journals(self):
        return self.guest.run(f"ls {STATE}/leases/*.journal 2>/dev/null || true").split()


_boards = {}  # by their device trees


def _board(clusters):
    """The one guest of a file with that device tree."""
    if clusters not in _boards:
        _boards[clusters] = LabBoard(clusters, ("count_steps", "lease_steps"))
        unittest.addModuleCleanup(_boards[clusters].close)
    return _boards[clusters]


class LabTest(unittest.TestCase):
    """A guest for all classes of a file with the same clusters, and a daemon for all tests that start one with the
    same flags: both take an emulated CPU seconds. Every test leaves the clocks as they were, and the class the
    sensors."""
    CLUSTERS = "one_cluster"

    @classmethod
    def setUpClass(cls):
        cls.lab = _board(cls.CLUSTERS)
        cls.before = cls.lab.settings()

    @classmethod
    def tearDownClass(cls):
        if cls.lab.pids("synergyd"):
            cls.lab.stop()
        after, journals = cls.lab.settings(), cls.lab.journals()
        if after != cls.before or journals:
            raise AssertionError(f"{after} instead of {cls.before}, journals {journals}")

    def setUp(self):
        self.lab.set_rails((1, 1000), (2, 100), (3, 400))
        self.lab.guest.set_registers((0x41, 0x0F, 1))  # a conversion is ready
        self.lab.set_battery(-1500, 7400)
        self.lab.guest.run(f": >{LOG}")

    def tearDown(self):
        self.assertEqual(self.lab.cpufreq(), self.before[0])
        self.assertEqual([name for name in self.lab.journals() if "clocks" in name], [])


def skip_without_lab():
    """Exit code 77, which CTest counts as skipped, where the lab has not been made."""
    if not pathlib.Path(os.environ["SYNERGY_ARM64_BIN"], "synergyd").exists() or shutil.which("qemu-system-aarch64") is None:
        print("the lab has not been made: ./check lab makes it", file=sys.stderr)
        sys.exit(77)


def main():
    skip_without_lab()
    unittest.main(verbosity=2)
