"""deploy/ci: each template parses, and its shell lines work against the simulated board."""
import os
import pathlib
import re
import subprocess
import unittest
import xml.etree.ElementTree

import yaml

from board import BIN, Board

CI = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "ci"


def github():
    document = yaml.safe_load((CI / "github-actions.yml").read_text())
    assert document[True] == "pull_request", "on: is what YAML 1.1 reads as true"
    job = document["jobs"]["gate"]
    assert "concurrency" not in document and "concurrency" not in job, "it drops older runs that wait"
    return job["env"], [step["run"] for step in job["steps"] if "run" in step]


def gitlab():
    job = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["energy"]
    assert job["artifacts"]["reports"]["junit"] == "energy.xml"
    return job["variables"], job["script"]


def jenkins():
    text = (CI / "Jenkinsfile").read_text()
    code = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*", "", text, flags=re.S)
    assert "pipeline {" in code and code.count("{") == code.count("}")
    variables = dict(re.findall(r"^\s+(\w+) = '([^']*)'$", text, flags=re.M))
    return variables, [block or line for block, line in re.findall(r"sh (?:'''(.*?)'''|'([^'\n]*)')", text, flags=re.S)]


class CiTemplates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.addClassCleanup(cls.board.__exit__)
        cls.board.__enter__()

    def git(self, folder, *args):
        done = subprocess.run(["git", "-c", "user.name=ci", "-c", "user.email=ci@example.com", *args], cwd=folder,
                              text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def checkout(self, name, job):
        """A clone of a repository with this energy.toml, on a branch of its own."""
        origin, clone = self.board.scratch / f"{name}.origin", self.board.scratch / name
        origin.mkdir()
        self.git(origin, "init", "-q", "-b", "main")
        (origin / "energy.toml").write_text(job)
        self.git(origin, "add", ".")
        self.git(origin, "commit", "-q", "-m", "base")
        self.git(self.board.scratch, "clone", "-q", origin, clone)
        self.git(clone, "checkout", "-q", "-b", "change")
        return clone

    def check(self, template, name, fails=False):
        variables, lines = template
        self.assertEqual(variables["MAX_INCREASE"], "2%")
        # Short runs on a busy machine differ by much.
        job = (CI / "energy.toml").read_text().replace("iterations = 100", "iterations = 10\nidle = 0")
        self.assertIn("idle", job)
        clone = self.checkout(name, job)
        environment = self.board.environment(
            PATH=f"{BIN.resolve()}:{os.environ['PATH']}", XDG_DATA_HOME=str(clone / ".data"), MAX_INCREASE="100%",
            GITHUB_STEP_SUMMARY=str(clone / "summary.md"), GITHUB_BASE_REF="main", CHANGE_TARGET="main",
            CI_MERGE_REQUEST_DIFF_BASE_SHA=self.git(clone, "rev-parse", "origin/main"))

        def shell():
            return subprocess.run(["bash", "-e", "-c", "\n".join(lines)], cwd=clone, env=environment, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True)

        passed = shell()
        self.assertEqual(passed.returncode, 0, passed.stdout + passed.stderr)
        suite = xml.etree.ElementTree.parse(clone / "energy.xml").getroot()
        self.assertEqual((suite.get("failures"), suite.get("errors")), ("0", "0"))
        self.assertTrue(suite.get("name").startswith("SIMULATED energy"), suite.get("name"))
        if not fails:
            return clone, passed, None
        # The same workspace again, with a change of what is measured, which is not what a limit can be said of.
        (clone / "energy.toml").write_text(job + "batch = 8\n")
        refused = shell()
        self.assertEqual(refused.returncode, 2, refused.stdout + refused.stderr)
        self.assertIn("batch differs, 1 and 8", refused.stderr)
        # And with a network of the same name that costs four times as much.
        done = self.board.ctl("models", "export", "resnet34", "--dir", clone / "net")
        self.assertEqual(done.returncode, 0, done.stderr)
        for net in (clone / "net").glob("*.pbtxt"):
            net.write_text(net.read_text().replace('name: "resnet34', 'name: "squeezenet', 1))
        (clone / "energy.toml").write_text(job.replace(
            'net = "squeezenet"', 'net = "net/predict_net.pbtxt"\ninit = "net/init_net.pbtxt"\n'
            'input-shape = "data=1,3,224,224"'))
        failed = shell()
        self.assertEqual(failed.returncode, 1, failed.stdout + failed.stderr)
        suite = xml.etree.ElementTree.parse(clone / "energy.xml").getroot()
        self.assertEqual((suite.get("failures"), suite.get("errors")), ("1", "0"))
        return clone, passed, failed

    def test_github_actions(self):
        clone, passed, failed = self.check(github(), "github", fails=True)
        self.assertIn("::notice title=synergyctl gate PASS (SIMULATED)::", passed.stdout)
        self.assertIn("::error title=synergyctl gate FAIL (SIMULATED)::", failed.stdout)
        summary = (clone / "summary.md").read_text()
        self.assertIn("### PASS: SIMULATED energy", summary)
        self.assertIn("### FAIL: SIMULATED energy", summary)

    def test_gitlab_ci(self):
        self.check(gitlab(), "gitlab")

    def test_jenkins(self):
        self.check(jenkins(), "jenkins")


if __name__ == "__main__":
    unittest.main()
