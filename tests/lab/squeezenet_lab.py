"""The main job on the real kernel: squeezenet under pinned clocks, from the host's command line to joules."""
import time

from lab_board import POLICIES, LabTest, main


class Squeezenet(LabTest):
    def test_runs_under_pinned_clocks_end_to_end(self):
        self.lab.start()
        begin = time.monotonic()
        run = self.lab.json("run", "--net", "squeezenet", "--iterations", "2", "--warmup", "1", "--rate", "20",
                            "--cpu-freq", "1224MHz", "--threads", "1", timeout=280)
        print(f"squeezenet in the lab: {time.monotonic() - begin:.0f} s wall time", flush=True)
        self.assertEqual(run["run"]["iterations_completed"], 2)
        self.assertIs(run["run"]["simulated"], False)
        self.assertEqual(len(run["ops"]), 66)
        self.assertEqual(run["clocks"]["asked"]["cpu_khz"], 1224000)
        obtained = {s["control"].rsplit("/", 1)[1]: s["obtained"] for s in run["clocks"]["settings"]}
        self.assertEqual(obtained["scaling_max_freq"], "1224000")
        whole = run["totals"]["all"]
        self.assertAlmostEqual(whole["energy_j"]["VDD_IN"] / whole["time_s"], 5.0, delta=0.02)
        self.assertEqual(self.lab.cpufreq(), self.before[0])
        self.assertNotEqual(self.lab.guest.read(f"{POLICIES}/policy0/scaling_max_freq"), "1224000")


if __name__ == "__main__":
    main()
