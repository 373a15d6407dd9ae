"""A tree of plain files laid out as the sysfs of a Jetson TX1 under a mainline kernel: an INA3221 with its hwmon
driver, two cpufreq policies, four cores, a GPU's devfreq device. What is written to a file stays as it is written: a
kernel's governor userspace, whose setspeed comes and goes with it, is therefore not among its governors."""

CPU_KHZ = [102000, 204000, 403200, 825600, 1224000, 1734000]
GPU_HZ = [76800000, 153600000, 614400000, 998400000]
CHIP = "devices/platform/7000c400.i2c/i2c-1/1-0040"
HWMON = f"{CHIP}/hwmon/hwmon0"


def words(numbers):
    return " ".join(str(number) for number in numbers)


def chip_files():
    files = {"name": "ina3221", "update_interval": "35", "samples": "16"}
    # Nothing is connected to the third input: synergyd switches it off while it reads the others.
    for number, (label, milliamperes, ohms) in enumerate(
            (("VDD_IN", 800, 20000), ("VDD_GPU", 120, 10000), ("NC", 0, 10000)), start=1):
        files |= {f"in{number}_label": label, f"in{number}_enable": "1", f"in{number}_input": "19040",
                  f"curr{number}_input": str(milliamperes), f"shunt{number}_resistor": str(ohms)}
    return {f"{HWMON}/{name}": text for name, text in files.items()}


def policy_files(first, cpus, governor):
    files = {"related_cpus": words(cpus), "affected_cpus": words(cpus), "scaling_driver": "tegra",
             "scaling_available_governors": "ondemand powersave performance schedutil",
             "scaling_governor": governor, "scaling_available_frequencies": words(reversed(CPU_KHZ)),
             "cpuinfo_min_freq": str(CPU_KHZ[0]), "cpuinfo_max_freq": str(CPU_KHZ[-1]),
             "scaling_min_freq": str(CPU_KHZ[0]), "scaling_max_freq": str(CPU_KHZ[-2]),
             "scaling_cur_freq": str(CPU_KHZ[1])}
    return {f"devices/system/cpu/cpufreq/policy{first}/{name}": text for name, text in files.items()}


def gpu_files():
    files = {"governor": "nvhost_podgov", "available_governors": "nvhost_podgov userspace performance",
             "available_frequencies": words(GPU_HZ), "min_freq": str(GPU_HZ[0]), "max_freq": str(GPU_HZ[-1]),
             "cur_freq": str(GPU_HZ[0])}
    return {f"class/devfreq/57000000.gpu/{name}": text for name, text in files.items()}


def zone_files():
    files = {}
    for number, (name, millidegrees) in enumerate((("CPU-therm", 41500), ("GPU-therm", 39000))):
        files |= {f"class/thermal/thermal_zone{number}/type": name,
                  f"class/thermal/thermal_zone{number}/temp": str(millidegrees)}
    return files


def make_tree(root):
    """Makes it in the folder `root`, which need not be there."""
    files = {"firmware/devicetree/base/compatible": "nvidia,p2371-2180\0nvidia,tegra210\0"}
    files |= {f"devices/system/cpu/cpu{core}/online": "1" for core in range(4)}
    files |= policy_files(0, (0, 1), "schedutil") | policy_files(2, (2, 3), "ondemand")
    files |= chip_files() | gpu_files() | zone_files()
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.endswith("\0") else text + "\n")
    (root / HWMON / "device").symlink_to(root / CHIP)
    (root / "class/hwmon").mkdir(parents=True)
    (root / "class/hwmon/hwmon0").symlink_to(root / HWMON)
    return root


def read_tree(root):
    """Every file's text, without the end of its line, by its path below `root`."""
    return {str(path.relative_to(root)): path.read_text().rstrip("\n")
            for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()}
