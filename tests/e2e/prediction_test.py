"""fit, evaluate and predict: published tables, and runs of a simulated board in virtual time."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from board import BIN
from browser import CHROMIUM, Browser

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "prediction"
TX1 = ("--csv", str(DATA / "tx1_openblas_networks.csv"), "--map", "energy=energy_mJ*1e-3,network=network,macs=macs")


class Prediction(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = pathlib.Path(cls.scratch.name)
        for net in ("squeezenet", "squeezenet1.1", "resnet18", "mobilenet", "mobilenet_0.5", "googlenet"):
            subprocess.run([BIN.resolve() / "synergy-sim", "--board", "sim:jetson-tx1", "--net", net, "--iterations", "20",
                            "--threads", "4", "--idle", "0.5", "--events", "simd,bus", "-o", net],
                           cwd=cls.folder, check=True, stdout=subprocess.PIPE)
            cls.ctl("import", "--spool", net)

    @classmethod
    def ctl(cls, *args, code=0):
        env = os.environ | {"XDG_DATA_HOME": str(cls.folder), "HOME": str(cls.folder)}
        done = subprocess.run([BIN.resolve() / "synergyctl", *args], cwd=cls.folder, text=True, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != code:
            raise AssertionError(f"{args} ended with {done.returncode}: {done.stderr}")
        return done

    def document(self, *args):
        return json.loads(self.ctl(*args, "--json").stdout)

    def test_published_networks_are_predicted_as_well_as_published(self):
        result = self.document("evaluate", *TX1, "--family", "mac", "--train",
                               "alexnet,resnet50,squeezenet,googlenet,squeezenetRes,vggsmall", "--test",
                               "places,allcnn,inceptionbn")
        (family,) = result["families"]
        self.assertEqual(family["complexity"], 1)
        self.assertEqual([row["network"] for row in family["network_rows"]], ["places", "allcnn", "inceptionbn"])
        self.assertLess(family["networks"]["mean"], 0.063, "of the published model")
        self.assertFalse(result["simulated"])
        left_out = self.document("evaluate", *TX1, "--family", "mac")["families"][0]["networks"]
        self.assertEqual(left_out["count"], 9)
        self.assertLess(left_out["mean"], 0.08)

    def test_published_layers_are_predicted_by_the_other_network(self):
        columns = ("energy=energy_mJ*1e-3,network=network,layer=layer,type=type,macs=macs,flops=flops,bytes=bytes,"
                   "im2col_bytes=im2col_bytes")
        (family,) = self.document("evaluate", "--csv", str(DATA / "tx1_openblas_layers.csv"), "--map", columns,
                                  "--family", "layer-type")["families"]
        self.assertEqual(set(family["by_class"]), {"convolution", "pooling"})
        self.assertEqual(family["networks"]["count"], 2)
        self.assertLess(family["networks"]["worst"], 0.1)
        self.assertLess(family["by_class"]["convolution"]["mean"], 0.2)

    def test_a_family_without_its_features_says_which(self):
        done = self.ctl("evaluate", *TX1, "--family", "counters", code=2)
        self.assertIn("needs the feature bus, simd", done.stderr)
        self.assertEqual(done.stdout, "")
        text = self.ctl("evaluate", *TX1).stdout
        self.assertIn("counters is not evaluated: the family counters needs", text)
        self.assertIn("layer-type is not evaluated: the family layer-type is of operators", text)
        missing = self.document("evaluate", *TX1)["not_evaluated"]
        self.assertEqual([m["family"] for m in missing], ["counters", "chain", "layer-type", "individual", "physical"])
        self.assertIn("needs the feature bus, simd", missing[0]["reason"])

    def test_runs_become_a_model_that_predicts_a_network_that_was_never_run(self):
        self.assertIn("SIMULATED", self.ctl("fit", "--runs", "all", "-o", "text.toml").stdout)
        fitted = self.document("fit", "--runs", "all", "--family", "layer-type", "-o", "model.toml")["model"]
        self.assertEqual(fitted["rail"], "VDD_IN")
        self.assertEqual(fitted["conditions"]["simulated"], "yes")
        self.assertEqual(len(fitted["runs"]), 6)
        predicted = self.document("predict", "--net", "squeezenet_residual", "--model", "model.toml")
        self.assertTrue(predicted["simulated"])
        (network,) = predicted["networks"]
        run = json.loads(self.ctl("show", "1", "--json").stdout)
        (rail,) = [rail for rail in run["energy"] if rail["rail"] == "VDD_IN"]
        self.assertAlmostEqual(network["energy_j"]["mean"] / rail["inference_j"]["mean"], 1, delta=0.15,
                               msg="it is squeezenet with a few sums more")
        self.assertAlmostEqual(sum(op["energy_j"]["mean"] for op in network["ops"]), network["energy_j"]["mean"])
        low, high = network["energy_j"]["interval95"]
        self.assertLess(low, network["energy_j"]["mean"])
        self.assertGreater(high, network["energy_j"]["mean"])
        text = self.ctl("predict", "--net", "vgg19", "--model", "model.toml").stdout
        self.assertIn("SIMULATED", text)
        self.assertIn("bytes", text, "far beyond what was fitted")

    def test_coefficients_at_their_bound_have_no_standard_error(self):
        fitted = self.document("fit", "--runs", "all", "--family", "physical", "-o", "bound.toml")["model"]
        terms = [term for part in fitted["parts"] for term in part["terms"]]
        self.assertTrue(any(term["at_bound"] for term in terms))
        for term in terms:
            self.assertEqual(term["at_bound"], term["coefficient"] == 0)
            self.assertEqual(term["at_bound"], term["standard_error"] is None)
        self.assertRegex(self.ctl("fit", "--runs", "all", "--family", "physical", "-o", "bound.toml").stdout, r"0 \(bound\) +- ")

    def test_another_board_or_clock_warns(self):
        self.ctl("fit", "--runs", "all", "--family", "layer-type", "-o", "warned.toml")
        done = self.ctl("predict", "--net", "nin", "--model", "warned.toml", "--board", "Jetson Nano", "--freq", "3GHz")
        self.assertIn("WARNING: the model was fitted for the board", done.stderr)
        self.assertIn("not at 3 GHz", done.stderr)
        for board in ("sim:jetson-tx1", "NVIDIA Jetson TX1", "NVIDIA Jetson TX1 (simulated)"):
            self.assertEqual(self.ctl("predict", "--net", "nin", "--model", "warned.toml", "--board", board, "--threads", "4").stderr,
                             "", board)
        self.assertIn("for the threads '4', not for '1'",
                      self.ctl("predict", "--net", "nin", "--model", "warned.toml", "--threads", "1").stderr)

    def play(self, store, board, net, *flags):
        spool = f"{board}_{net}_{len(list(self.folder.iterdir()))}"
        subprocess.run([BIN.resolve() / "synergy-sim", "--board", board, "--net", net, "--threads", "4", *flags, "-o", spool],
                       cwd=self.folder, check=True, stdout=subprocess.PIPE)
        self.ctl("import", "--spool", spool, "--store", store)

    def test_clocks_are_those_of_the_classes_that_a_network_has(self):
        store = str(self.folder / "clocks.sqlite")
        for net in ("resnet18", "resnet34", "squeezenet"):
            for clock in ("825.6MHz", "1224MHz"):
                self.play(store, "sim:jetson-tx1", net, "--iterations", "10", "--cpu-freq", clock)
        for net in ("alexnet", "googlenet"):  # with local normalisations
            self.play(store, "sim:jetson-tx1", net, "--iterations", "10", "--cpu-freq", "1224MHz")
        self.ctl("fit", "--runs", "all", "--store", store, "--family", "layer-type", "-o", "clocks.toml")
        predict = ("predict", "--model", "clocks.toml", "--net")
        self.assertIn("say at which one with --freq", self.ctl(*predict, "resnet50", code=2).stderr)
        self.assertEqual(self.ctl(*predict, "resnet50", "--freq", "1GHz").stderr, "")
        self.assertIn("the class local-normalisation at 1.224 GHz alone, not at 1 GHz",
                      self.ctl(*predict, "googlenet", "--freq", "1GHz").stderr)
        self.ctl("fit", "--runs", "all", "--store", store, "--family", "mac", "-o", "no_clock.toml")
        self.assertIn("has no clock among its terms: --freq changes nothing",
                      self.ctl("predict", "--net", "nin", "--model", "no_clock.toml", "--freq", "1GHz").stderr)

    def test_a_fuel_gauges_networks_are_fitted_as_wholes(self):
        store = str(self.folder / "gauge.sqlite")
        for net in ("nin", "squeezenet", "resnet18"):
            self.play(store, "sim:snapdragon-820", net, "--iterations", "600")
        done = self.ctl("fit", "--runs", "all", "--store", store, "--family", "mac", "-o", "gauge.toml", "--json")
        model = json.loads(done.stdout)["model"]
        self.assertEqual(len(model["runs"]), 3)
        self.assertEqual(model["rail"], "battery")
        self.assertTrue(any("could use cores of 1.594 to 2.15 GHz" in note for note in model["notes"]), model["notes"])
        self.assertIn("no run has energies of operators",
                      self.ctl("fit", "--runs", "all", "--store", store, "--family", "layer-type", "-o", "x.toml", code=2).stderr)

    def test_a_board_without_a_rail_of_the_whole_is_asked_for_one(self):
        store = str(self.folder / "orin.sqlite")
        self.play(store, "sim:jetson-agx-orin", "squeezenet", "--iterations", "20")
        args = ("fit", "--runs", "all", "--store", store, "--family", "mac", "-o", "orin.toml")
        self.assertIn("say with --rail which one the energies are of: VDD_GPU_SOC, VDD_CPU_CV", self.ctl(*args, code=2).stderr)
        self.assertIn("fitted to 1 network on VDD_CPU_CV", self.ctl(*args, "--rail", "VDD_CPU_CV").stdout)

    def test_a_tables_own_columns_are_terms_of_individual(self):
        rows = [f"n{net},l{layer},Conv,{1000 + 37 * layer * net},{layer % 5},{1e-3 * (1 + layer % 5)}"
                for net in range(1, 9) for layer in range(20)]
        (self.folder / "own.csv").write_text("\n".join(["net,layer,type,macs,f0,j", *rows]) + "\n")
        args = ("fit", "--csv", "own.csv", "--map", "energy=j,network=net,layer=layer,type=type,macs=macs,f0=f0", "--json", "-o",
                "own.toml", "--family")
        (part,) = json.loads(self.ctl(*args, "individual").stdout)["model"]["parts"]
        (own,) = [term["coefficient"] for term in part["terms"] if term["term"] == "f0"]
        self.assertAlmostEqual(own, 1e-3, delta=1e-4)
        self.assertIn("not used, the family mac has no terms of them: f0", json.loads(self.ctl(*args, "mac").stdout)["model"]["notes"])

    def test_depthwise_networks_are_flagged_by_macs_alone(self):
        self.ctl("fit", "--runs", "1,2,3,6", "--family", "mac", "-o", "mac.toml")
        (network,) = self.document("predict", "--net", "mobilenet_v2", "--model", "mac.toml")["networks"]
        self.assertIn("depthwise_share", network["extrapolates"])

    def test_depthwise_networks_are_not_predicted_without_any_to_fit_to(self):
        self.ctl("fit", "--runs", "1,2,3,6", "--family", "layer-type", "-o", "dense.toml")
        (network,) = self.document("predict", "--net", "mobilenet", "--model", "dense.toml")["networks"]
        self.assertIsNone(network["energy_j"]["mean"])
        self.assertEqual(network["not_predicted"], ["depthwise"])
        known = [op["energy_j"]["mean"] for op in network["ops"] if "not_predicted" not in op]
        self.assertEqual(len(network["ops"]) - len(known), 13)
        self.assertAlmostEqual(network["others_j"], sum(known))
        text = self.ctl("predict", "--net", "mobilenet", "--model", "dense.toml").stdout
        self.assertIn("mobilenet is not predicted: the model was fitted to no operator of the class depthwise; the others take", text)
        self.assertNotIn("not_predicted", self.document("predict", "--net", "nin", "--model", "dense.toml")["networks"][0])

    def test_evaluate_has_all_families_that_runs_allow(self):
        result = self.document("evaluate", "--runs", "all")
        self.assertEqual([f["family"] for f in result["families"]],
                         ["mac", "counters", "chain", "layer-type", "individual", "physical"])
        for family in result["families"]:
            networks = family["networks"]
            self.assertEqual(networks["count"] + networks["unknown"], 6)
            # Of resnet18 alone there are sums, of googlenet local normalisations.
            self.assertEqual(networks["unknown"], 2 if family["operators"]["count"] else 0, family["family"])
        self.assertTrue(result["simulated"])
        self.assertEqual(result["left_out"], "one network at a time")

    def test_an_architecture_is_left_out_with_its_networks(self):
        result = self.document("evaluate", "--runs", "all", "--leave-out", "architecture", "--family", "mac")
        self.assertEqual(result["left_out"], "one architecture at a time")
        self.assertEqual([row["network"] for row in result["families"][0]["network_rows"]],
                         ["squeezenet", "squeezenet1.1", "resnet18", "mobilenet", "mobilenet_0.5", "googlenet"])
        (self.folder / "kinds.csv").write_text("net,kind,macs,j\n" + "".join(
            f"n{i},{kind},{i + 1},{(2 if kind == 'old' else 3) * (i + 1)}\n" for i, kind in enumerate(["old"] * 4 + ["new"] * 4)))
        mapped = ("evaluate", "--csv", "kinds.csv", "--map", "energy=j,network=net,macs=macs,architecture=kind", "--family", "mac")
        (family,) = self.document(*mapped, "--leave-out", "architecture")["families"]
        for row in family["network_rows"]:
            old = int(row["network"][1:]) < 4
            self.assertAlmostEqual(row["predicted_j"]["mean"] / row["measured_j"], 3 / 2 if old else 2 / 3, places=6)
        self.assertIn("excludes", self.ctl(*mapped, "--leave-out", "network", "--k-fold", "2", code=2).stderr)

    def test_counts_of_virtual_time_are_shown_as_modelled(self):
        run = json.loads(self.ctl("show", "1", "--json").stdout)
        self.assertEqual([(e["name"], e["unit"]) for e in run["counters"]["events"]], [("simd", "modelled"), ("bus", "modelled")])
        for op in run["ops"]:
            self.assertEqual(op["counters"]["bus"]["executions"], 20)
            self.assertFalse(op["counters"]["bus"]["scaled"])
        self.assertIn("simd, bus: modelled, no engine ran", self.ctl("show", "1", "--counters").stdout)

    def test_one_run_without_counts_takes_the_counted_ones_from_no_family(self):
        store = self.folder / "mixed.sqlite"
        for net in ("squeezenet", "mobilenet", "googlenet"):
            self.ctl("import", "--spool", net, "--store", str(store))
        subprocess.run([BIN.resolve() / "synergy-sim", "--board", "sim:jetson-tx1", "--net", "nin", "--iterations", "10",
                        "--threads", "4", "--idle", "0.5", "-o", "uncounted"], cwd=self.folder, check=True, stdout=subprocess.PIPE)
        self.ctl("import", "--spool", "uncounted", "--store", str(store))
        note = "left out: 1 of 4 runs, which have no counts of bus and simd: nin (run 4)"
        args = ("evaluate", "--runs", "all", "--store", str(store))
        families = {f["family"]: f for f in self.document(*args)["families"]}
        self.assertIn(note, families["counters"]["notes"])
        self.assertEqual(families["counters"]["networks"]["count"], 3)
        self.assertIn(note, families["chain"]["notes"])
        self.assertEqual(families["mac"]["networks"]["count"], 4)
        self.assertEqual(families["mac"]["notes"], [])
        self.assertIn(note, self.ctl(*args).stdout)
        fitted = self.document("fit", "--runs", "all", "--store", str(store), "--family", "chain", "-o", "mixed.toml")
        self.assertIn(note, fitted["model"]["notes"])

    def test_a_model_of_the_chain_predicts_a_network_that_was_never_counted(self):
        self.ctl("fit", "--runs", "all", "--family", "chain", "-o", "chain.toml")
        (network,) = self.document("predict", "--net", "resnet34", "--model", "chain.toml")["networks"]
        self.assertGreater(network["energy_j"]["mean"], 0)
        self.ctl("fit", "--runs", "all", "--family", "counters", "-o", "counters.toml")
        self.assertIn("needs bus", self.ctl("predict", "--net", "resnet34", "--model", "counters.toml", code=2).stderr)

    def test_temperatures_enter_the_physical_model(self):
        self.ctl("fit", "--runs", "all", "--family", "physical", "-o", "physical.toml")
        args = ("predict", "--net", "resnet34", "--model", "physical.toml", "--json", "--temperature")
        self.assertIn("no CPU runs at that", self.ctl(*args, "nan", code=2).stderr)
        self.assertIn("networks", json.loads(self.ctl(*args, "40").stdout))

    def test_an_evaluation_is_a_page_too(self):
        self.ctl("evaluate", "--runs", "all", "-o", "page.html")
        page = (self.folder / "page.html").read_text()
        self.assertIn("SIMULATED", page)
        self.assertEqual(self.ctl("evaluate", "--runs", "all", "-o", "-").stdout, page)
        self.assertIn("nowhere", self.ctl("evaluate", "--runs", "all", "-o", "nowhere/page.html", code=2).stderr)
        published = self.ctl("evaluate", *TX1, "-o", "published.html", "--json").stdout
        self.assertEqual(json.loads(published)["families"][0]["family"], "mac")
        self.assertIn('"notice":""', (self.folder / "published.html").read_text())

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_a_browser_shows_predicted_against_measured(self):
        self.ctl("evaluate", "--runs", "all", "-o", "shown.html")
        with Browser() as browser:
            browser.open(self.folder / "shown.html")
            self.assertEqual(browser.run("document.documentElement.dataset.ready"), "yes")
            self.assertIn("SIMULATED", browser.run("document.querySelector('.notice').textContent"))
            self.assertEqual(browser.run("document.querySelectorAll('#families figure svg[role=img]').length"), 6)
            self.assertEqual(browser.run("document.querySelectorAll('#families figure svg')[0].querySelectorAll('.point').length"), 6)
            self.assertGreater(browser.run("document.querySelectorAll('#families svg .whisker').length"), 20)
            self.assertEqual(browser.run("document.querySelectorAll('#families table tbody tr').length"), 9)
            self.assertEqual(browser.run("document.querySelectorAll('#family figure svg[role=img]').length"), 0)
            browser.run("(() => { const one = document.querySelector('#family select'); one.value = '3';"
                        "one.dispatchEvent(new Event('change')); })()")
            self.assertIn("layer-type", browser.run("document.querySelector('#family figcaption').textContent"))
            self.assertGreater(browser.run("document.querySelectorAll('#family .point').length"), 100)
            self.assertLessEqual(browser.run("document.documentElement.scrollWidth"), 1280)
            self.assertEqual(browser.complaints, [])
            self.assertEqual([url[:5] for url in browser.requests()], ["file:"])

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_a_browser_shows_which_families_were_not_evaluated_and_why(self):
        self.ctl("evaluate", *TX1, "-o", "missing.html")
        with Browser() as browser:
            browser.open(self.folder / "missing.html")
            shown = json.loads(browser.run("JSON.stringify([...document.querySelectorAll('#families .missing')].map((p) => p.textContent))"))
        missing = self.document("evaluate", *TX1)["not_evaluated"]
        self.assertEqual(len(missing), 5)
        self.assertEqual(shown, [f"{m['family']} is not evaluated: {m['reason']}" for m in missing])

    def test_a_model_goes_to_stdout(self):
        self.ctl("fit", *TX1, "--family", "mac", "-o", "same.toml")
        self.assertEqual(self.ctl("fit", *TX1, "--family", "mac", "-o", "-").stdout, (self.folder / "same.toml").read_text())
        self.assertFalse((self.folder / "-").exists())
        for args in (("fit", *TX1, "--family", "mac"), ("evaluate", *TX1)):
            self.assertIn("both write to stdout", self.ctl(*args, "-o", "-", "--json", code=2).stderr)

    def test_a_degree_is_of_macs_alone(self):
        self.assertIn("of the family mac", self.ctl("fit", *TX1, "--family", "counters", "--degree", "2", "-o", "x.toml", code=2).stderr)
        self.assertIn("of the family mac", self.ctl("evaluate", *TX1, "--family", "chain", "--degree", "2", code=2).stderr)
        self.ctl("evaluate", *TX1, "--degree", "2")

    def test_bad_input_writes_nothing(self):
        (self.folder / "binary.csv").write_bytes(b"net,j\n\x00\x01,1\n")
        self.assertIn("is no table", self.ctl("fit", "--csv", "binary.csv", "--map", "energy=j,network=net", "-o", "x.toml",
                                              code=2).stderr)
        for text, args in (("say where the energies are", ("-o", "x.toml")),
                           ("no run", ("--runs", "99", "-o", "x.toml")),
                           ("excludes", ("--runs", "1", *TX1, "-o", "x.toml")),
                           ("is mapped to the column 'm'", ("--csv", TX1[1], "--map", "energy=m,network=network", "-o", "x.toml")),
                           ("its folder does not exist", (*TX1, "--family", "mac", "-o", "nowhere/x.toml"))):
            done = self.ctl("fit", *args, code=2)
            self.assertIn(text, done.stderr)
        self.assertFalse((self.folder / "x.toml").exists())
        (self.folder / "bad.toml").write_text("version = 1\nfamily = 3\n")
        self.assertIn("bad.toml: line 2", self.ctl("predict", "--net", "nin", "--model", "bad.toml", code=2).stderr)

    @unittest.skipUnless(CHROMIUM, "chromium is not installed (deploy/packages/install browser.txt)")
    def test_hostile_names_are_only_text_in_the_page(self):
        hostile = ("<img src=x onerror=window.hacked=1>", "</script><script>window.hacked=1</script>", "a<!--<script>")
        rows = [f"{net},{layer},Conv,{macs},{macs * 1e-9}" for net in hostile
                for macs, layer in enumerate(hostile, 1000)]
        (self.folder / "hostile.csv").write_text("\n".join(["net,layer,type,macs,j", *rows]) + "\n")
        self.ctl("evaluate", "--csv", "hostile.csv", "--map", "energy=j,network=net,layer=layer,type=type,macs=macs",
                 "--family", "mac,layer-type", "-o", "hostile.html")
        with Browser() as browser:
            browser.open(self.folder / "hostile.html")
            self.assertEqual(browser.run("document.documentElement.dataset.ready"), "yes")
            browser.run("(() => { const one = document.querySelector('#family select'); one.value = '1';"
                        "one.dispatchEvent(new Event('change')); })()")
            self.assertIn(hostile[0], browser.run("document.querySelector('#family').textContent"))
            self.assertEqual(browser.run("typeof window.hacked"), "undefined")
            self.assertEqual(browser.run("document.querySelectorAll('img').length"), 0)
            self.assertEqual(browser.run("document.querySelectorAll('script').length"), 2)
            self.assertEqual(browser.complaints, [])


if __name__ == "__main__":
    unittest.main()
