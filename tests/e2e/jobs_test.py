"""Job files, the queue and leases, from the command line to the board."""
import json
import os
import pathlib
import re
import signal
import subprocess
import textwrap
import unittest

from board import BIN, Board, wait_for
from tensors import node, onnx, read_npy, tensor

# The analysis is not what is tested.
QUICK = ("--method", "integrate")
JOB_FILE = """schema = 1
name = "two"
net = "squeezenet"
threads = [1, 2]
iterations = 5
warmup = 1
idle = 0
repetitions = 2
"""


def write(board, text, name="job.toml"):
    path = board.scratch / name
    path.write_text(text)
    return str(path)


class JobsTest(unittest.TestCase):
    def setUp(self):
        self.board = self.another_board()

    def another_board(self):
        board = Board()
        board.__enter__()
        self.addCleanup(board.__exit__)
        return board

    def jobs(self):
        return json.loads(self.board.ctl("jobs", "--json").stdout)

    def test_a_job_file_is_measured_as_a_matrix(self):
        done = self.board.ctl("submit", write(self.board, JOB_FILE), "--wait", "--json", *QUICK)
        self.assertIn(done.returncode, (0, 1), done.stderr)  # a busy machine may make a run INVALID
        jobs = json.loads(done.stdout)["sweeps"][0]["jobs"]
        self.assertEqual([job["label"] for job in jobs],
                         ["squeezenet threads=1", "squeezenet threads=2"] * 2)
        self.assertEqual([job["state"] for job in jobs], ["done"] * 4)
        self.assertEqual([len(job["attempts"]) for job in jobs], [1] * 4)
        self.assertEqual(self.jobs()["jobs"], [])

    def test_boards_are_measured_at_once_and_each_goes_on_by_itself(self):
        other = self.another_board()
        path = write(self.board, JOB_FILE)
        hosts = ("--host", self.board.host, "--host", other.host)
        self.board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        self.board.wait_until_measuring()
        client = self.board.start_ctl("submit", path, *hosts, "--wait", "--json", *QUICK)
        wait_for(lambda: other.log_text().count(": done") == 4, 120, "the end on the board that is free")
        self.assertEqual(self.board.log_text().count(": started"), 1, "the other one is still busy")
        client.kill()
        client.communicate()
        self.board.ctl("job", "cancel", self.jobs()["jobs"][0]["id"], "--store", self.board.store)
        done = self.board.ctl("submit", path, *hosts, "--wait", "--json", *QUICK)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertRegex(done.stderr, rf"(?m)^synergyctl: {self.board.host}: run \d+: done")
        # The first client may have brought all of the other board's runs before it was killed.
        self.assertRegex(done.stderr, rf"(?m)^synergyctl: {other.host}: (run \d+: done|.* 4 of them have ended)")
        self.assertRegex(done.stderr, rf"(?m)^{self.board.host}: squeezenet: ")
        self.assertNotRegex(done.stderr, r"(?m)^squeezenet: ")
        sweeps = json.loads(done.stdout)["sweeps"]
        self.assertEqual(len({sweep["board_id"] for sweep in sweeps}), 2)
        for sweep in sweeps:
            self.assertEqual([job["state"] for job in sweep["jobs"]], ["done"] * 4)
        self.assertEqual(self.board.log_text().count(": started"), 5)

    def test_a_board_that_is_not_reached_does_not_keep_the_others(self):
        missing = f"unix:{self.board.scratch}/none.sock"
        done = self.board.ctl("submit", write(self.board, JOB_FILE), "--host", missing, "--host", self.board.host,
                              "--wait", "--json", *QUICK)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("none.sock", done.stderr)
        sweeps = json.loads(done.stdout)["sweeps"]
        self.assertEqual([[job["state"] for job in sweep["jobs"]] for sweep in sweeps], [["done"] * 4])

    def test_a_board_that_is_named_twice_is_measured_once(self):
        path = write(self.board, JOB_FILE)
        done = self.board.ctl("submit", path, "--host", self.board.host, "--host", self.board.host)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("more than once", done.stderr)
        link = self.board.scratch / "link.sock"
        link.symlink_to(self.board.socket)
        done = self.board.ctl("submit", path, "--host", self.board.host, "--host", f"unix:{link}", "--wait", "--json",
                              *QUICK)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("another --host of this one", done.stderr)
        sweeps = json.loads(done.stdout)["sweeps"]
        self.assertEqual([[job["state"] for job in sweep["jobs"]] for sweep in sweeps], [["done"] * 4])

    def test_a_full_disk_refuses_and_what_waits_goes_on_once_there_is_room(self):
        state = self.board.scratch / "disk"
        state.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=700", "tmpfs", state], capture_output=True).returncode:
            self.skipTest("needs root to mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", state])
        board = Board(state=state)
        self.addCleanup(board.__exit__)
        board.start()
        filler = state / "filler"
        filler.write_bytes(bytes(120 << 20))
        path = write(board, JOB_FILE)
        done = board.ctl("submit", path)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("free", done.stderr)
        self.assertEqual(json.loads(board.ctl("jobs", "--json").stdout)["jobs"], [])
        client = board.start_ctl("submit", path, "--wait", "--json", *QUICK)
        said = client.stderr.readline() + client.stderr.readline()  # the sweep, then why it waits
        self.assertIn("are free", said)
        filler.unlink()
        text, errors = client.communicate(timeout=120)
        self.assertIn(client.returncode, (0, 1), errors)
        self.assertEqual([job["state"] for job in json.loads(text)["sweeps"][0]["jobs"]], ["done"] * 4)
        self.assertEqual(json.loads(text)["sweeps"][0]["sweep"], 1)
        self.assertNotIn("are free", errors, "said once")

    def test_what_a_dead_client_has_left_is_not_repeated(self):
        path = write(self.board, JOB_FILE)
        client = self.board.start_ctl("submit", path, "--wait", *QUICK)
        wait_for(lambda: "done" in self.board.log_text(), 60, "the end of a job")
        client.kill()
        client.communicate()
        done = self.board.ctl("submit", path, "--wait", "--json", *QUICK)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        sweep = json.loads(done.stdout)["sweeps"][0]
        self.assertEqual(sweep["sweep"], 1)
        self.assertEqual([len(job["attempts"]) for job in sweep["jobs"]], [1] * 4)
        self.assertEqual(self.board.log_text().count(": started"), 4)
        again = json.loads(self.board.ctl("submit", path, "--json").stdout)["sweeps"][0]
        self.assertEqual(again["sweep"], 2, "a finished sweep is not taken up")

    def test_an_attempt_that_a_crash_interrupted_is_made_again(self):
        path = write(self.board, JOB_FILE)
        client = self.board.start_ctl("submit", path, "--wait", "--json", *QUICK)
        wait_for(lambda: ": started" in self.board.log_text(), 60, "the start of a job")
        self.board.stop(signal.SIGKILL)
        self.board.start()
        text, errors = client.communicate(timeout=120)
        self.assertIn(client.returncode, (0, 1), errors)
        jobs = json.loads(text)["sweeps"][0]["jobs"]
        self.assertEqual([job["state"] for job in jobs], ["done"] * 4)
        self.assertEqual([a["interrupted"] for a in jobs[0]["attempts"]], [True, False])

    def test_a_detached_sweep_is_collected_later(self):
        path = write(self.board, JOB_FILE)
        done = self.board.ctl("submit", path, "--detach", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({job["state"] for job in json.loads(done.stdout)["sweeps"][0]["jobs"]}, {"on board"})
        done = self.board.ctl("submit", path, "--wait", "--json", *QUICK)
        self.assertEqual({job["state"] for job in json.loads(done.stdout)["sweeps"][0]["jobs"]}, {"done"})

    def test_what_run_writes_and_shows_a_job_file_does_too(self):
        path = write(self.board, JOB_FILE.replace("repetitions = 2", 'outputs = "scores.npy"\nsort = "energy"\nmethod = "integrate"'))
        refused = self.board.ctl("submit", path)
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("outputs needs --wait", refused.stderr)
        refused = self.board.ctl("submit", path, "--wait", "--host", self.board.host, "--host", "unix:/nowhere")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("give one --host", refused.stderr)
        self.assertEqual(self.jobs()["jobs"], [])
        done = self.board.ctl("submit", path, "--wait", "--json")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        for job in json.loads(done.stdout)["sweeps"][0]["jobs"]:
            energies = [op["energy_j"]["VDD_IN"]["mean"] or 0 for op in job["report"]["ops"]]
            self.assertEqual(energies, sorted(energies, reverse=True))
            self.assertEqual(job["report"]["run"]["number"], job["attempts"][-1]["run"])
        scores = [read_npy(self.board.scratch / f"scores.{job}.npy") for job in (1, 2)]
        self.assertEqual(scores[0][0], scores[1][0])
        done = self.board.ctl("submit", path, "--wait", "--sort", "time")
        self.assertEqual(done.stdout.count("± ms"), 2, "a table of operators for each job: " + done.stdout)

    def test_a_network_that_has_changed_since_it_was_planned_is_noticed(self):
        weights = self.board.scratch / "w.bin"
        weights.write_bytes(bytes(4 * 64))
        add = onnx([node("Add", ["x", "w"], ["y"])], [("x", [1, 64])], [("y", [1, 64])],
                   [tensor("w", [1, 64], external="w.bin")])
        model = self.board.scratch / "model.onnx"
        model.write_bytes(add)
        path = write(self.board, JOB_FILE.replace("squeezenet", "model.onnx").replace("threads = [1, 2]", "threads = 1"))
        sent = self.board.ctl("submit", path, "--detach", "--json")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        for file, then in ((weights, b"1" * 256), (model, onnx([node("Relu", ["x"], ["y"])], [("x", [1, 64])], [("y", [1, 64])]))):
            before = file.read_bytes()
            file.write_bytes(then)
            changed = self.board.ctl("submit", path, "--wait")
            self.assertEqual(changed.returncode, 2, changed.stdout + changed.stderr)
            self.assertIn(f"{file}: it has changed since sweep 1 (two) was planned", changed.stderr)
            self.assertIn("--restart", changed.stderr)
            file.write_bytes(before)
        weights.write_bytes(b"1" * 256)
        anew = self.board.ctl("submit", path, "--restart", "--wait", "--json", *QUICK)
        self.assertEqual(json.loads(anew.stdout)["sweeps"][0]["sweep"], 2, anew.stderr)
        self.assertEqual([job["state"] for job in json.loads(anew.stdout)["sweeps"][0]["jobs"]], ["done"] * 2)
        again = self.board.ctl("submit", path, "--json")
        self.assertEqual(json.loads(again.stdout)["sweeps"][0]["sweep"], 3, "the first one is not taken up")

    def test_the_examples_of_the_guides_are_taken(self):
        """Their networks' files are not there, and one repetition is enough to see it."""
        for page in ("jobs", "gate"):
            guide = (pathlib.Path(__file__).parents[2] / "docs" / f"{page}.md").read_text()
            (example,) = re.findall(r"(?m)^    schema = 1\n(?:(?:    .*)?\n)+", guide)
            example = re.sub(r', "models/ours.onnx"|"model.onnx", ', "", textwrap.dedent(example))
            example = re.sub(r"(threads = .*)\b4\b", rf"\g<1>{min(4, os.cpu_count())}", example)
            path = write(self.board, re.sub(r"repetitions = \d+", "repetitions = 1", example), f"{page}.toml")
            done = self.board.ctl("submit", path, "--detach", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual({job["state"] for job in json.loads(done.stdout)["sweeps"][0]["jobs"]}, {"on board"})

    def test_mistakes_in_a_file_are_said_before_anything_is_sent(self):
        for line, said in (("iteration = 3", "line 9"), ('engine = "nosuch"', "nosuch"),
                           ("iterations2 = 3", "line 9"), ('net2 = "a"', "line 9")):
            done = self.board.ctl("submit", write(self.board, JOB_FILE + line + "\n"))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)
        self.assertEqual(self.jobs()["jobs"], [])

    def test_clocks_that_the_board_lacks_are_said_before_anything_is_sent(self):
        clocks = '[[clocks]]\ncpu-freq = "max"\n[[clocks]]\ncpu-freq = "1000MHz"\n'
        path = write(self.board, JOB_FILE + clocks)
        for command in (("submit", path), ("gate", path, path, "--max-increase", "2%", "--runs", "4", "--store", self.board.store)):
            done = self.board.ctl(*command)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("cpu-freq=1000MHz", done.stderr)
            self.assertIn("it has:", done.stderr)
        self.assertEqual(self.jobs()["jobs"], [])
        self.assertEqual(json.loads(self.board.ctl("runs", "--json").stdout)["runs"], [])

    def test_submit_says_why_a_job_failed(self):
        path = write(self.board, 'schema = 1\nname = "n"\nnet = "squeezenet"\niterations = 1000000\n')
        submit = self.board.start_ctl("submit", path, "--wait", "--json")
        self.board.wait_until_measuring()
        os.kill(self.board.worker(), signal.SIGSEGV)
        out, err = submit.communicate(timeout=60)
        self.assertEqual(submit.returncode, 1, err)
        (job,) = json.loads(out)["sweeps"][0]["jobs"]
        self.assertEqual(job["state"], "failed")
        self.assertIn("SIGSEGV", job["error"])
        self.assertRegex(err, r"run 1: failed \(.*SIGSEGV")
        self.assertNotIn("\n", job["error"])

    def test_a_job_is_shown_cancelled_and_fetched(self):
        number = self.board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach").stdout.strip()
        waiting = self.board.ctl("run", "--net", "squeezenet", "--detach", "--priority", "-1").stdout.strip()
        self.board.wait_until_measuring()
        jobs = self.jobs()["jobs"]
        self.assertEqual([job["state"] for job in jobs], ["RUNNING", "QUEUED"])
        self.assertIn("user", jobs[0]["owner"])
        shown = self.board.ctl("job", "show", jobs[1]["id"])
        self.assertIn("QUEUED", shown.stdout)
        refused = self.board.ctl("job", "logs", jobs[0]["id"])
        self.assertEqual(refused.returncode, 4, refused.stderr)
        for job in jobs:
            self.assertEqual(self.board.ctl("job", "cancel", job["id"], "--store", self.board.store).returncode, 0)
        fetched = self.board.ctl("job", "fetch", jobs[0]["id"], "--store", self.board.store)
        self.assertEqual(fetched.returncode, 0, fetched.stderr)
        self.assertIn("CANCELLED", fetched.stdout)
        self.assertEqual([job["id"] for job in self.jobs()["jobs"]], [jobs[1]["id"]])
        self.assertTrue(number and waiting)

    def test_what_was_evicted_is_said_by_every_command_about_it(self):
        self.board.stop()
        self.board.flags += ["--records-quota", "1K"]
        self.board.start()
        for _ in range(3):
            self.board.ctl("run", "--net", "squeezenet", "--iterations", "2", "--detach")
        gone = wait_for(lambda: self.board.json("jobs")["evicted"], 120, "an eviction")[0]["id"]
        wait_for(lambda: self.board.log_text().count(": done") == 3, 120, "the end of all")
        for command in ("show", "logs", "fetch", "cancel"):
            done = self.board.ctl("job", command, gone, "--store", self.board.store)
            self.assertEqual(done.returncode, 4, (command, done.stderr))
            self.assertRegex(done.stderr, rf"run {gone} is no longer on the board: evicted from the board at \d{{4}}-")
        fetched = self.board.ctl("fetch")
        self.assertIn("stays incomplete: evicted from the board at ", fetched.stderr)
        self.assertIn("EVICTED, incomplete", self.board.ctl("runs").stdout)
        stored = {run["id"]: run for run in self.board.json("runs")["runs"]}
        self.assertTrue(stored[gone]["evicted"])
        audit = (pathlib.Path(self.board.state) / "access/audit.log").read_text()
        self.assertIn(f"synergyd: evicting the run {gone} of user root, 0 of ", audit)

    def test_all_jobs_of_a_store_are_cancelled_at_once(self):
        self.board.ctl("submit", write(self.board, JOB_FILE.replace("iterations = 5", "iterations = 1000000")), "--detach")
        self.board.wait_until_measuring()
        subprocess.run([BIN / "synergyctl", "run", "--net", "squeezenet", "--iterations", "1", "--idle", "0", "--detach",
                        "--store", self.board.scratch / "other.db"], env=self.board.environment(), check=True)
        self.assertEqual(self.board.ctl("cancel").returncode, 2)
        ids = [job["id"] for job in self.jobs()["jobs"]]
        done = self.board.ctl("job", "cancel", ids[1], ids[2], "--store", self.board.store)
        self.assertEqual((done.returncode, done.stdout.count("cancelled ")), (0, 2), done.stderr)
        done = self.board.ctl("job", "cancel", "--mine", "--store", self.board.store)
        self.assertEqual((done.returncode, done.stdout.count("cancelled ")), (0, 2), done.stderr)
        wait_for(lambda: {job["state"] for job in self.jobs()["jobs"]} == {"CANCELLED", "DONE"}, 60, "their end")
        self.assertEqual(self.board.log_text().count(": started"), 2, "of those that waited none was begun")
        self.assertIn("nothing to cancel", self.board.ctl("cancel", "--mine").stderr)

    def test_a_lease_is_shown_and_ends_by_itself(self):
        lease = self.board.ctl("lease", "take", "--for", "60")
        self.assertEqual(lease.returncode, 0, lease.stderr)
        self.assertIn("has the board", self.board.ctl("jobs").stdout)
        self.assertEqual(self.jobs()["leases"][0]["id"], lease.stdout.strip())
        for time in ("0", "25h", "soon"):
            self.assertEqual(self.board.ctl("lease", "take", "--for", time).returncode, 2, time)
        refused = self.board.ctl("lease", "take", "--for", "1")
        self.assertEqual(refused.returncode, 4, refused.stderr)
        self.board.ctl("lease", "release", lease.stdout.strip())
        self.assertEqual(self.jobs()["leases"], [])
        self.assertEqual(self.board.ctl("lease", "take", "--for", "200ms").returncode, 0)
        wait_for(lambda: not self.jobs()["leases"], 10, "the end of the lease")


if __name__ == "__main__":
    unittest.main()
