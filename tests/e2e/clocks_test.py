"""Clocks of the simulated board: shown, held while a command or a job runs, and put back whatever happens."""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from board import BIN, WHILE_PARENT, Board, wait_for
from sysfs_tree import make_tree

RUN = ("run", "--net", "squeezenet")


class Clocks(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.board.__enter__()
        self.addCleanup(self.board.__exit__)
        self.before = self.clocks()

    def clocks(self):
        return self.board.clocks()

    def assert_put_back(self):
        wait_for(lambda: self.clocks()["lease"] is None, 5, "the lease's end")

        # The governor lowers the clock a while after the last work.
        def at_rest():
            now = self.clocks()
            return now if now["policies"][0]["current_khz"] == self.before["policies"][0]["current_khz"] else None

        self.assertEqual(wait_for(at_rest, 5, "the clock's rest"), self.before)

    def start_pin(self, *flags):
        pin = self.board.start_ctl("clocks", "pin", *(flags or ("--cpu", "1224MHz")), "--", *WHILE_PARENT)
        # Reaped first: the command ends when its parent is gone for good.
        self.addCleanup(lambda: (pin.kill(), pin.wait(), pin.communicate()))
        wait_for(lambda: self.clocks()["lease"], 10, "the lease")
        return pin

    def test_show(self):
        self.assertTrue(self.before["simulated"])
        self.assertIn(1224000, self.before["policies"][0]["frequencies_khz"])
        self.assertIn(614400000, self.before["devices"][0]["frequencies_hz"])
        text = self.board.ctl("clocks").stdout
        for words in ("SIMULATED", "1224MHz", "614.4MHz", "CPU-therm", "nobody holds the clocks"):
            self.assertIn(words, text)

    def test_a_command_runs_under_its_clocks_and_its_end_is_the_end(self):
        done = self.board.ctl("clocks", "pin", "--cpu", "1224MHz", "--gpu", "614.4MHz", "--governor", "userspace",
                              "--cpus", "0-1", "--", "sh", "-c", f"{BIN}/synergyctl clocks --json; exit 7")
        self.assertEqual(done.returncode, 7, done.stderr)
        held = json.loads(done.stdout)
        self.assertEqual(held["policies"][0]["current_khz"], 1224000)
        self.assertEqual(held["policies"][0]["governor"], "userspace")
        self.assertEqual([core["on"] for core in held["cores"]], [True, True, False, False])
        self.assertEqual(held["devices"][0]["current_hz"], 614400000)
        self.assertEqual(held["lease"]["asked"]["cpu_khz"], 1224000)
        self.assertTrue(all(s["asked"] == s["obtained"] for s in held["lease"]["settings"]))
        self.assert_put_back()

    def test_memory_and_fan_are_held_and_boost_is_refused_where_there_is_no_switch(self):
        self.assertIsNone(self.before["boost"])
        self.start_pin("--memory", "408MHz", "--fan", "80")
        held = self.clocks()
        self.assertEqual(held["devices"][1]["current_hz"], 408000000)
        self.assertAlmostEqual(held["fan_percent"], 80, 5)
        self.assertEqual((held["lease"]["asked"]["memory_khz"], held["lease"]["asked"]["fan_percent"]), (408000, 80))
        self.board.stop(signal.SIGKILL)
        self.board.start()
        self.assert_put_back()
        done = self.board.ctl("clocks", "pin", "--boost", "off", "--", "true")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("no switch for boost", done.stderr)

    def test_a_lost_client_a_lost_front_and_sigterm_put_them_back(self):
        self.start_pin().kill()
        self.assert_put_back()
        self.start_pin()
        subprocess.os.kill(self.board.front(), signal.SIGKILL)
        self.assert_put_back()
        self.start_pin()
        self.board.stop()
        self.board.start()
        self.assert_put_back()

    def test_after_kill_9_the_next_start_or_restore_puts_them_back(self):
        for restore in (True, False):
            with self.subTest(restore=restore):
                self.start_pin("--cpu", "min", "--gpu", "max", "--cpus", "0")
                self.board.stop(signal.SIGKILL)
                if restore:
                    done = subprocess.run([BIN / "synergyd", "--restore", "--state", self.board.state],
                                          capture_output=True, text=True)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.assertIn("scaling_max_freq to 1734000", done.stdout)
                self.board.start()
                self.assert_put_back()

    def test_the_limit_ends_it_while_the_command_goes_on(self):
        done = self.board.ctl("clocks", "pin", "--cpu", "max", "--limit", "0.2", "--", "sleep", "0.6")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("limit", done.stderr)
        self.assert_put_back()

    def test_a_job_has_the_clocks_that_it_asks_for_and_its_report_says_so(self):
        run = self.board.json(*RUN, "--iterations", "5", "--cpu-freq", "1224MHz", "--gpu-freq", "min",
                              "--memory-freq", "408MHz", "--fan", "50%")
        self.assertEqual(run["clocks"]["asked"]["cpu_khz"], 1224000)
        self.assertEqual(run["clocks"]["asked"]["gpu_khz"], "min")
        self.assertEqual((run["clocks"]["asked"]["memory_khz"], run["clocks"]["asked"]["fan_percent"]), (408000, 50))
        self.assertTrue(run["clocks"]["simulated"])
        obtained = {s["control"].rsplit("/", 1)[1]: s["obtained"] for s in run["clocks"]["settings"]}
        self.assertEqual(obtained["scaling_max_freq"], "1224000")
        self.assertIn("clocks   CPU 1224MHz, GPU min, memory 408MHz, fan 50 %: all obtained (SIMULATED",
                      self.board.ctl("show", run["run"]["id"]).stdout)
        self.assert_put_back()

    def test_a_cancelled_job_and_a_dead_worker_put_them_back(self):
        for end in (lambda job: job.send_signal(signal.SIGINT),
                    lambda _: subprocess.os.kill(self.board.worker(), signal.SIGKILL)):
            job = self.board.start_ctl(*RUN, "--iterations", "1000000", "--cpu-freq", "102MHz", "--cpus", "0")
            self.board.wait_until_measuring()
            self.assertTrue(self.clocks()["lease"]["holder"].startswith("run "))
            end(job)
            self.assertNotEqual(job.wait(30), 0)
            job.communicate()
            self.assert_put_back()

    def test_what_cannot_be_is_refused_with_what_there_is(self):
        for words, text in ((("--cpu", "1225MHz"), "1224MHz 1326MHz"), (("--gpu", "1MHz"), "76.8MHz 153.6MHz"),
                            (("--governor", "fast"), "interactive"), (("--cpus", "7"), "0 to 3"),
                            (("--cpu", "12"), "no unit"), (("--cpus", "3-1"), "no list of CPUs"), (("--memory", "9GHz"), "40.8MHz to 1600MHz"),
                            (("--boost", "maybe"), "on nor off"), (("--fan", "101"), "percentage"), ((), "--cpu")):
            with self.subTest(words=words):
                done = self.board.ctl("clocks", "pin", *words, "--", "true")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(text, done.stderr)
        done = self.board.ctl(*RUN, "--cpu-freq", "1225MHz")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("1224MHz 1326MHz", done.stderr)
        self.assertEqual(self.board.ctl("clocks", "pin", "--cpu", "max").returncode, 2)
        self.assertEqual(self.board.ctl("clocks", "pin", "--cpu", "max", "--", "no-such-command").returncode, 127)
        self.assert_put_back()

    def test_the_second_who_asks_is_told_who_holds_them(self):
        self.start_pin()
        second = self.board.ctl("clocks", "pin", "--cpu", "max", "--", "true")
        self.assertEqual(second.returncode, 4, second.stderr)
        self.assertIn("clocks pin -- sh", second.stderr)

    def test_a_run_says_what_it_ran_under(self):
        run = self.board.json(*RUN, "--iterations", "5", "--cpu-freq", "1224MHz", "--idle", "0.3")
        clocks = {clock["clock"]: clock for clock in run["conditions"]["clocks"]}
        self.assertEqual(clocks["policy0"]["lowest_hz"], 1224000000)
        self.assertEqual(run["conditions"]["clock_changes"], [])
        for when in ("before", "after"):
            self.assertGreaterEqual(run["idle"][when]["time_s"], 0.3)
            self.assertGreater(run["idle"][when]["power_w"]["VDD_IN"], 0.1)
        text = self.board.ctl("show", run["run"]["id"]).stdout
        self.assertIn("policy0 1224MHz", text)
        self.assertIn("W before the job", text)


class PlainFiles(unittest.TestCase):
    """A board's sysfs as plain files: temperatures and frequencies are what a test writes there."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="synergy-e2e-")
        self.addCleanup(scratch.cleanup)
        self.root = make_tree(pathlib.Path(scratch.name) / "sys")
        self.board = Board(board="auto", flags=("--sysfs-root", str(self.root)))
        self.board.__enter__()
        self.addCleanup(self.board.__exit__)

    def test_a_board_without_thermal_zones_does_not_wait_for_cold(self):
        self.board.stop()
        shutil.rmtree(self.root / "class/thermal")
        self.board.start()
        done = self.board.ctl(*RUN, "--cool-below", "45C")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no thermal zone", done.stderr)

    def files(self):
        return {path: path.read_text().strip() for path in (self.root / "devices/system/cpu").rglob("*") if path.is_file()}

    def start_pin(self, board):
        pin = board.start_ctl("clocks", "pin", "--cpu", "1224MHz", "--", *WHILE_PARENT)
        self.addCleanup(lambda: (pin.kill(), pin.wait(), pin.communicate()))
        wait_for(lambda: board.clocks()["lease"], 10, "the lease")
        return pin

    def test_what_is_left_changed_is_told_and_is_no_good_end(self):
        governor = self.root / "devices/system/cpu/cpufreq/policy0/scaling_governor"
        done = self.board.ctl("clocks", "pin", "--cpu", "1224MHz", "--", "sh", "-c", f"echo powersave > {governor}")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("scaling_governor at powersave: somebody else has changed it", done.stderr)
        self.assertNotIn("restored", done.stderr)
        done = self.board.ctl("clocks", "pin", "--cpu", "1224MHz", "--", "sh", "-c",
                              f"echo schedutil > {governor}; exit 7")
        self.assertEqual(done.returncode, 7, "the command's own end counts: " + done.stderr)
        self.assertIn("somebody else has changed it", done.stderr)

    def test_what_could_not_be_put_back_is_shown_with_the_command_that_does_it(self):
        before = self.files()
        limit = self.root / "devices/system/cpu/cpufreq/policy0/scaling_max_freq"
        done = self.board.ctl("clocks", "pin", "--cpu", "1224MHz", "--", "sh", "-c", f"rm {limit}; mkdir {limit}")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(f"NOT restored: {limit}", done.stderr)
        command = f"synergyd --restore --state {self.board.state} --sysfs-root {self.root}"
        left = self.board.clocks()["left"]
        self.assertEqual(left[0], f"{limit} is unreadable and was {before[limit]}")
        for text in (left[-1], self.board.ctl("clocks").stdout, self.board.ctl("doctor").stdout,
                     self.board.ctl("clocks", "pin", "--cpu", "max", "--", "true").stderr):
            self.assertIn(command, text)
        limit.rmdir()
        limit.write_text("1224000\n")
        self.board.stop()
        for flags, code in ((("--state", str(self.board.scratch / "none")), 1), (command.split()[2:], 0)):
            done = subprocess.run([BIN / "synergyd", "--restore", *flags], capture_output=True, text=True)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(self.files(), before)

    def test_two_daemons_with_states_of_their_own_do_not_take_over_each_others_clocks(self):
        before = self.files()
        with Board(board="auto", flags=("--sysfs-root", str(self.root))) as other:
            def other_pins():
                return other.ctl("clocks", "pin", "--cpu", "max", "--", "true")

            pin = self.start_pin(self.board)
            held = self.files()
            refused = other_pins()
            self.assertEqual(refused.returncode, 4, refused.stderr)
            self.assertIn(f"process {self.board.process.pid}", refused.stderr)
            self.assertEqual(self.files(), held)
            pin.send_signal(signal.SIGINT)
            pin.wait(20)
            self.assertEqual(self.files(), before)
            self.assertEqual(other_pins().returncode, 0)
            self.start_pin(self.board)
            self.board.stop(signal.SIGKILL)
            refused = other_pins()
            self.assertEqual(refused.returncode, 4, refused.stderr)
            self.assertIn(f"{self.board.state}/leases/clocks.journal", refused.stderr)
            done = subprocess.run([BIN / "synergyd", "--restore", "--state", self.board.state, "--sysfs-root", self.root],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(other_pins().returncode, 0)
            self.assertEqual(self.files(), before)

    def set_temperature(self, celsius):
        (self.root / "class/thermal/thermal_zone0/temp").write_text(f"{celsius * 1000:.0f}\n")

    def test_a_fixed_clock_that_is_elsewhere_is_told(self):
        run = self.board.json(*RUN, "--iterations", "5", "--cpu-freq", "1224MHz")
        change = run["conditions"]["clock_changes"][0]
        self.assertEqual((change["clock"], change["fixed_hz"], change["seen_hz"]), ("policy0", 1224000000, 204000000))
        self.assertIn("clock_moved", [notice["code"] for notice in run["notices"]])
        self.assertNotEqual(run["verdict"], "VALID")
        self.assertIn("clock_moved: policy0 was fixed at 1224MHz and ran at 204MHz for up to 100 % of the measured phase",
                      run["reasons"])
        zones = {zone["zone"]: zone for zone in run["conditions"]["temperatures"]}
        self.assertEqual(zones["CPU-therm"]["begin_c"], 41.5)

    def test_a_core_and_a_memory_that_are_not_where_the_job_has_them_are_told(self):
        memory = self.root / "kernel/debug/clk/override.emc"
        memory.mkdir(parents=True)
        for name, text in (("clk_update_rate", "408000000"), ("clk_rate", "408000000"), ("clk_state", "0")):
            (memory / name).write_text(text + "\n")
        job = self.board.start_ctl(*RUN, "--iterations", "100000", "--cpus", "0-2", "--memory-freq", "408MHz")
        self.addCleanup(lambda: (job.kill(), job.wait(), job.communicate()))
        self.board.wait_until_measuring()
        (memory / "clk_rate").write_text("204000000\n")
        (self.root / "devices/system/cpu/cpu1/online").write_text("0\n")

        def shown():
            return json.loads(self.board.ctl("show", "last", "--json").stdout)

        def told():
            return {notice["code"] for notice in shown()["notices"]} >= {"clock_moved", "core_switched"}

        wait_for(told, 60, "the records of both")
        job.send_signal(signal.SIGINT)
        job.communicate(timeout=60)
        run = shown()
        reasons = " ".join(run["reasons"])
        self.assertIn("clock_moved: memory was fixed at 408MHz and ran at 204MHz for up to ", reasons)
        self.assertIn("core_switched: cpu1 was to be on and was off for up to ", reasons)
        self.assertIn(("memory", 408000000, 204000000),
                      [(c["clock"], c["fixed_hz"], c["seen_hz"]) for c in run["conditions"]["clock_changes"]])

    def test_a_run_waits_until_the_board_is_cool_and_gives_up_in_time(self):
        self.set_temperature(60)
        late = self.board.ctl(*RUN, "--iterations", "2", "--cool-below", "45C", "--cool-timeout", "200ms")
        self.assertNotEqual(late.returncode, 0)
        self.assertIn("CPU-therm is at 60.0 C", late.stderr + late.stdout)
        job = self.board.start_ctl(*RUN, "--iterations", "2", "--cool-below", "45")
        self.addCleanup(lambda: (job.kill(), job.wait(), job.communicate()))
        wait_for(lambda: any(j["phase"] == "cooling" for j in self.board.json("board")["jobs"]), 20, "the cooling")
        self.set_temperature(44)
        self.assertEqual(job.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
