"""What goes wrong is said clearly, with the right exit code, and nothing is lost."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

from board import BIN, Board, alive, processes, wait_for

LONG = ("run", "--net", "squeezenet", "--iterations", "100000")
SHORT = ("run", "--net", "squeezenet1.1", "--iterations", "3")


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)

    def refused(self, code, text, *args, board=None, **extra):
        done = (board or self.board).ctl(*args, **extra)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")

    def assert_works(self, board=None):
        done = (board or self.board).ctl(*SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_unknown_net_suggests_the_nearest(self):
        self.refused(2, "squeezenet", "run", "--net", "sqeezenet")

    def test_unknown_engine_suggests_the_nearest(self):
        self.refused(2, "caffe2-eigen", "run", "--net", "squeezenet", "--engine", "caffe2-eigne")

    def test_zero_iterations(self):
        self.refused(2, "iterations", "run", "--net", "squeezenet", "--iterations", "0")

    def test_too_many_threads(self):
        self.refused(2, "threads", "run", "--net", "squeezenet", "--threads", "4000")

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs a second CPU")
    def test_more_threads_than_the_engine_has(self):
        self.refused(2, "engine caffe2-eigen runs one thread; asked for 2: use --engine caffe2-openblas",
                     "run", "--net", "squeezenet", "--engine", "caffe2-eigen", "--threads", "2")
        limits = {e["name"]: e["max_threads"] for e in self.board.json("board")["engine_details"]}
        self.assertEqual(limits["caffe2-eigen"], 1)

    def test_daemon_not_running(self):
        self.refused(3, "synergyd", *SHORT, "--host", "unix:/nonexistent/synergyd.sock")

    def test_unresolvable_host(self):
        self.refused(3, "no-such-board.invalid", *SHORT, "--host", "no-such-board.invalid")

    def test_unknown_run(self):
        self.refused(2, "nosuchrun", "show", "nosuchrun")

    @unittest.skipIf(os.geteuid() != 0, "needs root to become somebody else")
    def test_socket_without_permission(self):
        env = self.board.environment(HOME="/tmp")
        with tempfile.TemporaryDirectory() as folder:
            ctl = shutil.copy(BIN / "synergyctl", folder)
            os.chmod(folder, 0o755)
            done = subprocess.run(
                [ctl, "board"], capture_output=True, text=True, env=env, user=65534, group=65534,
                extra_groups=[])
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("ermission", done.stderr)

    def test_newer_store(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "store.db"
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA user_version = 9999")
            done = subprocess.run([BIN / "synergyctl", "runs", "--store", path], capture_output=True,
                                  text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("newer", done.stderr)
            with sqlite3.connect(path) as db:
                self.assertEqual(db.execute("PRAGMA user_version").fetchone()[0], 9999)

    def test_worker_crash_names_signal_and_operator(self):
        client = self.board.start_ctl(*LONG)
        worker = self.board.worker()
        self.board.wait_until_measuring()
        os.kill(worker, signal.SIGSEGV)
        _, err = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 5, err)
        self.assertIn("SIGSEGV", err)
        self.assert_works()

    def test_worker_hang_ends_at_the_time_limit(self):
        client = self.board.start_ctl(*LONG, "--time-limit", "4")
        worker = self.board.worker()
        self.board.wait_until_measuring()
        os.kill(worker, signal.SIGSTOP)
        _, err = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 5, err)
        self.assertIn("time limit", err)
        self.assertFalse(alive(worker))
        self.assert_works()

    def test_front_killed_while_measuring(self):
        client = self.board.start_ctl("run", "--net", "squeezenet", "--iterations", "150", "--json")
        self.board.wait_until_measuring()
        before = self.board.front()
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: any(p != before for p in processes("synergyd-front", self.board.process.pid)),
                 10, "the front's return")
        out, err = client.communicate(timeout=60)
        if client.returncode != 0:  # the stream broke: the next contact completes the run
            done = self.board.ctl("fetch")
            self.assertEqual(done.returncode, 0, done.stderr)
            out = self.board.ctl("show", "last", "--json").stdout
        run = json.loads(out)
        self.assertEqual(run["run"]["iterations"], 150, err)
        self.assertTrue(all(op["executions"] == 150 for op in run["ops"]))

    def test_client_killed_resumes_at_the_next_contact(self):
        client = self.board.start_ctl("run", "--net", "squeezenet", "--iterations", "120")
        self.board.wait_until_measuring()
        client.kill()
        client.communicate()
        done = self.board.ctl("fetch", timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        run = json.loads(self.board.ctl("show", "last", "--json").stdout)
        self.assertTrue(all(op["executions"] == 120 for op in run["ops"]))

    def test_client_killed_before_it_had_entered_its_run(self):
        self.assert_works()  # there is a store
        with sqlite3.connect(self.board.store) as db:
            before = db.execute("SELECT count(*) FROM runs").fetchone()[0]
            # Whoever enters a run does not come to an end with it.
            db.executescript("""
                CREATE VIEW endless AS
                  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
                CREATE TRIGGER hold BEFORE INSERT ON runs BEGIN SELECT count(*) FROM endless; END""")
        known = {j["id"] for j in self.board.json("board")["jobs"]}
        client = self.board.start_ctl(*SHORT)
        try:
            wait_for(lambda: {j["id"] for j in self.board.json("board")["jobs"]} - known, 30,
                     "the board's acceptance")
        finally:
            client.kill()
            client.communicate()
            with sqlite3.connect(self.board.store) as db:
                db.executescript("DROP TRIGGER hold; DROP VIEW endless")
        with sqlite3.connect(self.board.store) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM runs").fetchone()[0], before)
            self.assertEqual(db.execute("SELECT count(*) FROM submissions").fetchone()[0], 1)
        done = self.board.ctl("fetch", timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("found on the board again", done.stderr)
        self.assertNotIn("--all", done.stderr)
        run = json.loads(self.board.ctl("show", "last", "--json").stdout)
        self.assertTrue(all(op["executions"] == 3 for op in run["ops"]))
        with sqlite3.connect(self.board.store) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM runs").fetchone()[0], before + 1)
            self.assertEqual(db.execute("SELECT count(*) FROM submissions").fetchone()[0], 0)

    def test_the_job_of_a_killed_client_holds_up_no_other_command_and_can_be_cancelled(self):
        client = self.board.start_ctl(*LONG)
        self.board.wait_until_measuring()
        client.kill()
        client.communicate()
        orphan = self.board.json("runs")["runs"][-1]
        pruned = self.board.ctl("runs", "prune", "--incomplete")
        self.assertEqual(pruned.returncode, 0, pruned.stderr)
        self.assertIn(f"run {orphan['number']} stays: its job has not ended", pruned.stderr)
        self.assertIn(f"synergyctl cancel {orphan['number']}", pruned.stderr)
        later = self.board.start_ctl(*SHORT)

        def queued():
            jobs = self.board.json("board")["jobs"]
            return [j for j in jobs if j["state"] == "QUEUED"]

        wait_for(queued, 20, "the later job's place in the queue")
        done = self.board.ctl("cancel", str(orphan["number"]))
        self.assertEqual(done.returncode, 0, done.stderr)
        _, err = later.communicate(timeout=60)
        self.assertEqual(later.returncode, 0, err)
        self.assertIn(f"synergyctl cancel {orphan['number']}", err)
        runs = {r["id"]: r for r in self.board.json("runs")["runs"]}
        self.assertEqual(runs[orphan["id"]]["state"], "CANCELLED")
        self.assertTrue(runs[orphan["id"]]["complete"], "the later command brought its records")
        self.assertEqual(self.board.ctl("cancel", orphan["id"]).returncode, 4)

    def test_interrupt_cancels_and_keeps_what_came(self):
        client = self.board.start_ctl(*LONG)
        worker = self.board.worker()
        self.board.wait_until_measuring()
        client.send_signal(signal.SIGINT)
        _, err = client.communicate(timeout=20)
        self.assertEqual(client.returncode, 130, err)
        wait_for(lambda: not alive(worker), 5, "the worker's end")
        shown = self.board.ctl("show", "last")
        self.assertIn(shown.returncode, (0, 5), shown.stderr)
        self.assertIn("squeezenet", shown.stdout)
        self.assert_works()


class Daemon(unittest.TestCase):
    def test_sigterm_ends_within_two_seconds_with_records_kept(self):
        with Board() as board:
            client = board.start_ctl(*LONG)
            board.wait_until_measuring()
            code, seconds = board.stop()
            self.assertEqual(code, 0)
            self.assertLess(seconds, 2.0)
            _, err = client.communicate(timeout=30)
            self.assertNotEqual(client.returncode, 0, err)
            board.start()
            done = board.ctl("fetch")
            self.assertEqual(done.returncode, 0, done.stderr)
            run = json.loads(board.ctl("show", "last", "--json").stdout)
            self.assertTrue(all(op["executions"] > 0 for op in run["ops"]))

    def test_killed_daemon_closes_the_run_at_the_next_start(self):
        with Board() as board:
            client = board.start_ctl(*LONG)
            worker = board.worker()
            board.wait_until_measuring()
            board.stop(signal.SIGKILL)
            self.assertFalse(alive(worker))
            client.communicate(timeout=30)
            board.start()
            done = board.ctl("fetch")
            self.assertEqual(done.returncode, 0, done.stderr)
            shown = board.ctl("show", "last")
            self.assertIn("daemon stopped", shown.stdout + shown.stderr)

    def test_engines_come_and_go_while_the_daemon_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            for program in BIN.glob("synergy*"):
                (pathlib.Path(folder) / program.name).symlink_to(program.resolve())
            engine = pathlib.Path(folder) / "synergy-worker-caffe2-eigen"
            run = (*SHORT, "--engine", "caffe2-eigen")
            with Board(libexec=folder) as board:
                self.assertIn("caffe2-eigen", board.json("board")["engines"])
                engine.unlink()
                refused = board.ctl(*run)
                self.assertEqual(refused.returncode, 4, refused.stdout + refused.stderr)
                self.assertIn(f"its program was removed from {folder}", refused.stderr)
                described = board.json("board")
                self.assertEqual(described["engines"], ["caffe2-openblas"])
                self.assertEqual(described["jobs"], [])
                engine.symlink_to((BIN / engine.name).resolve())
                done = board.ctl(*run)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("caffe2-eigen", board.json("board")["engines"])
                later = pathlib.Path(folder) / "synergy-worker-later"
                later.symlink_to("/bin/false")
                refused = board.ctl(*SHORT, "--engine", "later")
                self.assertEqual(refused.returncode, 4, refused.stderr)
                self.assertIn("exited with code 1", refused.stderr)

    def test_auto_never_simulates(self):
        with Board(board="auto") as board:
            rails = json.loads(board.ctl("board", "--json").stdout)["rails"]
            if rails:
                self.skipTest("this machine has sensors")
            done = board.ctl(*SHORT)
            self.assertEqual(done.returncode, 4)
            self.assertIn("--board sim:jetson-tx1", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "needs root to mount a small disk")
    def test_full_disk_on_the_device(self):
        with tempfile.TemporaryDirectory() as disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
            try:
                with Board(state=pathlib.Path(disk) / "state") as board:
                    (pathlib.Path(disk) / "ballast").write_bytes(b"x" * 700_000)
                    done = board.ctl("run", "--net", "squeezenet", "--iterations", "2000", timeout=120)
                    self.assertIn(done.returncode, (4, 5), done.stderr)
                    self.assertIn("space", done.stderr)
                    (pathlib.Path(disk) / "ballast").unlink()
                    self.assertEqual(board.ctl("board").returncode, 0)
            finally:
                subprocess.run(["umount", disk], check=True)

    @unittest.skipIf(os.geteuid() != 0, "needs root to mount a small disk")
    def test_full_disk_on_the_host(self):
        with tempfile.TemporaryDirectory() as disk, Board() as board:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
            try:
                whole = board.store
                board.store = pathlib.Path(disk) / "store.db"
                done = board.ctl("run", "--net", "squeezenet", "--iterations", "300", timeout=120)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("full", done.stderr)
                board.store = whole
                self.assertEqual(board.ctl(*SHORT).returncode, 0)
            finally:
                subprocess.run(["umount", disk], check=True)


if __name__ == "__main__":
    unittest.main()
