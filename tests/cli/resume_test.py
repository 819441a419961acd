"""SIGKILL at random moments, then resume: the same model.safetensors, byte for byte."""

import json
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest

import harness
from harness import CliTest, data, thalweg

KILLS = 2

# A second or two, most of them: long enough to be killed in the middle.
REGRESSIONS = {
    "adapted-flow": ["--model", "mlp:300", "--target-loss", "1e-9"],
    "levenberg-marquardt": ["--model", "mlp:40,40", "--max-steps", "400"],
    "adam": ["--model", "mlp:32,32", "--max-steps", "16000"],
    "lbfgs": ["--model", "mlp:32,32", "--max-steps", "7000"],
}
# With stepsizes that keep the loss oscillating; newton goes on to where the loss underflows.
CLASSIFICATIONS = {
    "large-step": ["--option", "eta=30", "--max-steps", "120000"],
    "large-step-adaptive": ["--option", "eta=5", "--max-steps", "32000"],
    "sgd": ["--option", "eta=0.5", "--option", "batch=4", "--max-steps", "8000"],
    "newton": ["--max-steps", "2000"],
}


def recorded_steps(out):
    """Steps in the trace of a checkpoint; 0 where there is none."""
    try:
        content = (out / "checkpoint.safetensors").read_bytes()
    except FileNotFoundError:
        return 0
    size, = struct.unpack_from("<Q", content)
    return json.loads(content[8:8 + size])["trace/iteration"]["shape"][0] - 1


class Killed(CliTest):
    def words(self, method, threads, out):
        if method in REGRESSIONS:
            problem = [self.table, "--target", "strength_mpa", *REGRESSIONS[method]]
        else:
            problem = [data("breast_cancer"), "--target", "benign", "--model", "linear",
                       *CLASSIFICATIONS[method]]
        return ["train", *map(str, problem), "--method", method, "--threads", str(threads),
                "--seed", "3", "--out", str(out), "--quiet"]

    def setUp(self):
        super().setUp()
        lines = data("concrete").read_text().splitlines()
        self.table = self.folder / "part.csv"
        self.table.write_text("\n".join(lines[:61]) + "\n")

    def kill_after(self, words, out, seconds, midway):
        """Starts a run and kills it, `midway` not before a step is in the checkpoint; True when it
        was still running."""
        process = subprocess.Popen([harness.BINARY, *words], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        moment = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() >= moment and (not midway or recorded_steps(out) > 0):
                process.send_signal(signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.002)
        return False

    def finish(self, out, words):
        """Resumes to the end, or starts again where nothing had been written; which of them."""
        ran = thalweg("resume", out)
        if ran.code != 3:
            return ran, True
        self.assertIn("nothing was written yet", ran.err)
        return thalweg(*words, "--force"), False

    def check(self, method, threads):
        whole = self.folder / "whole"
        began = time.monotonic()
        reference = thalweg(*self.words(method, threads, whole))
        duration = time.monotonic() - began
        self.assertIn(reference.code, (0, 5), reference.err)
        expected = (whole / "model.safetensors").read_bytes()
        rng = random.Random(f"{method} {threads}")
        killed = midway = resumed = 0
        for kill in range(KILLS):
            out = self.folder / f"cut{kill}"
            words = self.words(method, threads, out)
            # One kill each in the first, second, ... part of the run.
            moment = duration * (kill + rng.random()) / KILLS
            killed += self.kill_after(words, out, moment, midway=kill % 2 == 1)
            midway += recorded_steps(out) > 0
            ran, had_begun = self.finish(out, words)
            resumed += had_begun
            with self.subTest(kill=kill):
                self.assertEqual(ran.code, reference.code, ran.err)
                self.assertEqual((out / "model.safetensors").read_bytes(), expected)
                reports = [json.loads((f / "report.json").read_text())["outcome"]
                           for f in (whole, out)]
                for report in reports:
                    report.pop("seconds")
                self.assertEqual(reports[0], reports[1])
            shutil.rmtree(out)
        print(f"{method}, {threads} threads: {killed} of {KILLS} killed while running, "
              f"{resumed} resumed, {midway} of them after some steps, {duration:.2f} s")
        self.assertGreater(killed, 0, "no kill met a running process: the run is too short")
        self.assertGreater(resumed, 0, "every kill came before the first checkpoint")
        self.assertGreater(midway, 0, "every checkpoint was that of the start")


def add_tests():
    for method in REGRESSIONS | CLASSIFICATIONS:
        for threads in (1, 2):
            def test(self, method=method, threads=threads):
                self.check(method, threads)
            setattr(Killed, f"test_{method.replace('-', '_')}_threads_{threads}", test)


class Interrupted(CliTest):
    """Ctrl-C: exit 130, best point written; resume goes on to the same end."""

    def test_interrupt_then_resume(self):
        words = ["train", str(data("concrete")), "--target", "strength_mpa", "--method", "adam",
                 "--model", "mlp:16", "--max-steps", "1500", "--quiet", "--out"]
        whole, cut = self.folder / "whole", self.folder / "cut"
        self.assert_exit(thalweg(*words, whole), 0)
        process = subprocess.Popen([harness.BINARY, *words, str(cut)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        while not (cut / "checkpoint.safetensors").exists() and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        report = json.loads((cut / "report.json").read_text())
        self.assertEqual(report["outcome"]["outcome"], "interrupted")
        self.assertTrue((cut / "model.safetensors").exists())
        self.assert_exit(thalweg("resume", cut), 0)
        self.assertEqual((cut / "model.safetensors").read_bytes(),
                         (whole / "model.safetensors").read_bytes())

    def test_stdin_is_kept(self):
        content = data("yacht").read_bytes()
        words = ["--target", "resid_resistance", "--method", "adam", "--model", "mlp:8",
                 "--max-steps", "300"]
        ran = thalweg("train", "-", *words, "--out", self.folder / "o", stdin=content)
        self.assert_exit(ran, 0)
        model = (self.folder / "o/model.safetensors").read_bytes()
        (self.folder / "o/report.json").unlink()
        (self.folder / "o/model.safetensors").unlink()
        self.assert_exit(thalweg("resume", self.folder / "o"), 0)
        self.assertEqual((self.folder / "o/model.safetensors").read_bytes(), model)

    def test_resume_of_a_finished_run_changes_nothing(self):
        words = ["train", str(data("yacht")), "--target", "resid_resistance", "--model", "mlp:4",
                 "--method", "gd", "--target-loss", "1e-9", "--max-steps", "20"]
        first = thalweg(*words, "--out", self.folder / "o")
        self.assert_exit(first, 5)
        def files():
            return {p.name: (p.read_bytes(), p.stat().st_mtime_ns)
                    for p in (self.folder / "o").iterdir()}

        before = files()
        self.assert_exit(thalweg("resume", self.folder / "o"), 5)
        self.assertEqual(files(), before)


def take_arguments(rest):
    global KILLS
    if "--kills" in rest:
        at = rest.index("--kills")
        KILLS = int(rest[at + 1])
        rest = rest[:at] + rest[at + 2:]
    return rest


if __name__ == "__main__":
    add_tests()
    harness.main(take_arguments)
