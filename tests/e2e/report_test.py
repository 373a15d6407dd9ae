"""synergyctl report: the page, and what a browser makes of it."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from board import BIN
from browser import CHROMIUM, Browser

MARKS = "[...document.querySelectorAll('figure')].map((one) => getComputedStyle(one, '::after').content)"
SETTLED = "new Promise((done) => setTimeout(done, 200))"
# Text that would act if any of it became markup, script, a style or an attribute.
HOSTILE = ("<img src=x onerror=window.hacked=1>", "</script><script>window.hacked=1</script>", "\"' onmouseover=window.hacked=1 x=\"",
           "<!--<script>", "javascript:window.hacked=1", "\u202egnp.exe\u2066", "&lt;b&gt; &amp;", "${window.hacked=1}",
           "]]></svg><svg onload=window.hacked=1>", "W" * 40)
# What other programs may send, though import takes no such name.
WORSE = (*HOSTILE, "a\nb\r\n\tc\u2028d", "L" + "o" * 10000 + "ng", "\u05d0\u202e" * 300, "__proto__", "constructor", "")
DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)


def with_hostile_texts(page):
    """The page with another text in the place of each that its data have."""
    data = json.loads(DATA.search(page)[2])
    rails = {rail for run in data["runs"] for rail in run["rail_names"]}
    given = {}

    def other(text):
        return given.setdefault(text, WORSE[len(given) % len(WORSE)] + ("" if len(given) < len(WORSE) else str(len(given))))

    def walk(value, key=None):
        if isinstance(value, dict):
            return {other(name) if name in rails else name: walk(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [walk(one) for one in value]
        return other(value) if isinstance(value, str) and key != "data" else value

    text = json.dumps(walk(data)).replace("<", "\\u003c")
    return DATA.sub(lambda found: found[1] + text + found[3], page)


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def ctl(self, *args, code=0):
        done = subprocess.run([BIN.resolve() / "synergyctl", *args], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={**os.environ, "XDG_DATA_HOME": str(self.folder)})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def simulate(self, net="squeezenet", iterations=3, board="sim:jetson-tx1"):
        spool = f"{board.removeprefix('sim:')}-{net}.spool"
        subprocess.run([BIN.resolve() / "synergy-sim", "--board", board, "--net", net, "--iterations",
                        str(iterations), "--idle", "0.3", "-o", spool], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        self.ctl("import", "--spool", spool)

    def import_hostile(self):
        with open(self.folder / "markers.csv", "w", encoding="utf-8") as file:
            file.write("op,type,iteration,begin_ns,end_ns\n")
            for iteration in range(4):
                for i, name in enumerate(HOSTILE):
                    begin = (iteration * 20 + i + 1) * 50_000_000
                    quoted = '"' + name.replace('"', '""') + '"'
                    file.write(f"{quoted},{quoted},{iteration},{begin},{begin + 40_000_000}\n")
        with open(self.folder / "samples.csv", "w", encoding="utf-8") as file:
            file.write("rail,window_begin_ns,window_end_ns,power_w\n")
            for ms in range(0, 5000, 2):
                file.write(f"<i>rail</i>\u202e,{ms * 1_000_000},{(ms + 2) * 1_000_000},{2 + ms % 100 / 50}\n")
        self.ctl("import", "--samples", "samples.csv", "--markers", "markers.csv", "--net", HOSTILE[0])

    def page(self, *runs):
        self.ctl("report", *(runs or ("last",)), "-o", "page.html")
        return self.folder / "page.html"

    def test_the_page_is_one_file_that_replaces_another_as_a_whole(self):
        self.simulate()
        page = self.page()
        first = page.read_text()
        self.assertIn("SIMULATED", first)
        self.assertLess(len(first), 500_000)
        self.assertEqual(self.ctl("report", "last", "-o", "-").stdout, first)
        for flags, text in ((("99", "-o", "page.html"), "99"), (("last", "-o", "nowhere/page.html"), "nowhere"),
                            (("last", "-o", "."), "."), (("last",), "--output")):
            self.assertIn(text, self.ctl("report", *flags, code=2).stderr)
        self.assertEqual(page.read_text(), first)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith(".synergyctl")], [])

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_a_browser_shows_and_zooms_it_without_a_complaint(self):
        self.simulate()
        with Browser() as browser:
            browser.open(self.page())
            self.assertEqual(browser.run("document.documentElement.dataset.ready"), "yes")
            self.assertIn("SIMULATED", browser.run("document.querySelector('.notice').textContent"))
            self.assertEqual(browser.run(f"[...new Set({MARKS})]"), ['"SIMULATED"'])
            self.assertIn("SUSPECT", browser.run("document.querySelector('.verdict').textContent"))
            self.assertGreaterEqual(browser.run("document.querySelectorAll('#timeline canvas').length"), 1)
            self.assertGreaterEqual(browser.run("document.querySelectorAll('#energy figure svg rect').length"), 40)
            self.assertEqual(browser.run("document.querySelectorAll('#plots figure svg[role=img]').length"), 4)
            self.assertGreaterEqual(browser.run("document.querySelectorAll('#conditions canvas').length"), 2)
            span = "document.querySelector('#timeline [role=status]').textContent"
            whole = browser.run(span)
            key = "document.querySelector('#timeline .plot').dispatchEvent(new KeyboardEvent('keydown', {key: '%s'}))"
            for _ in range(3):
                browser.run(key % "+")
            self.assertNotEqual(browser.run(span), whole)
            browser.run(key % "Home")
            self.assertEqual(browser.run(span), whole)
            self.assertEqual(browser.complaints, [])
            self.assertEqual([url[:5] for url in browser.requests()], ["file:"])

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_several_runs_are_compared_and_each_can_be_looked_at(self):
        self.simulate()
        self.simulate("googlenet")
        with Browser() as browser:
            browser.open(self.page("1", "2", "1"))
            rows = "[...document.querySelectorAll('#comparison table')[0].querySelectorAll('tbody tr')].map((tr) => tr.innerText)"
            self.assertEqual(len(browser.run(rows)), 2)
            self.assertEqual(browser.run("document.querySelectorAll('#comparison figure svg[role=img]').length"), 4)
            self.assertIn("Run 1: squeezenet", browser.run("document.querySelector('#run').textContent"))
            browser.run("(() => { const all = document.querySelectorAll('#comparison select'); const one = all[all.length - 1];"
                        "one.value = '1'; one.dispatchEvent(new Event('change')); })()")
            self.assertIn("Run 2: googlenet", browser.run("document.querySelector('#run').textContent"))
            self.assertEqual(browser.complaints, [])

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_a_board_without_a_rail_of_its_whole_is_compared_by_the_sum_of_its_parts(self):
        self.simulate()
        self.simulate(board="sim:jetson-agx-orin")
        parts = "VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0"
        document = json.loads(self.ctl("show", "2", "--json").stdout)["per_inference"]
        self.assertEqual(document["whole"]["name"], parts)
        of_parts = [document["energy_j"][rail]["mean"] for rail in document["whole"]["rails"]]
        self.assertAlmostEqual(document["whole"]["energy_j"]["mean"], sum(of_parts), 9)
        text = self.ctl("show", "2").stdout
        self.assertIn("no rail of this board is known to contain the others; VIN_SYS_5V0 took the most", text)
        with Browser() as browser:
            browser.open(self.page("1", "2"))
            words = browser.run("document.querySelector('#comparison').textContent")
            self.assertIn("Not of the same part of each board: ", words)
            self.assertIn(f"on VDD_IN (module): run 1; {parts} (components, added up): run 2", words)
            row = browser.run("document.querySelectorAll('#comparison table')[0].querySelectorAll('tbody tr')[1].innerText")
            self.assertIn(parts, " ".join(row.split()))
            self.assertEqual(browser.complaints, [])

    def test_runs_without_a_common_rail_say_so_once(self):
        self.simulate()
        self.simulate(board="sim:jetson-agx-orin")
        text = self.ctl("compare", "1", "2", "--force").stdout
        self.assertEqual(text.count("run 2 has no rail VDD_IN, VDD_GPU, VDD_CPU; it has VDD_GPU_SOC"), 1)
        self.assertIn("no rail is one of all these runs: --metric time needs none", text)
        self.assertNotIn("not known alone", text)
        self.assertNotIn("energy on", text)
        self.simulate("mobilenet", board="sim:jetson-nano")
        self.assertIn("run 3 has no rail VDD_IN; it has", self.ctl("compare", "1", "3", "--force", "--rail", "VDD_IN").stdout)

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_a_comparison_says_where_numbers_come_from_and_what_their_intervals_are(self):
        self.simulate()
        self.import_hostile()
        with Browser() as browser:
            browser.open(self.page("1", "2"))
            table = "document.querySelectorAll('#comparison table')[0]"
            origins = f"[...{table}.querySelectorAll('tbody tr')].map((tr) => tr.querySelectorAll('td, th')[3].textContent)"
            self.assertEqual(browser.run(origins), ["SIMULATED", "imported"])
            self.assertIn("95 % interval of the mean of these iterations", browser.run(f"{table}.caption.textContent"))
            mark = "getComputedStyle(%s, '::before').content"
            self.assertIn("SIMULATED", browser.run(mark % f"{table}.caption"))
            self.assertEqual(browser.run(mark % "document.querySelector('.published caption')"), "none")
            self.assertEqual(browser.complaints, [])

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_tables_sort_and_colours_switch(self):
        self.simulate()
        with Browser() as browser:
            browser.open(self.page())
            names = "[...document.querySelectorAll('#energy table')[0].querySelectorAll('tbody th')].map((th) => th.textContent)"
            self.assertEqual(browser.run(names)[0], "conv1")
            button = "[...document.querySelectorAll('#energy table')[0].querySelectorAll('thead button')][1]"
            browser.run(f"{button}.click()")
            self.assertEqual(browser.run(names), sorted(browser.run(names)))
            self.assertEqual(browser.run(f"{button}.parentElement.getAttribute('aria-sort')"), "ascending")
            paper = "getComputedStyle(document.body).backgroundColor"
            browser.media("light")
            light = browser.run(paper)
            browser.media("dark")
            dark = browser.run(paper)
            self.assertNotEqual(light, dark)
            browser.run("document.querySelector('.switch').click()")
            self.assertEqual(browser.run(paper), light)
            browser.run("document.querySelector('.switch').click()")
            self.assertEqual(browser.run(paper), dark)
            browser.media("dark", "print")
            self.assertEqual(browser.run(paper), light)
            self.assertEqual(browser.complaints, [])

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_paper_has_whole_plots_and_whole_tables(self):
        self.simulate()
        self.simulate("mobilenet")
        for runs in ("1",), ("1", "2"):
            self.show_whole_on_paper(self.page(*runs))

    def show_whole_on_paper(self, page):
        with Browser(width=720) as browser:  # as a page between its margins
            browser.open(page)
            browser.media("light", "print")
            widest = ("(() => { const right = (all) => Math.max(...[...document.querySelectorAll(all)].map("
                      "(one) => one.getBoundingClientRect().right)); "
                      "for (const one of document.querySelectorAll('.uplot, .u-wrap')) one.style.width = '3000px'; "
                      "return [right('canvas'), right('table')]; })()")
            for right in browser.run(widest):
                self.assertGreater(right, 100)
                self.assertLessEqual(right, 720)

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_hostile_names_are_only_text(self):
        self.import_hostile()
        with Browser() as browser:
            self.show_unharmed(browser, self.page())
            self.assertEqual(browser.run(f"[...new Set({MARKS})]"), ["none"])  # nothing of it is simulated
            for name in HOSTILE[:5]:
                self.assertIn(name, browser.run("document.body.innerText"))

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_whatever_texts_the_data_have_they_are_only_text(self):
        self.simulate()
        page = self.page()
        page.write_text(with_hostile_texts(page.read_text()))
        with Browser() as browser:
            self.show_unharmed(browser, page)

    def show_unharmed(self, browser, page):
        browser.open(page)
        browser.run(SETTLED)
        self.assertEqual(browser.complaints, [])
        self.assertEqual(browser.run("document.documentElement.dataset.ready"), "yes")
        self.assertEqual(browser.run("typeof window.hacked"), "undefined")
        self.assertEqual(browser.run("document.querySelectorAll('script').length"), 2)
        self.assertEqual(browser.run("document.querySelectorAll('img, i, iframe, a:not([href^=\"#\"])').length"), 0)
        self.assertNotIn("\u202e", browser.run("document.body.innerText"))
        self.assertLess(browser.run("Math.max(...[...document.querySelectorAll('th, td, h1, li, svg text')].map((one) => "
                                    "one.textContent.length))"), 700)
        self.assertLessEqual(browser.run("document.documentElement.scrollWidth"), 1280)
        # No name beside a bar is cut at the picture's left.
        self.assertGreaterEqual(browser.run("Math.min(...[...document.querySelectorAll('svg .bar text')].map((one) => "
                                            "one.getBBox().x))"), 0)
        self.assertGreater(browser.run("document.querySelectorAll('#timeline canvas').length"), 0)


if __name__ == "__main__":
    unittest.main()
