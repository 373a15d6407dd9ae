#!/usr/bin/env python3
"""Bar: ./quickstart ends with squeezenet's table: fresh clone and empty cache 20 minutes, warm 60 seconds.

usage: quickstart_bar.py [--cold]     without --cold: this checkout, warm, only
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLD_LIMIT_S, WARM_LIMIT_S = 20 * 60, 60


def quickstart(tree, cache, data):
    env = os.environ | {"XDG_DATA_HOME": str(data)}
    if cache:
        env["XDG_CACHE_HOME"] = str(cache)
        env["CCACHE_DISABLE"] = "1"
    begin = time.monotonic()
    done = subprocess.run([tree / "quickstart"], env=env, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seconds = time.monotonic() - begin
    if done.returncode != 0 or "fire9/expand3x3" not in done.stdout:
        sys.exit(f"quickstart ended with {done.returncode} and no table:\n{done.stderr[-4000:]}")
    return seconds


def report(name, seconds, limit):
    print(f"quickstart {name}: {seconds:.1f} s, bar {limit} s")
    return seconds <= limit


def main():
    ok = True
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        tree, cache = ROOT, None
        if "--cold" in sys.argv[1:]:
            tree, cache = scratch / "synergy", scratch / "cache"
            subprocess.run(["git", "clone", "-q", ROOT, tree], check=True)
            ok &= report("from a fresh clone with an empty cache", quickstart(tree, cache, scratch),
                         COLD_LIMIT_S)
        ok &= report("warm", quickstart(tree, cache, scratch), WARM_LIMIT_S)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
