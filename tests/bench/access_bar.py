#!/usr/bin/env python3
"""Random connections to the TCP port of a synergyd: plain garbage, broken TLS, HTTP/2 without TLS, the beginning of a
pairing with garbage behind it, connections that say nothing, and, behind TLS with a paired host's certificate, garbage
instead of HTTP/2 and in its frames. The root process stays untouched, the front lives or was
restarted, a paired client is served afterwards, and both have as many descriptors, and no more memory, than before.
Then that client opens calls and resets them at once, as fast as it can, while another one asks for the board: the front's
memory stays below its limit. Then the client is revoked while it watches over four connections: how long they live on.

usage: access_bar.py [CONNECTIONS]
"""
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import http2  # noqa: E402
from board import BIN, Board, wait_for  # noqa: E402

GROWTH_KB = 8 << 10  # of the front: what gRPC and malloc keep for the next connections
BATCH = 50
BEHIND_TLS = 10  # of a batch
MEMORY_LIMIT_MB = 512  # docs/access.md
RESETS = 100_000  # on each of four connections


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def send_garbage(port, dice):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    garbage = dice.randbytes(dice.randrange(600))
    beginnings = (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x03", b"synergy pair 1\n",
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04", b"synergy pair 1\n\x16\x03\x01")
    try:
        connection.sendall(dice.choice(beginnings) + garbage)
        if dice.random() < 0.3:
            connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # closed already: well done
    return connection


def random_frame(dice):
    """Its length is right, so that what comes after it is parsed, too."""
    return http2.frame(dice.randrange(12), dice.randrange(256), dice.randrange(1 << 31), dice.randbytes(dice.randrange(200)))


def send_garbage_behind_tls(port, certificate, dice):
    """HTTP/2 that never was any, frames that make no sense, and calls with garbage in their frames."""
    connection = http2.connect(port, certificate)
    frames = b"".join(random_frame(dice) for _ in range(dice.randrange(1, 20)))
    settings = http2.frame(http2.SETTINGS, 0, 0)
    call = http2.call(1, "ListJobs") + http2.frame(http2.DATA, 1, 1, dice.randbytes(dice.randrange(1, 100)))
    try:
        connection.sendall(dice.choice((dice.randbytes(600), http2.PREFACE + frames, http2.PREFACE + settings + frames,
                                        http2.PREFACE + settings + call + frames)))
    except OSError:
        pass
    return connection


def rapid_resets(board, port, certificate, asks):
    """The front's largest memory in MB while calls are opened and reset, and how many were."""
    resets = []

    def attack(method):
        connection = http2.connect(port, certificate)
        http2.begin(connection)
        resets.append(http2.open_and_reset(connection, method, RESETS))
        connection.close()

    attackers = [threading.Thread(target=attack, args=(method,))
                 for method in ("UploadObject", "FollowJob", "ListJobs", "Nothing")]
    for attacker in attackers:
        attacker.start()
    while any(attacker.is_alive() for attacker in attackers):
        wait_for(asks, 20, "an answer while somebody else opens and resets calls")
    status = pathlib.Path(f"/proc/{board.front()}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024, sum(resets)


def revocation(board, host):
    """Seconds from the command's start until the last of the revoked client's streams has ended."""
    watching = subprocess.Popen([BIN.parent / "tests/watchers", host, "4", "10"], text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=board.environment())
    watching.stdout.readline()
    time.sleep(1)  # all four have points by now
    listed = subprocess.run([BIN / "synergyd", "clients", "list", "--state", board.state], capture_output=True, text=True,
                            check=True).stdout
    (pairing,) = (board.scratch / ".config/synergy/boards").iterdir()
    own = next(line.split()[0] for line in listed.splitlines() if line.split()[0] in pairing.read_text())
    begin = time.monotonic()
    subprocess.run([BIN / "synergyd", "clients", "revoke", own, "--state", board.state], stdout=subprocess.DEVNULL,
                   check=True)
    for _ in range(4):
        watching.stderr.readline()
    seconds = time.monotonic() - begin
    watching.communicate("", timeout=60)
    return seconds


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    dice = random.Random(1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Board(listen=(f"127.0.0.1:{port}",)) as board:
        host = f"localhost:{port}"

        def serves():
            return board.ctl("board", "--host", host).returncode == 0

        def pair():
            line = subprocess.run([BIN / "synergyd", "pair", "--state", board.state], capture_output=True, text=True,
                                  check=True).stdout
            if board.ctl("pair", host, line.split()[-1]).returncode != 0 or not serves():
                sys.exit("FAILED: no pairing")

        pair()
        certificate = http2.certificate_of(board, board.scratch / "attacker.pem")

        def burst(connections):
            for _ in range(0, connections, BATCH):
                held = [send_garbage(port, dice) for _ in range(BATCH - BEHIND_TLS)]
                held += [send_garbage_behind_tls(port, certificate, dice) for _ in range(BEHIND_TLS)]
                for connection in held:
                    connection.close()

        burst(4 * BATCH)  # what is made once is made now
        root, front = board.process.pid, board.front()
        wait_for(serves, 20, "service after the first connections")
        time.sleep(1)
        before = {pid: (descriptors(pid), memory_kb(pid)) for pid in (root, front)}
        begin = time.monotonic()
        burst(count)
        seconds = time.monotonic() - begin
        wait_for(serves, 20, "service after all connections")
        after_front = board.front()
        restarted = after_front != front
        if not restarted:
            wait_for(lambda: descriptors(front) <= before[front][0] + 2, 30, "the end of the front's descriptors")
        print(f"{count} connections in {seconds:.1f} s; the front {'was restarted' if restarted else 'lived'}")
        for name, pid in (("synergyd", root), *(() if restarted else (("synergyd-front", front),))):
            now = (descriptors(pid), memory_kb(pid))
            print(f"  {name}: descriptors {before[pid][0]} -> {now[0]}, RSS {before[pid][1]} -> {now[1]} kB")
            if now[0] > before[pid][0] + 2 or now[1] > before[pid][1] + GROWTH_KB:
                sys.exit(f"FAILED: {name} has grown")
        shutil.rmtree(board.scratch / ".config")
        pair()
        peak_mb, resets = rapid_resets(board, port, certificate, serves)
        print(f"  {resets} calls opened and reset at once: synergyd-front {peak_mb:.0f} MB at most")
        if peak_mb > MEMORY_LIMIT_MB or descriptors(root) > before[root][0] + 2:
            sys.exit("FAILED: synergyd-front has filled the memory, or synergyd has grown")
        seconds = revocation(board, host)
        print(f"  a revoked client's streams ended {seconds:.2f} s after the command began")
        if seconds > 1:
            sys.exit("FAILED: revocation took more than a second")
        if board.process.poll() is not None:
            sys.exit("FAILED: synergyd has ended")


if __name__ == "__main__":
    main()
