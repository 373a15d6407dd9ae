"""Counted events through the kernel's own PMU: groups, turns, refusals. QEMU's counts mean nothing beyond "it counts"."""
import os
import pathlib
import unittest

from lab import Guest, LabError
from lab_board import LabTest, main

UNIT = "armv8_pmuv3"


# One event under many names: what a CPU has counters for is one group.
CYCLES = [f"r{'0' * zeros}11" for zeros in range(12)]


def name_a_tracepoint_that_is_not_there(test):
    """As tracepoint/no_such/, until the test's end."""
    unit = "/sys/devices/tracepoint"
    test.lab.guest.run(f"mount -t tmpfs none {unit} && cd {unit} && mkdir events format && echo 2 > type && "
                       "echo config:0-63 > format/id && echo id=0xfffffff > events/no_such")
    test.addCleanup(lambda: test.lab.guest.run(f"umount {unit}"))


class Kernel(LabTest):
    """The kernel's answers alone, without a run (count_steps.cc)."""

    def count(self, turns, *events, user=None):
        """(what stands before the events' lines, the events' groups and counts)."""
        as_user = f"--user {user} " if user is not None else ""
        lines = [line.split() for line in
                 self.lab.guest.run(f"count_steps {as_user}{turns} {' '.join(events)}").splitlines()]
        return ({key: int(value) for key, value in lines[:2]},
                {name: (int(group), [int(count) for count in counts]) for name, group, *counts in lines[2:]})

    def refusal(self, *events, **user):
        with self.assertRaises(LabError) as refused:
            self.count(1, *events, **user)
        return str(refused.exception)

    def test_a_group_counts_in_every_turn(self):
        facts, counts = self.count(5, "cycles", "task-clock")
        self.assertEqual(facts["groups"], 1)
        for name in ("cycles", "task-clock"):
            self.assertEqual(len(counts[name][1]), 5)
            self.assertGreater(min(counts[name][1]), 0, name)

    def test_more_events_than_counters_take_turns(self):
        facts, counts = self.count(10, *CYCLES)
        self.assertGreater(facts["groups"], 1, "a Cortex-A57 has 7 counters")
        for name, (group, of_turns) in counts.items():
            self.assertEqual(len(of_turns), len(range(group, 10, facts["groups"])), name)
            self.assertGreater(min(of_turns), 0, name)

    def test_programs_read_counters_themselves_where_the_kernel_lets_them(self):
        knob = "/proc/sys/kernel/perf_user_access"
        self.assertEqual(self.count(3, "cycles")[0]["mapped"], 0)
        self.lab.guest.run(f"echo 1 > {knob}")
        self.addCleanup(lambda: self.lab.guest.run(f"echo 0 > {knob}"))
        facts, counts = self.count(3, "cycles", "r011")
        self.assertEqual(facts["mapped"], 1)
        for name in ("cycles", "r011"):
            self.assertGreater(min(counts[name][1]), 0, name)

    def test_names_are_refused_before_the_kernel_is_asked(self):
        # QEMU counts instructions only where it counts every one that it emulates.
        self.assertIn("instructions cannot be counted: this processor has no such counter (the kernel names those that it "
                      f"has in /sys/bus/event_source/devices/{UNIT}/events)", self.refusal("instructions"))
        self.assertIn("did you mean cycles?", self.refusal("cycels"))

    def test_who_may_not_count_is_told_so(self):
        """EACCES."""
        self.lab.guest.run("echo 3 > /proc/sys/kernel/perf_event_paranoid")
        self.addCleanup(lambda: self.lab.guest.run("echo 2 > /proc/sys/kernel/perf_event_paranoid"))
        self.assertTrue(self.refusal("cycles", user=65534).endswith(
            ": PERMISSION_DENIED: cycles may not be counted (kernel.perf_event_paranoid is 3): sudo sysctl "
            "kernel.perf_event_paranoid=1, or start synergyd as root; in a container also --cap-add PERFMON and a seccomp "
            "profile that has perf_event_open"))

    def test_what_a_unit_does_not_count_is_told_so(self):
        """EINVAL: the kernel's own unit of tracepoints, asked for one that is not there. A name for it is laid over sysfs."""
        name_a_tracepoint_that_is_not_there(self)
        self.assertTrue(self.refusal("tracepoint/no_such/").endswith(
            ": FAILED_PRECONDITION: tracepoint/no_such/ cannot be counted of a thread: this processor has no such event, or "
            "its unit counts the whole machine: choose another event"))


class NoUnit(unittest.TestCase):
    """A machine without a PMU, as most virtual ones."""

    def test_what_the_machine_has_no_counter_for_is_told_so(self):
        """ENOENT."""
        with Guest(programs=[pathlib.Path(os.environ["SYNERGY_ARM64_BIN"]) / "count_steps"],
                   cpu="cortex-a57,pmu=off") as guest:
            for event in ("cycles", "r74"):
                text, code = guest.attempt(f"count_steps 1 {event}")
                self.assertEqual(code, 1)
                self.assertEqual(text, f"FAILED_PRECONDITION: {event} cannot be counted: this kernel sees no such counter in "
                                 "the processor, as in most virtual machines: give the virtual machine a PMU, or measure on "
                                 "the board itself; power is measured without")
            self.assertIn("task-clock 0 ", guest.run("count_steps 1 task-clock"), "which needs none")


class Counters(LabTest):
    def run_counting(self, events, *flags):
        return self.lab.run_small("--iterations", "24", "--rate", "20", "--events", events, *flags)

    def assert_counted(self, run, name, executions):
        for op in run["ops"]:
            counts = op["counters"][name]
            self.assertIsNotNone(counts, (name, op["name"]))
            self.assertEqual(counts["executions"], executions, (name, op["name"]))
            self.assertEqual(counts["scaled"], executions < op["executions"])

    def test_cycles_of_every_operator_are_counted(self):
        self.lab.start()
        run = self.run_counting("cycles,task-clock")
        self.assertEqual(run["counters"]["events"][0]["code"].split(",")[0], "config=0x11")
        self.assertEqual(run["counters"]["groups"], 1)
        self.assert_counted(run, "cycles", 24)
        cycles = {op["type"]: op["counters"]["cycles"]["mean"] for op in run["ops"]}
        self.assertGreater(cycles["Conv"], 0)
        self.assertGreater(cycles["Conv"], cycles["Relu"], "it takes longer")

    def test_more_events_than_counters_are_counted_by_turns_and_scaled(self):
        self.lab.start()
        run = self.run_counting(",".join(CYCLES))
        groups = run["counters"]["groups"]
        self.assertGreater(groups, 1, "QEMU's processors have 7 counters at most")
        self.assertEqual({event["unit"] for event in run["counters"]["events"]}, {UNIT})
        for event in run["counters"]["events"]:
            turns = len(range(event["group"], 24, groups))
            self.assert_counted(run, event["name"], turns)
        conv, = [op for op in run["ops"] if op["type"] == "Conv"]
        means = [conv["counters"][name]["mean"] for name in CYCLES]
        self.assertGreater(min(means), 0)

    def test_names_of_the_kernel_are_counted(self):
        self.lab.start()
        name = f"{UNIT}/cpu_cycles/"
        self.assert_counted(self.run_counting(name), name, 24)

    def test_programs_read_the_counters_themselves_where_the_kernel_lets_them(self):
        self.lab.start()
        knob = "/proc/sys/kernel/perf_user_access"
        self.assertIs(self.run_counting("cycles")["counters"]["by_mapping"], False)
        self.lab.guest.run(f"echo 1 > {knob}")
        self.addCleanup(lambda: self.lab.guest.run(f"echo 0 > {knob}"))
        run = self.run_counting("cycles")
        self.assertIs(run["counters"]["by_mapping"], True)
        self.assert_counted(run, "cycles", 24)

    def refusal(self, events):
        done = self.lab.ctl("run", "--net", self.lab.scratch / "small.pbtxt", "--init",
                            self.lab.scratch / "small_init.pbtxt", "--input-shape", "data=1,3,32,32", "--events", events)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_what_the_kernel_refuses_is_no_job(self):
        self.lab.start()
        name_a_tracepoint_that_is_not_there(self)
        self.assertIn("tracepoint/no_such/ cannot be counted of a thread: this processor has no such event, or its unit counts "
                      "the whole machine: choose another event (--events-optional measures without)",
                      self.refusal("tracepoint/no_such/"))

    def test_refusals_say_what_to_do(self):
        self.lab.start()
        # QEMU counts instructions only where it counts every one that it emulates.
        self.assertRegex(self.refusal("instructions"), "instructions cannot be counted: .*no such counter")
        self.assertIn("no event cycels can be counted here; did you mean cycles?", self.refusal("cycels"))
        run = self.run_counting("instructions", "--events-optional")
        self.assertIsNone(run["counters"])
        self.assertIn("not_counted", [notice["code"] for notice in run["notices"]])


if __name__ == "__main__":
    main()
