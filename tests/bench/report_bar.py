#!/usr/bin/env python3
"""Reports in Chromium: how fast a page opens and zooms, and how long its file is.

usage: report_bar.py ITERATIONS FRAMES NET... [--figures FOLDER]

A run of squeezenet of so many iterations in virtual time on the SIMULATED Jetson TX1, a comparison of the networks, and the
first page with a million readings in each of its three rails, zoomed and moved by so many frames. A frame is what the
page's own clock counts from the key until the browser has painted; judged by the median, for other work on the machine delays
single ones, which are stated. --figures: screenshots, for the documentation.
"""
import argparse
import base64
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from browser import CHROMIUM, Browser  # noqa: E402

BIN = pathlib.Path(os.environ["SYNERGY_BIN"]).resolve()
MOST_BYTES, MOST_LOAD_S, MOST_FRAME_MS = 3_000_000, 2.0, 50.0
POINTS = 1_000_000
DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)

FRAMES = """(async () => {
  const plot = document.querySelector("#timeline .plot"), keys = ["+", "+", "+", "ArrowRight", "ArrowLeft", "-", "-", "+", "+", "+", "+",
    "ArrowRight", "+", "+", "ArrowLeft", "-", "-", "-", "-", "Home"], times = [];
  for (let i = 0; i < %d; ++i) {
    times.push(await new Promise((done) => requestAnimationFrame(() => {
      const begin = performance.now(), channel = new MessageChannel();
      plot.dispatchEvent(new KeyboardEvent("keydown", { key: keys[i %% keys.length] }));
      channel.port1.onmessage = () => done(performance.now() - begin); // comes after the frame is painted
      channel.port2.postMessage(0);
    })));
  }
  return times;
})()"""


def varint(value, out):
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def packed(name, seconds):
    """A million readings that move at random, as client/report/page/packed_series.h has them."""
    steady, out, value, interval = random.Random(name), bytearray(), 0, 0
    period = round(seconds * 1e6 / POINTS)
    for _ in range(POINTS):
        now = period + steady.randrange(-5, 6)
        change = now - interval
        interval = now
        step = steady.randrange(-400, 401) - value // 50 + 200
        value += step
        varint(change * 2 if change >= 0 else -change * 2 - 1, out)
        varint(step * 2 if step >= 0 else -step * 2 - 1, out)
    return {"name": name, "step": 0.0005, "count": POINTS, "thinned": 1, "data": base64.b64encode(out).decode()}


def with_a_million(page):
    data = json.loads(DATA.search(page)[2])
    timeline = data["runs"][0]["timeline"]
    timeline["rails"] = [packed(rail["name"], timeline["end_s"]) for rail in timeline["rails"]]
    return DATA.sub(lambda found: found[1] + json.dumps(data).replace("<", "\\u003c") + found[3], page)


class Reports:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = {**os.environ, "XDG_DATA_HOME": folder}
        self.bad = []

    def simulate(self, net, iterations):
        spool = self.folder / f"{net}-{iterations}"
        subprocess.run([BIN / "synergy-sim", "--board", "sim:jetson-tx1", "--net", net, "--iterations", str(iterations),
                        "--seed", "1", "-o", spool], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([BIN / "synergyctl", "import", "--spool", spool], check=True, env=self.env, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def write(self, name, *runs):
        path = self.folder / name
        subprocess.run([BIN / "synergyctl", "report", *runs, "-o", path], check=True, env=self.env)
        return path

    def judge(self, text, value, limit, unit):
        met = value < limit
        print(f"  {text}: {value:.4g} {unit} (less than {limit:.4g}{'' if met else ': NOT MET'})")
        if not met:
            self.bad.append(text)

    def open(self, browser, path, plots, is_judged=True):
        """Once to have what is read from the disk in memory, then timed: the middle one of three."""
        browser.open(path)
        load = statistics.median(browser.open(path) for _ in range(3))
        shown = browser.run("document.querySelectorAll('canvas, figure svg[role=img]').length")
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {shown} plots, {len(browser.complaints)} complaints")
        if browser.complaints or shown < plots or browser.run("document.documentElement.dataset.ready") != "yes":
            self.bad.append(f"{path.name}: {browser.complaints}")
        if is_judged:
            self.judge("load", load, MOST_LOAD_S, "s")
        else:
            print(f"  load: {load:.3g} s")

    def frames(self, browser, count):
        times = sorted(browser.run(FRAMES % count))
        print(f"  {count} zoom frames: 95 % within {times[int(0.95 * (len(times) - 1))]:.1f} ms, worst {times[-1]:.1f} ms")
        self.judge("zoom frame, median", statistics.median(times), MOST_FRAME_MS, "ms")


def figure(browser, path, part, scheme, script="0"):
    browser.media(scheme)
    browser.run(f"{script}; document.querySelector('{part}').scrollIntoView()")
    browser.run("new Promise((done) => setTimeout(done, 300))")
    browser.screenshot(path)


def figures(browser, folder, single, several):
    zoom = "for (let i = 0; i < 8; ++i) document.querySelector('#timeline .plot').dispatchEvent(new KeyboardEvent('keydown', {key: '+'}))"
    browser.open(single)
    figure(browser, folder / "report-timeline.png", "#timeline", "dark", zoom)
    figure(browser, folder / "report-energy.png", "#energy", "light")
    browser.open(several)
    figure(browser, folder / "report-comparison.png", "#comparison .columns", "light")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("iterations", type=int)
    parser.add_argument("frames", type=int)
    parser.add_argument("nets", nargs="+")
    parser.add_argument("--figures", type=pathlib.Path)
    args = parser.parse_args()
    if not CHROMIUM:
        print("report: chromium is not installed: deploy/packages/install browser.txt")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        reports = Reports(folder)
        reports.simulate("squeezenet", args.iterations)
        single = reports.write("single.html", "1")
        reports.open(browser, single, 8)
        reports.judge("file", single.stat().st_size, MOST_BYTES, "bytes")
        reports.frames(browser, args.frames)
        for net in args.nets:
            reports.simulate(net, 20)
        several = reports.write("comparison.html", *map(str, range(2, 2 + len(args.nets))))
        reports.open(browser, several, 12)
        million = reports.folder / "million.html"
        million.write_text(with_a_million(single.read_text()))
        reports.open(browser, million, 8, is_judged=False)
        reports.frames(browser, args.frames)
        if args.figures:
            figures(browser, args.figures, single, several)
    if reports.bad:
        sys.exit(f"report: NOT MET: {'; '.join(reports.bad)}")


if __name__ == "__main__":
    main()
