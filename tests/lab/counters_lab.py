"""Counted events through the kernel's own PMU: groups, turns, refusals. QEMU's counts mean nothing beyond "it counts"."""
from lab import LabError
from lab_board import LabTest, main

UNIT = "armv8_pmuv3"


# One event under many names: what a CPU has counters for is one group.
CYCLES = [f"r{'0' * zeros}11" for zeros in range(12)]


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

    def test_each_refusal_has_its_line(self):
        # QEMU counts instructions only where it counts every one that it emulates.
        self.assertRegex(self.refusal("instructions"), "instructions cannot be counted: .*no such counter")
        self.assertIn("did you mean cycles?", self.refusal("cycels"))
        self.lab.guest.run("echo 3 > /proc/sys/kernel/perf_event_paranoid")
        self.addCleanup(lambda: self.lab.guest.run("echo 2 > /proc/sys/kernel/perf_event_paranoid"))
        self.assertRegex(self.refusal("cycles", user=65534), "cycles may not be counted .*start synergyd as root")


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
