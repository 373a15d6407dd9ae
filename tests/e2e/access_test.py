"""Pairing over TCP, roles and revocation, with the programs that a user has."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import unittest

import http2
from board import BIN, WHILE_PARENT, Board, wait_for


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Access(unittest.TestCase):
    def setUp(self):
        port = free_port()
        self.tcp = f"localhost:{port}"
        self.board = Board(listen=(f"127.0.0.1:{port}",))
        self.board.start()
        self.addCleanup(self.board.__exit__)

    def daemon(self, *arguments):
        return subprocess.run([BIN / "synergyd", "--state", self.board.state, *arguments],
                              capture_output=True, text=True, timeout=30)

    def pair(self, *flags):
        """The code, taken from the line that the board prints."""
        done = self.daemon("pair", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^synergyctl pair \S+:\d+ [A-Z2-7]{26}\n$")
        self.assertIn("an earlier code that was not used is not valid any more", done.stderr)
        return done.stdout.split()[-1]

    def over_tcp(self, *arguments):
        return self.board.ctl(*arguments, "--host", self.tcp)

    def test_from_pairing_to_revocation(self):
        done = self.over_tcp("board")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("not paired", done.stderr)

        code = self.pair()
        done = self.board.ctl("pair", self.tcp, code, XDG_CONFIG_HOME="/dev/null")
        self.assertEqual(done.returncode, 1, "it could not be stored, so the code is not spent")
        done = self.board.ctl("pair", self.tcp, code)
        self.assertEqual(done.returncode, 0, done.stderr)
        for file in (self.board.scratch / ".config/synergy/boards").iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        done = self.over_tcp("run", "--net", "squeezenet", "--iterations", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.board.ctl("pair", self.tcp, code).returncode, 4, "a code is valid once")

        client = self.daemon("clients", "list").stdout.split()[0]
        audit = pathlib.Path(self.board.state) / "access/audit.log"
        pin = self.board.start_ctl("clocks", "pin", "--host", self.tcp, "--cpu", "1224MHz", "--",
                                   *WHILE_PARENT)
        try:
            wait_for(lambda: "holding the clocks" in audit.read_text(), 20, "a lease on the clocks")
            self.assertEqual(self.daemon("clients", "revoke", client).returncode, 0)
            wait_for(lambda: "releasing the clocks" in audit.read_text(), 20, "the lease's end")
            done = self.over_tcp("board")
            while done.returncode == 0:
                done = self.over_tcp("board")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("revoked", done.stderr)
            self.assertNotIn("ssl", done.stderr.lower())
        finally:
            pin.kill()
            pin.wait()
        for line in ("opened a pairing", "paired", "submitting a job squeezenet", "revoked client"):
            self.assertIn(line, audit.read_text())
        self.assertRegex(audit.read_text(), r"a host: paired .* as client .* from 127\.0\.0\.1")

    def test_a_priority_for_admins_is_refused_before_any_point_is_sent(self):
        self.board.ctl("pair", self.tcp, self.pair())
        job = self.board.scratch / "job.toml"
        job.write_text('schema = 1\nname = "n"\nnet = "squeezenet"\niterations = 2\npriority = [0, 1]\n')
        done = self.over_tcp("submit", job)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("the role admin", done.stderr)
        self.assertEqual(self.board.json("jobs")["jobs"], [])

    def pin_over_tcp(self):
        pin = self.board.start_ctl("clocks", "pin", "--host", self.tcp, "--cpu", "1224MHz", "--", *WHILE_PARENT)
        self.addCleanup(lambda: (pin.kill(), pin.wait(), pin.communicate()))
        wait_for(lambda: self.board.clocks()["lease"], 20, "the lease")
        return pin

    def test_a_job_waits_while_another_client_holds_the_clocks(self):
        self.board.ctl("pair", self.tcp, self.pair())
        pin = self.pin_over_tcp()
        path = self.board.scratch / "pin.toml"
        path.write_text('schema = 1\nname = "n"\nnet = "squeezenet"\niterations = 2\nwarmup = 1\nidle = 0\n'
                        'cpu-freq = ["1224MHz", "max"]\n')
        sweep = self.board.start_ctl("submit", path, "--wait", "--json", "--method", "integrate")
        self.addCleanup(lambda: (sweep.kill(), sweep.wait(), sweep.communicate()))
        job = wait_for(lambda: self.board.json("jobs")["jobs"], 20, "a job that waits")[0]
        self.assertEqual(job["state"], "QUEUED")
        self.assertRegex(job["waits_for"], r"^the clocks of \S+ \([0-9a-f]{4}\)$")
        self.assertIn("waits    the clocks of", self.board.ctl("job", "show", job["id"]).stdout)
        own = self.over_tcp("run", "--net", "squeezenet", "--iterations", "2", "--json")
        self.assertEqual(own.returncode, 0, own.stderr)
        self.assertIn("clocks_held", [notice["code"] for notice in json.loads(own.stdout)["notices"]])
        self.assertEqual({job["state"] for job in self.board.json("jobs")["jobs"]}, {"QUEUED"})
        refused = self.board.ctl("lease", "take", "--for", "60")
        self.assertEqual(refused.returncode, 4, "the board would be measured under somebody's pin")
        self.assertRegex(refused.stderr, r"in use \(it waits for the clocks of \S+ \([0-9a-f]{4}\)\)")
        lease = self.board.start_ctl("lease", "take", "--for", "60", "--wait")
        self.addCleanup(lambda: (lease.kill(), lease.wait(), lease.communicate()))
        wait_for(lambda: self.board.json("jobs")["leases"], 20, "a lease that waits")
        own = self.over_tcp("run", "--net", "squeezenet", "--iterations", "2")
        self.assertEqual(own.returncode, 0, f"who holds the clocks ends what he does with them: {own.stderr}")
        self.assertIsNone(lease.poll())
        pin.kill()
        self.assertRegex(lease.communicate(timeout=60)[0], r"^\w{8}\n$")
        out, err = sweep.communicate(timeout=120)
        self.assertIn("waits for the clocks of", err)
        self.assertEqual([job["state"] for job in json.loads(out)["sweeps"][0]["jobs"]], ["done"] * 2, err)

    def test_nobody_but_an_admin_moves_the_clocks_under_anothers_job(self):
        self.board.ctl("pair", self.tcp, self.pair())
        self.board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        self.board.wait_until_measuring()
        refused = self.board.ctl("clocks", "pin", "--host", self.tcp, "--cpu", "102MHz", "--", "true")
        self.assertEqual(refused.returncode, 4, refused.stderr)
        self.assertIn("runs a job of user root", refused.stderr)
        self.board.ctl("job", "cancel", self.board.json("jobs")["jobs"][0]["id"])
        others = self.board.start_ctl("run", "--host", self.tcp, "--net", "squeezenet", "--iterations", "1000000")
        self.board.wait_until_measuring()
        self.assertEqual(self.board.ctl("clocks", "pin", "--cpu", "102MHz", "--", "true").returncode, 0)
        others.send_signal(signal.SIGINT)
        others.communicate(timeout=60)
        run = json.loads(self.board.ctl("show", "last", "--json").stdout)
        self.assertNotEqual(run["verdict"], "VALID")
        self.assertRegex(" ".join(run["reasons"]),
                         r"clock_moved: user root: \S+ \(clocks pin -- true\) let go of the clocks")

    def test_watching_ends_when_the_client_is_revoked(self):
        self.board.ctl("pair", self.tcp, self.pair())
        lines = self.board.start_ctl("watch", "--host", self.tcp)
        self.assertTrue(lines.stdout.readline())
        self.daemon("clients", "revoke", self.daemon("clients", "list").stdout.split()[0])
        err = lines.communicate(timeout=60)[1]
        self.assertEqual(lines.returncode, 4, err)

    def test_a_host_that_replaces_another_has_its_jobs(self):
        self.board.ctl("pair", self.tcp, self.pair())
        self.over_tcp("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        self.board.wait_until_measuring()
        job = self.board.json("jobs")["jobs"][0]
        old = self.daemon("clients", "list").stdout.split()[0]
        self.assertEqual(self.daemon("pair", "--replaces", "nobody").returncode, 1)
        self.board.ctl("pair", self.tcp, self.pair())
        sent = self.over_tcp("run", "--net", "squeezenet", "--iterations", "2", "--detach")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        own = self.board.json("jobs")["jobs"][1]["id"]
        refused = self.over_tcp("job", "cancel", job["id"], own)
        self.assertEqual(refused.returncode, 4, "without --replaces it is another client's")
        self.assertIn(f"{job['id']} (squeezenet): ", refused.stderr)
        self.assertIn(f"cancelled {own}", refused.stdout, "the others are cancelled all the same")
        self.board.ctl("pair", self.tcp, self.pair("--replaces", old[:6]))
        self.assertRegex(self.daemon("clients", "list").stdout, rf"(?m)^{old} .*\(revoked\)$")
        self.assertEqual(self.board.json("jobs")["jobs"][0]["state"], "RUNNING", "the old one's end is not its jobs'")
        done = self.over_tcp("job", "cancel", job["id"])
        self.assertEqual(done.returncode, 0, done.stderr)
        fetched = self.over_tcp("job", "fetch", job["id"], "--store", self.board.store)
        self.assertEqual(fetched.returncode, 0, fetched.stderr)

    def test_strangers_are_in_the_audit_log(self):
        audit = pathlib.Path(self.board.state) / "access/audit.log"
        for said, why in ((b"GET / HTTP/1.1\r\n\r\n", "neither TLS nor a pairing"),
                          (b"\x16\x03\x01garbage that is no handshake", "TLS failed")):
            with socket.create_connection(("127.0.0.1", int(self.tcp.split(":")[1]))) as stranger:
                stranger.sendall(said)
                wait_for(lambda: audit.exists() and why in audit.read_text(), 20, why)
        self.assertIn("a stranger: connecting from 127.0.0.1", audit.read_text())
        self.assertEqual(self.board.ctl("pair", self.tcp, self.pair()).returncode, 0)
        before = audit.read_text().count("a stranger")
        self.assertEqual(self.over_tcp("board").returncode, 0)
        self.assertEqual(self.board.ctl("jobs", "--host", self.tcp).returncode, 0)
        self.assertEqual(audit.read_text().count("a stranger"), before, "who makes a call is known")
        self.daemon("clients", "revoke", self.daemon("clients", "list").stdout.split()[0])
        wait_for(lambda: self.over_tcp("board").returncode == 4, 20, "the refusal")
        self.assertRegex(audit.read_text(), r"revoked\): calling over TLS: refused")

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.board.front()}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def attack(self, connections):
        # What gets a thread at once and waits for its message, what waits for it without one, what there is not.
        methods = ("UploadObject", "FollowJob", "ListJobs", "Nothing")
        attackers = [threading.Thread(target=http2.open_and_reset, args=(connection, method, 20_000))
                     for connection, method in zip(connections, methods)]
        for attacker in attackers:
            attacker.start()
        return attackers

    def test_calls_that_are_reset_at_once_do_not_fill_the_memory(self):
        port = int(self.tcp.split(":")[1])
        self.board.ctl("pair", self.tcp, self.pair())
        certificate = http2.certificate_of(self.board, self.board.scratch / "attacker.pem")
        own = self.daemon("clients", "list").stdout.split()[0]
        shutil.rmtree(self.board.scratch / ".config")
        self.board.ctl("pair", self.tcp, self.pair())  # another client
        front = self.board.front()
        connections = [http2.connect(port, certificate) for _ in range(8)]
        for connection in connections:
            self.addCleanup(connection.close)
            self.assertTrue(http2.begin(connection))
        for attacker in self.attack(connections[:4]):
            done = self.over_tcp("board")
            self.assertEqual(done.returncode, 0, done.stderr + "while somebody else fills the board with calls")
            attacker.join()
        # Revoked: what it has open already does no more, and it gets no further connection.
        self.assertEqual(self.daemon("clients", "revoke", own).returncode, 0)
        attackers = self.attack(connections[4:])
        wait_for(lambda: "calling over TLS: refused" in self.try_late(port, certificate), 20, "the refusal of its TLS")
        for attacker in attackers:
            attacker.join()
        self.assertEqual(self.try_late(port, certificate).count("HTTP/2"), 0)
        self.assertEqual(self.over_tcp("board").returncode, 0)
        self.assertEqual((self.board.process.poll(), self.board.front()), (None, front))
        self.assertLess(self.peak_mb(), 400)

    def try_late(self, port, certificate):
        """Knocks with a certificate; what the audit log says, and whether HTTP/2 was spoken."""
        spoken = b""
        try:
            with http2.connect(port, certificate) as late:
                spoken = http2.begin(late)
        except OSError:
            pass  # closed without a word
        audit = (pathlib.Path(self.board.state) / "access/audit.log").read_text()
        return audit + ("HTTP/2" if spoken else "")

    def test_an_admin_of_the_socket_opens_a_pairing(self):
        done = self.board.ctl("pair", "--host", self.board.host, "--role", "watch")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^synergyctl pair localhost:\d+ [A-Z2-7]{26}\n$")
        self.assertIn("an earlier code that was not used is not valid any more", done.stderr)
        paired = self.board.ctl(*done.stdout.split()[1:])
        self.assertEqual(paired.returncode, 0)
        self.assertNotIn("another client", paired.stderr)
        self.assertIn("this host is another client", self.board.ctl("pair", self.tcp, self.pair("--role", "watch")).stderr)
        self.assertEqual(self.daemon("clients", "list").stdout.count("watch"), 2)
        devices = self.board.json("devices", "--wait", "0")["devices"]
        self.assertEqual([(d["host"], d["role"], d["found"]) for d in devices], [(self.tcp, "watch", False)])
        done = self.board.ctl("pair", "--host", self.tcp)
        self.assertEqual(done.returncode, 4)
        self.assertIn("needs the role admin", done.stderr)
        self.assertEqual(self.board.ctl("pair").returncode, 2)

    def test_a_daemon_without_usable_credentials_does_not_start(self):
        self.board.stop()
        (pathlib.Path(self.board.state) / "access/board.key").write_text("")
        done = self.daemon("--board", "sim:jetson-tx1", "--listen", self.board.host, "--listen", self.tcp)
        self.assertEqual(done.returncode, 1)
        self.assertIn("certificates", done.stderr)
        self.assertNotIn("listening on", done.stderr)

    def test_a_daemon_without_credentials_listens_on_no_network(self):
        self.board.stop()
        shutil.rmtree(pathlib.Path(self.board.state) / "access")
        listen = ("--board", "sim:jetson-tx1", "--listen", self.board.host, "--listen", self.board.listen[1])
        done = self.daemon(*listen)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"^\[.*this board has no certificates.*`synergyd credentials --state \S+`\n$")
        done = self.daemon("credentials")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.board.start()
        self.assertEqual(self.board.ctl("pair", self.tcp, self.pair()).returncode, 0)
        self.assertIn(self.board.json("board")["board_id"], done.stdout)

    @unittest.skipIf(os.geteuid() != 0, "needs root to become somebody else")
    def test_a_user_who_may_only_watch_sees_no_zeros_for_what_is_hidden(self):
        self.board.socket.chmod(0o666)
        job = self.board.start_ctl("run", "--net", "squeezenet", "--iterations", "100000")
        self.board.wait_until_measuring(2)
        with tempfile.TemporaryDirectory() as folder:
            ctl = shutil.copy(BIN / "synergyctl", folder)
            os.chmod(folder, 0o777)

            def watch(*args):
                return subprocess.run([ctl, *args], capture_output=True, text=True, user=65534, group=65534, extra_groups=[],
                                      cwd=folder, env=self.board.environment(HOME=folder))
            listed = json.loads(watch("jobs", "--json").stdout)["jobs"]
            for shown in (listed[0], json.loads(watch("job", "show", listed[0]["id"], "--json").stdout),
                          json.loads(watch("board", "--json").stdout)["jobs"][0]):
                self.assertEqual([shown[key] for key in ("iteration", "chunks", "acknowledged")], [None] * 3)
            self.assertIn("not shown to the role watch", watch("job", "show", listed[0]["id"]).stdout)
            self.assertIn("iterations are not shown to the role watch", watch("board").stdout)
            (pathlib.Path(folder) / "job.toml").write_text('schema = 1\nname = "n"\nnet = "squeezenet"\n')
            done = watch("submit", "job.toml", "--store", "store.db")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("needs the role run", done.stderr)
            with contextlib.closing(sqlite3.connect(pathlib.Path(folder) / "store.db")) as stored:
                self.assertEqual(stored.execute("SELECT count(*) FROM sweeps").fetchone(), (0,))
        mine = json.loads(self.board.ctl("jobs", "--json").stdout)["jobs"][0]
        self.assertIsNotNone(mine["iteration"], "as before for who may run")
        job.kill()
        job.communicate()

    def test_a_watcher_runs_nothing(self):
        self.board.ctl("pair", self.tcp, self.pair("--role", "watch"))
        self.assertEqual(self.over_tcp("board").returncode, 0)
        done = self.over_tcp("run", "--net", "squeezenet", "--iterations", "2")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("needs the role run", done.stderr)
        path = self.board.scratch / "job.toml"
        path.write_text('schema = 1\nname = "n"\nnet = "squeezenet"\n')
        done = self.over_tcp("submit", path)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("needs the role run", done.stderr)
        with contextlib.closing(sqlite3.connect(self.board.store)) as stored:
            self.assertEqual(stored.execute("SELECT count(*) FROM sweeps").fetchone(), (0,))
        self.assertEqual(self.board.ctl("unpair", self.tcp).returncode, 0)
        self.assertIn("not paired", self.over_tcp("board").stderr)

    def test_an_admin_sets_quotas_that_outlive_restarts(self):
        self.board.flags += ["--records-quota", "3M", "--watch-rate", "20"]
        self.board.stop()
        self.board.start()
        self.board.ctl("pair", self.tcp, self.pair("--role", "watch"))
        quotas = self.board.json("quota", "--host", self.tcp)
        self.assertEqual(quotas["records"] | {"used_bytes": 0},
                         {"limit_bytes": 3 << 20, "default_bytes": 3 << 20, "set_by_admin": False, "used_bytes": 0})
        refused = self.over_tcp("quota", "--jobs", "1")
        self.assertEqual(refused.returncode, 4)
        self.assertIn("needs the role admin", refused.stderr)
        for flags in (("--jobs", "0"), ("--jobs", "-1"), ("--records", "2"), ("--records", "-1"), ("--objects", "lots"),
                      ("--watch-rate", "nan"), ("--watch-rate", "101")):
            done = self.board.ctl("quota", *flags)
            self.assertEqual(done.returncode, 2, (flags, done.stderr))
        self.assertEqual(self.board.json("quota"), quotas, "nothing of that was done")

        done = self.board.ctl("quota", "--records", "2GiB", "--jobs", "1", "--watch-rate", "5")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"2\.00 GiB +an admin \(without: 3\.0 MiB\)")
        self.board.stop()
        self.board.start()
        self.assertIn("quotas that an admin has set", self.board.log_text())
        quotas = self.board.json("quota")
        self.assertEqual((quotas["records"]["limit_bytes"], quotas["watch_rate"]["limit_hz"]), (2 << 30, 5))
        self.board.ctl("run", "--net", "squeezenet", "--iterations", "1000000", "--detach")
        self.board.wait_until_measuring()
        run = ("run", "--net", "squeezenet", "--iterations", "2", "--detach")
        self.assertEqual(self.board.ctl(*run).returncode, 0)
        done = self.board.ctl(*run)
        self.assertEqual(done.returncode, 4)
        self.assertIn("synergyctl quota", done.stderr)
        self.assertEqual(self.board.json("quota")["jobs_per_client"]["used"], 1)
        quotas = self.board.json("quota", "--reset", "--objects", "5MiB")
        self.assertEqual((quotas["records"]["limit_bytes"], quotas["jobs_per_client"]["limit"]), (3 << 20, 64))
        self.assertEqual((quotas["watch_rate"]["limit_hz"], quotas["objects"]["limit_bytes"]), (20, 5 << 20))
        audit = (pathlib.Path(self.board.state) / "access/audit.log").read_text()
        self.assertIn("setting quotas back, then objects_bytes: 5242880", audit)

    def test_pairing_in_a_wrong_folder_leaves_nothing_there(self):
        wrong = self.board.scratch / "wrong"
        wrong.mkdir()
        for command in (("pair",), ("clients", "list")):
            done = subprocess.run([BIN / "synergyd", *command, "--state", wrong], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--state", done.stderr)
        self.assertEqual(list(wrong.iterdir()), [])

    def test_a_wrong_code_is_told_from_a_wrong_board(self):
        code = self.pair()
        other = code[:-1] + ("A" if code[-1] != "A" else "B")
        done = self.board.ctl("pair", self.tcp, other)
        self.assertEqual(done.returncode, 4)
        self.assertIn("The code is wrong", done.stderr)
        other = ("A" if code[0] != "A" else "B") + code[1:]
        self.assertIn("does not have the key", self.board.ctl("pair", self.tcp, other).stderr)
        self.assertEqual(self.board.ctl("pair", self.tcp, "short").returncode, 2)


if __name__ == "__main__":
    unittest.main()
