"""Pairing over TCP, roles and revocation, with the programs that a user has."""
import pathlib
import socket
import subprocess
import unittest

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
        return done.stdout.split()[-1]

    def over_tcp(self, *arguments):
        return self.board.ctl(*arguments, "--host", self.tcp)

    def test_from_pairing_to_revocation(self):
        done = self.over_tcp("board")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("not paired", done.stderr)

        code = self.pair()
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
        finally:
            pin.kill()
            pin.wait()
        for line in ("opened a pairing", "paired", "submitting a job squeezenet", "revoked client"):
            self.assertIn(line, audit.read_text())

    def test_an_admin_of_the_socket_opens_a_pairing(self):
        done = self.board.ctl("pair", "--host", self.board.host, "--role", "watch")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^synergyctl pair localhost:\d+ [A-Z2-7]{26}\n$")
        self.assertEqual(self.board.ctl(*done.stdout.split()[1:]).returncode, 0)
        self.assertIn("watch", self.daemon("clients", "list").stdout)
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

    def test_a_watcher_runs_nothing(self):
        self.board.ctl("pair", self.tcp, self.pair("--role", "watch"))
        self.assertEqual(self.over_tcp("board").returncode, 0)
        done = self.over_tcp("run", "--net", "squeezenet", "--iterations", "2")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("needs the role run", done.stderr)
        self.assertEqual(self.board.ctl("unpair", self.tcp).returncode, 0)
        self.assertIn("not paired", self.over_tcp("board").stderr)

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
