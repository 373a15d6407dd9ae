"""Rails through the kernel's own drivers: names, values, changes, and every way in which reads fail."""
import json
import signal

from lab_board import POLICIES, STATE, WHILE_PARENT, LabTest, main, wait_for


class Rails(LabTest):
    CLUSTERS = "two_clusters"  # which is nothing to these, and they share a guest with those below

    def mean_powers(self, run):
        whole = run["totals"]["all"]
        return {rail: joules / whole["time_s"] for rail, joules in whole["energy_j"].items()
                if joules is not None}

    def causes(self, run, source):
        """What the failed reads of a source said."""
        return " ".join(gap["detail"] for gap in run["gaps"] if gap["source"] == source and gap["cause"] == "read_failed")

    def run_while(self, change, iterations=400, cancel=False):
        """A run during which `change` is done; the run as JSON, and whether it still ran afterwards. With `cancel` it
        ends then."""
        job = self.lab.start_small("--iterations", str(iterations), "--rate", "50", "--json")
        self.addCleanup(job.kill)
        self.lab.wait_until_measuring(1)
        change()
        still = any(j["state"] == "RUNNING" for j in self.lab.json("board")["jobs"])
        if cancel:
            job.send_signal(signal.SIGINT)
        job.communicate(timeout=300)
        return json.loads(self.lab.ctl("show", "last", "--json").stdout), still

    def test_rails_and_labels_of_the_real_drivers(self):
        self.lab.start()
        board = self.lab.json("board")
        rails = {rail["name"]: rail for rail in board["rails"]}
        self.assertFalse(board["simulated"])
        self.assertLessEqual({"VDD_IN", "VDD_GPU", "VDD_CPU", "VDD_MUX", "VDD_IN#2"}, set(rails))
        self.assertEqual(rails["VDD_CPU"]["contained_in"], "VDD_IN")
        names = [source["name"] for source in board["sources"]]
        self.assertLessEqual({"ina3221 0-0040", "ina3221x 0-0042", "power_supply sbs-0-000b"}, set(names))

    def test_a_run_reads_what_the_registers_hold(self):
        self.lab.start()
        run = self.lab.run_small("--iterations", "20", "--rate", "50", "--idle", "1")
        watts = self.mean_powers(run)
        for rail, expected in (("VDD_IN", 5.0), ("VDD_GPU", 0.5), ("VDD_CPU", 2.0)):
            self.assertAlmostEqual(watts[rail], expected, delta=0.02, msg=rail)
        self.assertIs(run["run"]["simulated"], False)
        # 7.4 V and -1.5 A, which is what it gives: a gauge, too slow for a job this short.
        self.assertAlmostEqual(run["idle"]["before"]["power_w"]["sbs-0-000b"], 11.1, delta=0.01)

    def test_doctor_says_what_is_measured_and_what_this_machine_lacks(self):
        self.lab.start()
        doctor = self.lab.json("doctor")
        self.assertEqual(doctor["result"], "limited")
        checks = {}
        for check in doctor["checks"]:
            checks.setdefault(check["area"], []).append((check["result"], check["found"]))
        self.assertEqual(set(checks), {"board", "power", "resolution", "engines", "clocks", "permissions", "counters",
                                       "time", "load"})

        def assert_found(area, result, words):
            self.assertTrue(any(r == result and words in found for r, found in checks[area]), (words, checks[area]))

        assert_found("power", "good", "ina3221 0-0040: VDD_IN, VDD_GPU, VDD_CPU")
        assert_found("power", "good", "power_supply sbs-0-000b: sbs-0-000b")
        assert_found("resolution", "good", "a conversion of 0.14 ms in every 0.84 ms")
        assert_found("resolution", "limited", "sbs-0-000b: which time a reading is of is not known")
        for engine in ("caffe2-eigen", "caffe2-openblas"):
            assert_found("engines", "good", engine)
        assert_found("clocks", "good", "policy0 (CPUs 0-1, cpufreq-dt)")
        assert_found("clocks", "good", "nobody holds the clocks")
        assert_found("permissions", "good", "synergyd runs as root")
        # QEMU's PMU counts cycles; instructions only where it counts every one that it emulates.
        assert_found("counters", "good", "cycles can be counted")
        assert_found("counters", "limited", "instructions cannot be counted")
        assert_found("counters", "good", "armv8_pmuv3")
        assert_found("time", "good", "arch_sys_counter")

    def test_a_change_of_a_register_is_seen_in_the_stream(self):
        self.lab.start()
        run, still = self.run_while(lambda: self.lab.set_rails((3, 800)))
        self.assertTrue(still, "the run had ended before the change")
        power = self.mean_powers(run)["VDD_CPU"]
        self.assertGreater(power, 2.05)
        self.assertLess(power, 3.95)

    def test_a_chip_whose_driver_is_unbound_and_bound_again_is_found_again(self):
        self.lab.start()
        driver = "/sys/bus/i2c/drivers/ina3221"

        def rebind():
            before = self.lab.guest.run("ls /sys/bus/i2c/devices/0-0040/hwmon")
            self.lab.guest.run(f"echo 0-0040 > {driver}/unbind; sleep 1")
            # Another device takes its number meanwhile.
            self.lab.guest.run(f"echo 0-0041 > {driver}/unbind; echo 0-0041 > {driver}/bind; "
                               f"echo 0-0040 > {driver}/bind; sleep 3")
            self.assertNotEqual(self.lab.guest.run("ls /sys/bus/i2c/devices/0-0040/hwmon"), before)

        run, still = self.run_while(rebind, 100000, cancel=True)
        self.assertTrue(still, "the run had ended before the driver was back")
        self.assertRegex(self.causes(run, "ina3221 0-0040"), "gone|No such device|ENODEV")
        sources = {source["source"]: source for source in run["sampling"]["sources"]}
        self.assertGreater(sources["ina3221 0-0040"]["ticks"], sources["ina3221 0-0040"]["failed"])
        # It is read again at the end: the next run has no gap.
        self.assertEqual(self.causes(self.lab.run_small("--iterations", "20", "--rate", "50"), "ina3221 0-0040"), "")

    def test_a_conversion_that_never_ends_is_a_gap_with_its_cause(self):
        # The chip at 0x41 converts once for each read, and the stub never says that it is ready.
        self.lab.start()
        self.lab.guest.set_registers((0x41, 0x0F, 0))
        run = self.lab.run_small("--iterations", "20", "--rate", "20")
        text = " ".join([self.causes(run, "ina3221 0-0041"), *self.lab.json("board")["unused_sources"]])
        self.assertRegex(text, "timed out|ETIMEDOUT")
        # Nor does it hold up the others.
        self.assertEqual(self.causes(run, "ina3221 0-0040"), "")

    def test_a_channel_that_is_switched_off_has_no_data(self):
        self.lab.start()
        rails = [rail["name"] for rail in self.lab.json("board")["rails"]]
        self.assertNotIn("in3", " ".join(rails), "the channel that the device tree switches off has no rail")
        path = "$(ls -d /sys/bus/i2c/devices/0-0040/hwmon/hwmon*)/in2_enable"
        run, still = self.run_while(lambda: self.lab.guest.run(f"echo 0 > {path}; sleep 1; echo 1 > {path}"), 100000,
                                   cancel=True)
        self.assertTrue(still, "the run had ended before the channel was on again")
        self.assertNotEqual(self.causes(run, "ina3221 0-0040"), "")

    def test_registers_read_without_the_driver_and_the_driver_comes_back(self):
        # Its makers' numbers; a conversion is ready.
        self.lab.guest.set_registers((0x40, 0xFE, 0x5449), (0x40, 0xFF, 0x3220), (0x40, 0x0F, 1))
        self.lab.start("--source", "i2c")
        driver = "/sys/bus/i2c/devices/0-0040/driver"
        self.assertNotEqual(self.lab.guest.attempt(f"ls {driver}")[1], 0, "the kernel's driver is still bound")
        sources = {source["name"]: source for source in self.lab.json("board")["sources"]}
        self.assertIn("ina3221 0-0040 (registers)", sources)
        run = self.lab.run_small("--iterations", "20", "--rate", "50")
        self.assertAlmostEqual(self.mean_powers(run)["VDD_CPU"], 2.0, delta=0.02)
        self.lab.stop("KILL")
        self.assertNotEqual(self.lab.guest.attempt(f"ls {driver}")[1], 0)
        self.lab.guest.run(f"synergyd --restore --state {STATE}")
        self.assertEqual(self.lab.guest.attempt(f"ls {driver}")[1], 0, self.lab.log())


class TwoClusters(LabTest):
    CLUSTERS = "two_clusters"

    def test_each_cluster_has_a_table_and_comes_back(self):
        self.lab.start()
        policies = self.lab.json("clocks")["policies"]
        self.assertEqual([p["frequencies_khz"][-1] for p in policies], [1593600, 1324800])
        done = self.lab.ctl("clocks", "pin", "--cpu", "min", "--", "true")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.lab.ctl("clocks", "pin", "--cpu", "768MHz", "--", "true")
        self.assertEqual(done.returncode, 2, "the other cluster does not have it: " + done.stderr)

    def test_boost_is_on_while_it_is_asked_for(self):
        self.lab.start()
        clocks = self.lab.json("clocks")
        self.assertIs(clocks["boost"], False)
        self.assertEqual([p["boost_frequencies_khz"] for p in clocks["policies"]], [[], [2150400]])
        highest = f"{POLICIES}/policy2/scaling_max_freq"
        self.assertEqual(self.lab.guest.read(highest), "1324800")
        pin = self.lab.start_ctl("clocks", "pin", "--boost", "on", "--", *WHILE_PARENT)
        self.addCleanup(lambda: (pin.kill(), pin.wait(), pin.communicate()))
        self.lab.await_lease(pin)
        self.assertEqual(self.lab.guest.read(highest), "2150400", "the kernel's own word")
        self.assertIs(self.lab.json("clocks")["boost"], True)
        pin.send_signal(signal.SIGINT)
        pin.wait(60)
        wait_for(lambda: self.lab.lease() is None, 60, "the lease's end")
        self.assertEqual(self.lab.guest.read(highest), "1324800")

    def test_a_cluster_that_was_off_comes_back_with_its_governors_tunables(self):
        self.lab.start()
        guest = self.lab.guest
        first, last = f"{POLICIES}/policy0", f"{POLICIES}/policy2"
        governors = [guest.read(f"{policy}/scaling_governor") for policy in (first, last)]
        try:
            # Nobody else may have the governor: where policies share its tunables, they stay with its last one.
            guest.run(f"echo performance > {first}/scaling_governor; echo ondemand > {last}/scaling_governor")
            tunable = guest.run(f"ls {POLICIES}/ondemand/up_threshold {last}/ondemand/up_threshold 2>/dev/null; true")
            guest.run(f"echo 63 > {tunable}")
            before = self.lab.cpufreq()
            kept = guest.read(f"{first}/related_cpus").split()
            pin = self.lab.start_ctl("clocks", "pin", "--cpus", ",".join(kept), "--", *WHILE_PARENT)
            self.addCleanup(lambda: (pin.kill(), pin.wait(), pin.communicate()))
            self.lab.await_lease(pin)
            self.assertNotEqual(guest.attempt(f"cat {tunable}")[1], 0, "no core has the governor")
            pin.send_signal(signal.SIGINT)
            pin.wait(60)
            wait_for(lambda: self.lab.lease() is None, 60, "the lease's end")
            self.assertEqual(guest.read(tunable), "63")
            self.assertEqual(self.lab.cpufreq(), before)
        finally:
            for policy, governor in zip((first, last), governors):
                guest.run(f"echo {governor} > {policy}/scaling_governor")


if __name__ == "__main__":
    main()
