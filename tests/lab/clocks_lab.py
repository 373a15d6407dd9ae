"""CPU clocks under a real cpufreq: what its drivers make of a request, and that everything comes back."""
import re
import signal
import time

from lab_board import POLICIES, STATE, WHILE_PARENT, LabTest, main, wait_for


class Clocks(LabTest):
    def start_pin(self, *flags):
        pin = self.lab.start_ctl("clocks", "pin", *flags, "--", *WHILE_PARENT)
        self.addCleanup(lambda: (pin.kill(), pin.wait(), pin.communicate()))
        self.lab.await_lease(pin)
        return pin

    def assert_put_back(self):
        wait_for(lambda: self.lab.lease() is None, 60, "the lease's end")
        self.assertEqual(self.lab.cpufreq(), self.before[0])

    def frequency(self):
        return int(self.lab.guest.read(f"{POLICIES}/policy0/cpuinfo_cur_freq"))

    def test_a_pinned_frequency_is_the_hardwares(self):
        self.lab.start()
        lines = self.lab.guest.clock_lines()
        pin = self.start_pin("--cpu", "518.4MHz")
        self.assertEqual(self.frequency(), 518400)
        self.assertNotEqual(self.lab.guest.clock_lines(), lines, "seen from outside the guest")
        pin.send_signal(signal.SIGINT)
        pin.wait(60)
        self.assert_put_back()

    def test_what_the_table_does_not_have_is_refused_with_the_table(self):
        self.lab.start()
        done = self.lab.ctl("clocks", "pin", "--cpu", "600MHz", "--", "true")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("518.4MHz 825.6MHz", done.stderr)
        done = self.lab.ctl("clocks", "pin", "--governor", "interactive", "--", "true")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("schedutil", done.stderr)
        self.assert_put_back()

    def test_the_kernel_still_has_the_manners_that_the_lease_is_built_for(self):
        policy, guest = f"{POLICIES}/policy0", self.lab.guest
        governor = guest.read(f"{policy}/scaling_governor")
        self.assertNotEqual(guest.write(f"{policy}/scaling_governor", "nonsense")[1], 0)
        self.assertEqual(guest.read(f"{policy}/scaling_governor"), governor)
        guest.run(f"echo userspace > {policy}/scaling_governor; echo 600000 > {policy}/scaling_setspeed")
        self.assertEqual(self.frequency(), 825600, "setspeed rounds up, and says nothing")
        guest.run(f"echo 999 > {policy}/scaling_setspeed")
        self.assertEqual(self.frequency(), 102000)
        guest.run(f"echo performance > {policy}/scaling_governor")
        self.assertNotEqual(guest.write(f"{policy}/scaling_setspeed", 204000)[1], 0)
        minimum = guest.read(f"{policy}/scaling_min_freq")
        guest.run(f"echo 204000 > {policy}/scaling_max_freq; echo 1734000 > {policy}/scaling_min_freq")
        self.assertEqual(guest.read(f"{policy}/scaling_min_freq"), "204000", "min above max is clamped")
        guest.run(f"echo 1734000 > {policy}/scaling_max_freq")
        self.assertEqual(guest.read(f"{policy}/scaling_min_freq"), "1734000", "and remembered")
        guest.run(f"echo {minimum} > {policy}/scaling_min_freq; echo {governor} > {policy}/scaling_governor")

    def test_cores_that_are_switched_off_come_back(self):
        self.lab.start()
        pin = self.start_pin("--cpu", "max", "--cpus", "0-1")
        self.assertEqual(self.lab.guest.read("/sys/devices/system/cpu/online"), "0-1")
        pin.send_signal(signal.SIGINT)
        pin.wait(60)
        self.assert_put_back()
        self.assertEqual(self.lab.guest.read("/sys/devices/system/cpu/online"), "0-3")

    def test_what_somebody_else_changed_is_told_and_left(self):
        self.lab.start()
        pin = self.start_pin("--cpu", "1224MHz")
        governor = self.lab.guest.read(f"{POLICIES}/policy0/scaling_governor")
        other = "powersave" if governor != "powersave" else "ondemand"
        self.lab.guest.run(f"echo {other} > {POLICIES}/policy0/scaling_governor")
        pin.send_signal(signal.SIGINT)
        pin.wait(60)
        wait_for(lambda: self.lab.lease() is None, 60, "the lease's end")
        self.assertEqual(self.lab.guest.read(f"{POLICIES}/policy0/scaling_governor"), other)
        self.assertIn("scaling_governor", self.lab.log())
        for name, value in self.before[0].items():
            self.lab.guest.attempt(f"echo '{value}' > /sys/devices/system/cpu/{name}")

    def test_doctor_tries_a_control_and_puts_it_back(self):
        self.lab.start()
        governor = self.lab.guest.read(f"{POLICIES}/policy0/scaling_governor")
        found = [check["found"] for check in self.lab.json("doctor", "--try")["checks"] if check["area"] == "clocks"]
        self.assertTrue(any(f"policy0/scaling_governor was {governor}, was set to {governor}" in text and
                            "it was put back" in text for text in found), found)
        self.assertIn("nobody holds the clocks", found)

    def test_what_this_kernel_has_no_control_of_is_refused(self):
        self.lab.start()
        for flags, words in ((("--memory", "max"), "no clock of the memory"), (("--fan", "50"), "no fan that can be set"),
                             (("--gpu", "max"), "no clock of a GPU"), (("--boost", "on"), "boost")):
            done = self.lab.ctl("clocks", "pin", *flags, "--", "true")
            self.assertNotEqual(done.returncode, 0, flags)
            self.assertIn(words, done.stderr)

    # The main job, from the host's command line to joules.
    def test_squeezenet_runs_under_pinned_clocks_end_to_end(self):
        self.lab.start()
        begin = time.monotonic()
        run = self.lab.json("run", "--net", "squeezenet", "--iterations", "1", "--warmup", "1", "--rate", "20",
                            "--cpu-freq", "1224MHz", "--threads", "1", timeout=280)
        print(f"squeezenet in the lab: {time.monotonic() - begin:.0f} s wall time", flush=True)
        self.assertEqual(run["run"]["iterations_completed"], 1)
        self.assertIs(run["run"]["simulated"], False)
        self.assertEqual(len(run["ops"]), 66)
        self.assertEqual(run["clocks"]["asked"]["cpu_khz"], 1224000)
        obtained = {s["control"].rsplit("/", 1)[1]: s["obtained"] for s in run["clocks"]["settings"]}
        self.assertEqual(obtained["scaling_max_freq"], "1224000")
        whole = run["totals"]["all"]
        self.assertAlmostEqual(whole["energy_j"]["VDD_IN"] / whole["time_s"], 5.0, delta=0.02)
        self.assertEqual(self.lab.cpufreq(), self.before[0])
        self.assertNotEqual(self.lab.guest.read(f"{POLICIES}/policy0/scaling_max_freq"), "1224000")

    # Named so that it comes last: no daemon may run meanwhile.
    def test_whenever_a_lease_is_killed_before_a_step_restore_puts_everything_back(self):
        if self.lab.pids("synergyd"):
            self.lab.stop()
        chip = self.lab.guest.run("ls -d /sys/bus/i2c/devices/0-0040/hwmon/hwmon*")
        text, code = self.lab.guest.attempt(f"lease_steps {STATE} 518400 3 {chip}", timeout=300)
        self.assertEqual(code, 0, text)
        print(text, flush=True)
        steps, changed, restores, _ = map(int, re.findall("[0-9]+", text.splitlines()[-1]))
        self.assertGreater(steps, 20)
        self.assertGreater(changed, steps // 4)
        self.assertGreater(restores, steps // 4)


if __name__ == "__main__":
    main()
