"""Runs that stand still: what they stand on, in the report and in the last line, also after a kill."""

import json
import signal
import subprocess
import time

import harness
from harness import CliTest, data


class Plateaus(CliTest):
    def report(self, out):
        return json.loads((self.folder / out / "report.json").read_text())

    def test_descent_into_a_saddle(self):
        ran = self.run_in_folder("solve", "strict-saddle", "--dimension", 2, "--method", "gd",
                                 "--option", "stepsize=0.05", "--max-steps", 2000, "--out", "run")
        self.assert_exit(ran, 0)
        report = self.report("run")
        last = report["plateaus"][-1]
        self.assertEqual(last["kind"], "saddle")
        self.assertTrue(last["at_end"])
        self.assertAlmostEqual(last["measured"]["smallest_curvature"], -1, delta=1e-6)
        self.assertEqual(report["outcome"]["reason"]["advice"], last["advice"])
        self.assertIn("escape=on", report["advice"][0])
        self.assertIn("saddle", ran.out)
        # What the advice says helps.
        ran = self.run_in_folder("solve", "strict-saddle", "--dimension", 2, "--method", "gd",
                                 "--option", "stepsize=0.05", "--max-steps", 2000, "--option",
                                 "escape=on", "--out", "escaped")
        self.assert_exit(ran, 0)
        self.assertLess(self.report("escaped")["outcome"]["loss"], 1e-6)

    def test_a_network_at_zero_has_rank_one(self):
        parameters = 8 * 64 + 64 + 64 * 64 + 64 + 64 + 1
        self.write("zero.csv", "0\n" * parameters)
        ran = self.run_in_folder("train", data("concrete"), "--target", "strength_mpa", "--model",
                                 "mlp:64,64", "--method", "levenberg-marquardt", "--init",
                                 "zero.csv", "--out", "run")
        self.assertIn("rank", ran.out)
        report = self.report("run")
        last = report["plateaus"][-1]
        self.assertEqual(last["kind"], "rank-loss")
        self.assertEqual(last["measured"]["rank"], 1)
        self.assertGreater(last["measured"]["rank_nearby"], 1)
        self.assertIn("escape=on", report["outcome"]["reason"]["advice"])

    def test_a_healthy_run_has_none(self):
        ran = self.run_in_folder("train", data("concrete"), "--target", "strength_mpa", "--model",
                                 "mlp:16", "--method", "levenberg-marquardt", "--out", "run")
        self.assertNotIn("plateaus", self.report("run"), ran.out)

    def test_a_killed_run_reports_the_same(self):
        words = ["solve", "strict-saddle", "--dimension", "1000", "--method", "gd", "--option",
                 "stepsize=0.05", "--max-steps", "150000", "--quiet", "--out"]
        whole_code = self.run_in_folder(*words, "whole").code
        process = subprocess.Popen([harness.BINARY, *words, "cut"], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        checkpoint = self.folder / "cut" / "checkpoint.safetensors"
        for _ in range(1000):
            if checkpoint.exists() and checkpoint.stat().st_size > 100_000:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertFalse((self.folder / "cut" / "report.json").exists(), "killed too late")
        self.assertEqual(self.run_in_folder("resume", "cut").code, whole_code)
        whole, cut = self.report("whole"), self.report("cut")
        self.assertEqual(whole["plateaus"], cut["plateaus"])
        self.assertEqual(whole["outcome"]["reason"], cut["outcome"]["reason"])


if __name__ == "__main__":
    harness.main()
