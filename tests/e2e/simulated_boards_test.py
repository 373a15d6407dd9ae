"""A run on each simulated board, and with each fault on demand: what a user sees of them."""
import json
import subprocess
import unittest

from board import BIN, Board

RUN = ("run", "--net", "squeezenet1.1", "--iterations", "20", "--seed", "3")
RAILS = {
    "sim:jetson-nano": ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"],
    "sim:jetson-agx-orin": ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"],
    "sim:generic-x86-rapl": ["package-0", "package-0 core", "package-0 dram"],
    "sim:snapdragon-820": ["battery"],
}


# Of each policy: its fastest clock in MHz. And what governs the CPU and the GPU at first; "": there is no GPU to set.
CLOCKS = {
    "sim:jetson-tx1": ([1734], "interactive", "nvhost_podgov"),
    "sim:jetson-nano": ([1479], "schedutil", "nvhost_podgov"),
    "sim:jetson-agx-orin": ([2201.6] * 3, "schedutil", "nvhost_podgov"),
    "sim:generic-x86-rapl": ([3600] * 8, "schedutil", ""),
    "sim:snapdragon-820": ([1593.6, 2150.4], "interactive", "msm-adreno-tz"),
}


def codes(run):
    return [reason.split(":")[0] for reason in run["reasons"]]


class EachBoard(unittest.TestCase):
    def test_measures_its_rails_and_says_that_it_is_simulated(self):
        for name, rails in RAILS.items():
            with self.subTest(board=name), Board(board=name) as board:
                described = board.json("board")
                self.assertTrue(described["simulated"])
                self.assertIn("(simulated)", described["title"])
                self.assertEqual([rail["name"] for rail in described["rails"]], rails)
                self.assertGreater(len(board.json("clocks")["policies"][0]["frequencies_khz"]), 5)
                # Long enough for a gauge that updates once a second.
                idle = "2.5" if name == "sim:snapdragon-820" else "0.3"
                run = board.json(*RUN, "--idle", idle)
                self.assertIs(run["run"]["simulated"], True)
                self.assertIn("simulated", [notice["code"] for notice in run["notices"]])
                self.assertIn("SIMULATED", board.ctl("show", run["run"]["id"]).stdout)
                for rail in rails:
                    self.assertGreater(run["idle"]["before"]["power_w"][rail], 0, rail)
                    self.assertGreater(run["totals"]["all"]["energy_j"][rail], 0, rail)
                self.assert_rates(run, rails)
                zone = run["conditions"]["temperatures"][0]
                self.assertTrue(25 < zone["begin_c"] < 80, zone)

    def assert_rates(self, run, rails):
        channels = [c for source in run["sampling"]["sources"] for c in source["channels"]]
        self.assertEqual(sorted({c["rail"] for c in channels}), sorted(rails))
        for channel in channels:
            self.assertGreater(channel["requested_hz"], 0)
            self.assertGreater(channel["achieved_hz"], 0)
            self.assertLessEqual(channel["fresh_hz"], channel["achieved_hz"] * 1.001)

    def test_has_its_own_clocks_which_rise_under_load(self):
        for name, (fastest_mhz, governor, gpu_governor) in CLOCKS.items():
            with self.subTest(board=name), Board(board=name) as board:
                clocks = board.json("clocks")
                policies = clocks["policies"]
                self.assertEqual([policy["highest_khz"] / 1e3 for policy in policies], fastest_mhz)
                for policy in policies:
                    self.assertEqual(policy["governor"], governor)
                    self.assertEqual(policy["current_khz"], policy["lowest_khz"], "nothing runs")
                gpus = [device["governor"] for device in clocks["devices"] if device["name"] == "gpu"]
                self.assertEqual(gpus, [gpu_governor] if gpu_governor else [])
                run = board.json(*RUN)
                seen = {clock["clock"]: clock for clock in run["conditions"]["clocks"]}
                for policy in policies:
                    self.assertEqual(seen[policy["name"]]["highest_hz"], 1000 * policy["highest_khz"])

    def test_power_follows_the_clock_that_is_set(self):
        with Board() as board:
            slow, fast = (board.json(*RUN, "--cpu-freq", f)["totals"]["inference"] for f in ("102MHz", "max"))
            watts = [total["energy_j"]["VDD_CPU"] / total["time_s"] for total in (slow, fast)]
            self.assertLess(watts[0], 0.5 * watts[1])

    def test_waits_until_it_is_cool(self):
        with Board() as board:
            done = board.ctl(*RUN, "--cool-below", "26C", "--cool-timeout", "0.2")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("did not cool below 26 C", done.stderr + done.stdout)
            self.assertEqual(board.ctl(*RUN, "--cool-below", "70C").returncode, 0)

    def test_another_board_in_the_same_state_folder_has_its_own_clocks(self):
        with Board() as board:
            first = board.json("clocks")["policies"][0]["highest_khz"]
            board.stop()
            board.board = "sim:jetson-agx-orin"
            board.start()
            self.assertEqual((first, board.json("clocks")["policies"][0]["highest_khz"]), (1734000, 2201600))


class EachFault(unittest.TestCase):
    def run_with(self, *faults, board="sim:jetson-tx1", flags=()):
        with Board(board=board, flags=[f for fault in faults for f in ("--fault", fault)]) as daemon:
            notes = daemon.json("board")["notes"]
            for fault in faults:
                self.assertTrue(any(fault in note for note in notes), notes)
            # A run that a fault makes INVALID ends with an error, and is shown all the same.
            run = json.loads(daemon.ctl(*RUN, "--idle", "0.5", *flags, "--json").stdout)
            self.assertTrue(any(faults[0] in notice["text"] for notice in run["notices"]))
            return run

    def test_a_stuck_register_is_suspect(self):
        run = self.run_with("stuck:VDD_CPU")
        self.assertEqual(run["verdict"], "SUSPECT")
        self.assertIn("never_changed", codes(run))
        self.assertIn("VDD_CPU", " ".join(run["reasons"]))

    def test_a_missing_channel_is_a_gap_with_its_cause(self):
        run = self.run_with("missing:VDD_GPU")
        self.assertEqual(run["verdict"], "SUSPECT")
        self.assertIn("reads_failed", codes(run))
        self.assertTrue(any("VDD_GPU gives no data" in gap["detail"] for gap in run["gaps"]))
        self.assertGreater(run["totals"]["inference"]["energy_j"]["VDD_CPU"], 0)
        self.assertIsNone(run["totals"]["inference"]["energy_j"]["VDD_GPU"])

    def test_reads_that_fail_now_and_then_are_gaps(self):
        run = self.run_with("read-errors:0.1")
        self.assertIn("reads_failed", codes(run))
        self.assertTrue(any("no acknowledgement" in gap["detail"] for gap in run["gaps"]))
        self.assertGreater(run["totals"]["inference"]["energy_j"]["VDD_IN"], 0)

    def test_a_filter_that_somebody_raised_ends_the_source(self):
        run = self.run_with("slow-filter@0.1")
        self.assertNotEqual(run["verdict"], "VALID")
        self.assertTrue(any("keep other drivers and programs off this chip" in reason
                            for reason in run["reasons"]) or
                        any("other drivers" in notice["text"] for notice in run["notices"]), run["reasons"])

    def test_throttling_shows_in_what_the_run_ran_under(self):
        run = self.run_with("throttle:825.6", flags=("--cpu-freq", "1224MHz"))
        throttle = run["conditions"]["throttles"][0]
        self.assertIn("cooling", throttle["what"])
        self.assertGreater(throttle["highest"], 0)
        self.assertEqual(run["conditions"]["clocks"][0]["highest_hz"], 825600000)
        self.assertIn("clock_moved", [notice["code"] for notice in run["notices"]])

    def test_throttling_lowers_clocks_that_nobody_has_fixed(self):
        run = self.run_with("throttle:825.6")
        self.assertEqual(run["conditions"]["clocks"][0]["highest_hz"], 825600000)
        self.assertGreater(run["conditions"]["throttles"][0]["highest"], 0)
        whole = self.run_with("read-errors:0")
        self.assertEqual(whole["conditions"]["clocks"][0]["highest_hz"], 1734000000)
        watts = [r["totals"]["inference"]["energy_j"]["VDD_CPU"] / r["totals"]["inference"]["time_s"] for r in (run, whole)]
        self.assertLess(watts[0], 0.6 * watts[1])

    def test_counters_have_faults_and_a_throttle_counter_that_rises(self):
        run = self.run_with("throttle", "missing:package-0 dram", board="sim:generic-x86-rapl")
        throttle = run["conditions"]["throttles"][0]
        self.assertEqual(throttle["what"], "cpu0 core_throttle_count")
        self.assertGreater(throttle["highest"], throttle["begin"])
        self.assertIsNone(run["totals"]["all"]["energy_j"]["package-0 dram"])
        self.assertTrue(any("package-0 dram" in gap["detail"] for gap in run["gaps"]))

    def test_wrong_faults_are_refused_before_anything_starts(self):
        def refused(*flags):
            done = subprocess.run([BIN / "synergyd", *flags, "--state", "/nonexistent/x"], capture_output=True,
                                  text=True, timeout=20)
            self.assertEqual(done.returncode, 2, done.stderr)
            return done.stderr

        self.assertIn("did you mean stuck?", refused("--board", "sim:jetson-tx1", "--fault", "stuk:VDD_IN"))
        self.assertIn("only simulated boards", refused("--fault", "stuck:VDD_IN"))


if __name__ == "__main__":
    unittest.main()
