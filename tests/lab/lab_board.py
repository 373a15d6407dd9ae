"""synergyd on the lab's kernel, and synergyctl on this machine against it."""
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from lab import SOURCE, Guest, LabError

sys.path.insert(0, str(SOURCE / "tests" / "e2e"))
from board import WHILE_PARENT, Client, wait_for  # noqa: E402  (needs the path)

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


class LabBoard(Client):
    """A guest with a daemon. `rails`: milliamperes at 5 V of the chip at 0x40, by channel."""

    def __init__(self, board="one_cluster", programs=()):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="synergy-lab-host-"))
        self.store = self.scratch / "store.db"
        self.guest = None
        try:
            folder = pathlib.Path(os.environ["SYNERGY_ARM64_BIN"])
            self.guest = Guest(board, [folder / name for name in (*PROGRAMS, *programs)])
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
        """Starts synergyd and waits until it answers."""
        self.guest.run(f"setsid synergyd --board jetson-tx1 --state {STATE} --libexec /bin --listen 127.0.0.1:50051 "
                       f"{' '.join(flags)} >>{LOG} 2>&1 </dev/null &")

        def ready():
            if not self.pids("synergyd"):
                raise LabError(f"synergyd ended: {self.log()}")
            return self.ctl("board", "--json").returncode == 0

        wait_for(ready, 90, "the daemon's start")

    def stop(self, signal="TERM"):
        self.guest.run(f"kill -{signal} {self.pids('synergyd')[0]}")
        wait_for(lambda: not self.pids("synergyd"), 60, "the daemon's end")

    def log(self):
        return self.guest.run(f"cat {LOG}")

    def pids(self, name):
        """Of live processes of that program in the guest; of "synergy-worker" those of all engines."""
        text = self.guest.run("for f in $(grep -l . /proc/[0-9]*/cmdline 2>/dev/null); do p=${f%/cmdline}; "
                              "echo ${p#/proc/} $(tr '\\0' ' ' <$f 2>/dev/null | cut -d ' ' -f 1); done")
        rows = [(line.split() + [""])[:2] for line in text.splitlines() if line.strip()]
        return [int(pid) for pid, path in rows
                if (program := os.path.basename(path)) == name or program.startswith(name + "-caffe2")]

    def run_small(self, *flags, **kwargs):
        return self.json("run", "--net", self.scratch / "small.pbtxt", "--init", self.scratch / "small_init.pbtxt",
                         "--input-shape", "data=1,3,32,32", *flags, **kwargs)

    def start_small(self, *flags):
        return self.start_ctl("run", "--net", self.scratch / "small.pbtxt", "--init", self.scratch / "small_init.pbtxt",
                              "--input-shape", "data=1,3,32,32", *flags)

    def set_rail(self, channel, milliamperes, millivolts=5000, address=0x40):
        """What an INA3221's channel (1 to 3) is to read, through a shunt of the chip's device tree."""
        milliohms = {0x40: (20, 10, 10), 0x41: (20, 5, 10), 0x42: (20, 10, 10)}[address][channel - 1]
        self.guest.set_rail(address, channel, milliamperes * milliohms, millivolts)

    def cpufreq(self):
        """Every attribute of cpufreq that can be written, and which cores are on."""
        text = self.guest.run(
            f"cd /sys/devices/system/cpu; for f in cpufreq/boost cpufreq/policy*/scaling_governor "
            f"cpufreq/policy*/scaling_m??_freq cpufreq/policy*/scaling_setspeed cpu[0-9]/online; "
            f"do [ -e $f ] && echo $f $(cat $f); done; true")
        return dict(line.split(" ", 1) for line in text.splitlines())

    def chip_settings(self):
        """Every attribute of the INA3221s that can be written."""
        text = self.guest.run(
            "cd /sys/bus/i2c/devices; for f in 0-004[01]/hwmon/hwmon*/update_interval 0-004[01]/hwmon/hwmon*/samples "
            "0-004[01]/hwmon/hwmon*/in[123]_enable 0-0042/iio_device/running_mode; do [ -e $f ] && "
            "echo $(echo $f | sed s/hwmon.*hwmon[0-9]*/hwmon/) $(cat $f); done; true")
        return dict(line.split(" ", 1) for line in text.splitlines())


    def lease(self):
        """Who holds the clocks, None: nobody; False: the daemon does not answer now."""
        done = self.ctl("clocks", "--json")
        return json.loads(done.stdout)["lease"] if done.returncode == 0 else False

    def settings(self):
        return self.cpufreq(), self.chip_settings()

    def journals(self):
        return self.guest.run(f"ls {STATE}/leases/*.journal 2>/dev/null || true").split()


class LabTest(unittest.TestCase):
    """A guest for all tests of a class, a daemon for each."""
    CLUSTERS = "one_cluster"
    PROGRAMS = ()  # besides the board's own

    @classmethod
    def setUpClass(cls):
        cls.lab = LabBoard(cls.CLUSTERS, cls.PROGRAMS)
        cls.addClassCleanup(cls.lab.close)

    def setUp(self):
        for channel, milliamperes in ((1, 1000), (2, 100), (3, 400)):
            self.lab.set_rail(channel, milliamperes)
        self.before = self.lab.settings()
        self.lab.guest.run(f"rm -f {LOG}")

    def tearDown(self):
        if self.lab.pids("synergyd"):
            self.lab.stop("TERM")
        self.assertEqual(self.lab.settings(), self.before)
        self.assertEqual(self.lab.journals(), [])


def skip_without_lab():
    """Exit code 77, which CTest counts as skipped, where the lab has not been made."""
    if not pathlib.Path(os.environ["SYNERGY_ARM64_BIN"], "synergyd").exists() or shutil.which("qemu-system-aarch64") is None:
        print("the lab has not been made: ./check lab makes it", file=sys.stderr)
        sys.exit(77)


def main():
    skip_without_lab()
    unittest.main(verbosity=2)
