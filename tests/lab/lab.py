"""A real kernel to test against: Debian's arm64 kernel in QEMU, with the real drivers for INA3221s, cpufreq, an
IIO look-alike of NVIDIA's driver, batteries and the PMU (README.md).

QEMU always emulates (TCG): it needs neither root nor /dev/kvm, and a CPU that the tests know. So nothing here says
anything about speed, and no test may depend on it.
"""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = SOURCE / "tests" / "lab"
BOOT_SECONDS = 120
COMMAND_SECONDS = 120
# QEMU's virt machine puts a PL061 there; its data register shows the lines that choose the CPU clocks.
CLOCK_LINES = 0x90303FC


class LabError(Exception):
    """The lab itself did not do what it should."""


def _prefix(script):
    """Where `script` has put what it makes (it says so, and fails where it has not)."""
    done = subprocess.run([SOURCE / script, "--print-prefix"], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{script} has not been run: ./check lab does all that the lab needs")
    return pathlib.Path(done.stdout.strip())


def _needed(file):
    text = subprocess.run(["aarch64-linux-gnu-readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def copy_programs(programs, sysroot, root):
    """Copies arm64 programs to `root`/bin with the shared libraries that they need."""
    folders = [sysroot / "lib/aarch64-linux-gnu", sysroot / "usr/lib/aarch64-linux-gnu"]
    libraries = root / "lib" / "aarch64-linux-gnu"
    libraries.mkdir(parents=True)
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy(folders[0] / "ld-linux-aarch64.so.1", root / "lib")
    waiting = []
    for program in programs:
        copy = root / "bin" / program.name
        subprocess.run(["aarch64-linux-gnu-strip", "-o", copy, program], check=True)
        waiting += _needed(program)
    while waiting:
        name = waiting.pop()
        if (libraries / name).exists() or name.startswith("ld-linux"):
            continue
        found = [folder / name for folder in folders if (folder / name).exists()]
        if not found:
            raise LabError(f"{name} is in none of {folders}")
        shutil.copy(found[0], libraries / name)
        waiting += _needed(found[0])


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Guest(contextlib.AbstractContextManager):
    """A running guest. `board` is a file of board/: "one_cluster" or "two_clusters"; `programs` are arm64 programs
    that it has in /bin, `cpu` is QEMU's word for its processor."""

    def __init__(self, board="one_cluster", programs=(), cpu="cortex-a57"):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="synergy-lab-"))
        self._qemu = None
        try:
            self._boot(board, programs, cpu)
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exception):
        self.close()

    def close(self):
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- Booting.

    def _boot(self, board, programs, cpu):
        kernel = _prefix("tests/lab/kernel")
        machine = ["-cpu", cpu, "-smp", "4", "-m", "1536"]
        tree = self._device_tree(board, machine)
        initrd = self._initrd(kernel, programs)
        self.daemon_port, self._command_port = _free_port(), _free_port()
        forward = f"hostfwd=tcp:127.0.0.1:{self._command_port}-:1001,hostfwd=tcp:127.0.0.1:{self.daemon_port}-:1002"
        self.console = self._folder / "console"
        self._qemu = subprocess.Popen(
            ["qemu-system-aarch64", "-accel", "tcg,thread=multi", "-M", "virt,gic-version=2", *machine,
             "-display", "none", "-nodefaults", "-no-reboot", "-serial", f"file:{self.console}",
             "-qmp", f"unix:{self._folder / 'qmp'},server=on,wait=off",
             "-dtb", tree, "-kernel", kernel / "vmlinuz", "-initrd", initrd,
             "-append", "console=ttyAMA0 quiet panic=-1 mitigations=off rdinit=/init",
             "-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=net,romfile="],
            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + BOOT_SECONDS
        while "LAB ready" not in self._console_text():
            if self._qemu.poll() is not None or time.monotonic() > deadline:
                raise LabError("the guest did not come up; its console:\n" + self._console_text())
            time.sleep(0.05)

    def _console_text(self):
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def _device_tree(self, board, machine):
        """QEMU's own tree of the machine, with the lab's chips and clocks."""
        own, text, tree = (self._folder / name for name in ("virt.dtb", "lab.dts", "lab.dtb"))
        subprocess.run(["qemu-system-aarch64", "-M", f"virt,gic-version=2,dumpdtb={own}", *machine,
                        "-display", "none", "-nodefaults"],
                       check=True, stderr=subprocess.DEVNULL)
        parts = [subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", own], check=True, capture_output=True,
                                text=True).stdout]
        parts += [(HERE / "board" / f"{name}.dts").read_text() for name in ("chips", board)]
        text.write_text("\n".join(parts))
        subprocess.run(["dtc", "-q", "-O", "dtb", "-o", tree, text], check=True)
        return tree

    def _initrd(self, kernel, programs):
        root = self._folder / "root"
        root.mkdir()
        for folder in ("dev", "etc"):
            (root / folder).mkdir()
        shutil.copytree(kernel / "lib", root / "lib")
        (root / "bin").mkdir()
        shutil.copy(kernel / "busybox", root / "bin")
        shutil.copy(HERE / "guest" / "init", root / "init")
        if programs:
            copy_programs(programs, _prefix("deploy/arm64/sysroot"), root)
        names = subprocess.run(["find", ".", "-print0"], cwd=root, check=True, capture_output=True).stdout
        image = self._folder / "initrd"
        with image.open("wb") as file:
            subprocess.run(["cpio", "--null", "--create", "--format=newc", "--owner=0:0", "--quiet"],
                           cwd=root, input=names, stdout=file, check=True)
        shutil.rmtree(root)
        return image

    # ---- The guest's hands.

    def run(self, command, timeout=COMMAND_SECONDS):
        """What a shell command in the guest prints (both streams). LabError: it failed."""
        text, code = self.attempt(command, timeout)
        if code != 0:
            raise LabError(f"in the guest, {command!r} ended with {code}: {text}")
        return text

    def attempt(self, command, timeout=COMMAND_SECONDS):
        """(what it prints, its exit code)."""
        with socket.create_connection(("127.0.0.1", self._command_port), timeout=timeout) as wire:
            # In a shell of its own, so that whatever it does its exit code comes.
            wire.sendall(f"( {command}\n) 2>&1 </dev/null\necho\necho \"LAB-EXIT $?\"\nexit\n".replace(
                "\necho\necho \"LAB-EXIT $?\"", "\ncode=$?; echo; echo \"LAB-EXIT $code\"").encode())
            received = b""
            while part := wire.recv(65536):
                received += part
        text, mark, code = received.decode(errors="replace").rpartition("\nLAB-EXIT ")
        if not mark:
            raise LabError(f"the guest said nothing of the end of {command!r}: {received!r}")
        return text.rstrip("\n"), int(code)

    def read(self, path):
        return self.run(f"cat {path}")

    def write(self, path, value):
        """Writes to an attribute: (what was said, exit code), 0 where the kernel took it."""
        return self.attempt(f"echo {value} > {path}")

    def set_registers(self, *values):
        """(address, register, value) each, of INA3221s, in one command."""
        # SMBus words are little endian, the chip's registers big endian.
        self.set_words(*((address, register, (value & 0xFF) << 8 | value >> 8) for address, register, value in values))

    def set_words(self, *values):
        """(address, register, value) each, as SMBus words."""
        self.run("\n".join(f"i2cset -f -y 0 {address:#x} {register:#x} {value & 0xFFFF:#x} w || exit 1"
                           for address, register, value in values))

    def clock_lines(self):
        """The lines that choose the CPU clocks, seen from outside the guest."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self._folder / "qmp"))
            stream = wire.makefile("rw")
            stream.readline()  # the greeting
            for command in ({"execute": "qmp_capabilities"},
                            {"execute": "human-monitor-command", "arguments": {"command-line": f"xp /1bx {CLOCK_LINES:#x}"}}):
                stream.write(json.dumps(command) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
        return int(answer["return"].split(":")[1], 16)
