"""Sampled and normalized methods from outside: published rates, settings, biases, and robust objectives."""

import csv
import json
import math
import os
import pathlib
import statistics
import unittest

import harness
from harness import CliTest, data

SEEDS = range(1, 6)


class SampledTest(CliTest):
    def solve(self, *words, code=0):
        ran = self.run_in_folder("solve", *words, "--threads", "1", "--out", "run", "--force", "--json")
        self.assert_exit(ran, code)
        return ran.json()

    def trace(self):
        with open(self.folder / "run" / "trace.csv", newline="") as file:
            return [{key: float(cell) for key, cell in row.items() if cell}
                    for row in csv.DictReader(file)]


class Rates(SampledTest):
    """Yang et al. (2025): x^p from 1 with gamma = 0.2 / p^(1 - beta)."""

    def descend(self, power, beta, steps):
        gamma = 0.2 / power ** (1 - beta)
        report = self.solve("power", "--exponent", power, "--method", "normalized", "--option",
                            f"stepsize={gamma!r}", "--option", f"exponent={beta!r}", "--max-steps", steps)
        return report, self.trace()

    def test_sublinear_exponents(self):
        for power, beta, exponent in ((4, 0, -2), (4, 1 / 3, -4), (6, 0, -1.5), (6, 2 / 5, -3)):
            with self.subTest(power=power, beta=beta):
                report, trace = self.descend(power, beta, 20000)
                late = [r for r in trace if r["iteration"] >= 10000]
                slope = (math.log(late[-1]["value"] / late[0]["value"])
                         / math.log(late[-1]["iteration"] / late[0]["iteration"]))
                self.assertAlmostEqual(slope, exponent, delta=0.01)
                self.assertEqual(report["outcome"]["steps"], 20000)
                self.assertEqual(report["forecast"]["regime"], "sublinear")
                self.assertAlmostEqual(report["forecast"]["exponent"], exponent, delta=1e-6)

    def test_linear_ratios(self):
        for power, beta, ratio in ((4, 2 / 3, 0.4096), (6, 4 / 5, 0.262144)):
            with self.subTest(power=power):
                report, trace = self.descend(power, beta, 20000)
                values = [r["value"] for r in trace if r["value"] > 1e-280]
                self.assertGreater(len(values), 100)
                for before, after in zip(values, values[1:]):
                    self.assertAlmostEqual(after / before, ratio, delta=1e-9)
                self.assertEqual(report["forecast"]["regime"], "linear")

    def test_out_of_an_exponential_valley(self):
        report = self.solve("cosh", "--method", "normalized", "--option", "stepsize=0.1", "--option",
                            "exponent=1", "--max-steps", "200")
        first = next(r["iteration"] for r in self.trace() if r["value"] < 1e-2)
        self.assertTrue(97 <= first <= 101, first)
        self.assertEqual(report["forecast"]["regime"], "finite")

    def test_no_constant_is_needed(self):
        report = self.solve("cosh", "--method", "normalized", "--target-loss", "1e-6")
        self.assertEqual(report["outcome"]["outcome"], "converged")
        self.assertLess(report["outcome"]["steps"], 200)


class PhaseRetrieval(SampledTest):
    def samples_to(self, method, value):
        """Samples to that value with published settings, over the seeds; infinite where it is not reached."""
        found = []
        for seed in SEEDS:
            report = self.solve("phase-retrieval", "--method", method, "--option", "preset=published",
                                "--seed", seed)
            self.assertLessEqual(report["outcome"]["samples"], 34000)
            found.append(next((r["samples"] for r in self.trace() if r["value"] <= value), math.inf))
        return statistics.median(found)

    def test_published_settings(self):
        self.assertLessEqual(self.samples_to("ian-sgd", 10), 14000)
        fastest = self.samples_to("ian-sgd", 20)
        for method in ("normalized", "nsgd-momentum", "clipped-sgd"):
            self.assertGreater(self.samples_to(method, 20), fastest, method)
        self.assertEqual(self.samples_to("sgd", 20), math.inf)
        self.samples_to("spider", 20)  # keeps its budget

    def test_both_batches_are_paid_for(self):
        report = self.solve("phase-retrieval", "--method", "ian-sgd", "--max-steps", "100", "--option",
                            "batch=10", "--option", "independent-batch=3", "--samples", "200",
                            "--dimension", "10")
        self.assertEqual(report["outcome"]["samples"], 1300)
        self.assertEqual(self.trace()[0]["samples"], 0)

    def test_far_starts_reach_the_noise_floor(self):
        for seed in SEEDS:
            report = self.solve("phase-retrieval", "--option", "start-scale=10", "--seed", seed)
            self.assertLess(report["outcome"]["loss"], 8.5)  # noise 4: a floor of 8
            self.assertEqual(report["outcome"]["outcome"], "converged")

    def test_measured_stepsizes_work(self):
        for method in ("ian-sgd", "clipped-sgd", "normalized", "spider"):
            report = self.solve("phase-retrieval", "--method", method, "--max-steps", "3000", "--seed", "1")
            self.assertLess(report["outcome"]["loss"], 8.5, method)
            decided = {d["what"] for d in report["plan"]["decisions"]}
            self.assertLessEqual({"stepsize", "schedule"}, decided)

    def test_given_data(self):
        """Intensities without noise: the vector comes back up to its sign."""
        truth = [1.0, -2.0, 0.5]
        rows = [[math.sin(3 * i + 5 * j * j + 1) for j in range(3)] for i in range(40)]
        lines = ["a,b,c,intensity"]
        for row in rows:
            inner = sum(a * t for a, t in zip(row, truth))
            lines.append(",".join(repr(v) for v in [*row, inner * inner]))
        self.write("rows.csv", "\n".join(lines) + "\n")
        report = self.solve("phase-retrieval", "--data", "rows.csv", "--seed", "3")
        found = report["solution"]["parameters"]
        sign = math.copysign(1, found[0])
        for a, b in zip(found, truth):
            self.assertAlmostEqual(sign * a, b, delta=1e-6)


class TwoPoint(SampledTest):
    """The answer is 1.2; what divides by its own norm goes to the median -1 instead."""

    def answer(self, method, *words):
        report = self.solve("two-point", "--method", method, "--option", "preset=published", *words)
        self.assertEqual(report["outcome"]["steps"], 40000)
        return report["solution"]["parameters"][0], report

    def test_independence_removes_the_bias(self):
        average, report = self.answer("ian-sgd")
        self.assertTrue(0.9 <= average <= 1.5, average)
        self.assertEqual(report["outcome"]["samples"], 80000)
        self.assertTrue(0.9 <= self.answer("sgd")[0] <= 1.5)

    def test_the_same_batch_is_biased_and_flagged_beforehand(self):
        for method, words in (("normalized", []), ("clipped-sgd", []),
                              ("ian-sgd", ["--option", "independent-batch=0"])):
            with self.subTest(method=method):
                average, report = self.answer(method, *words)
                self.assertLess(average, -0.5)
                self.assertTrue(report["preflight"]["normalization_bias"]["significant"])
                sampling, = [d for d in report["plan"]["decisions"] if d["what"] == "sampling"]
                self.assertEqual(sampling["rejected"][0]["option"], "independent")

    def test_no_bias_where_there_is_none(self):
        report = self.solve("phase-retrieval", "--method", "clipped-sgd", "--max-steps", "10")
        self.assertFalse(report["preflight"]["normalization_bias"]["significant"])


class Robust(SampledTest):
    def setUp(self):
        super().setUp()
        folder = os.environ.get("THALWEG_TEST_DATA")
        self.table = pathlib.Path(folder or "absent") / "life_expectancy" / "life_expectancy.csv"
        if not self.table.exists():
            self.skipTest("life_expectancy is not here: set THALWEG_TEST_DATA")

    def test_all_methods_with_published_settings(self):
        for method in ("sgd", "normalized", "nsgd-momentum", "clipped-sgd", "spider", "ian-sgd"):
            with self.subTest(method=method):
                report = self.solve("dro", "--data", self.table, "--target", "life_expectancy", "--group",
                                    "country_id", "--method", method, "--option", "preset=published")
                self.assertLessEqual(report["outcome"]["samples"], 136000)
                robust = report["robust"]
                self.assertLess(robust["psi"], report["preflight"]["initial_loss"])
                self.assertEqual(robust["groups"], 133)
                self.assertGreater(robust["worst_group_error"], robust["median_group_error"])
                self.assertNotIn("country_id", report["data"]["features"])


class CommandLine(SampledTest):
    def test_misuse(self):
        cases = [
            (["phase-retrieval", "--samples", "0"], 2, "samples"),
            (["phase-retrieval", "--noise", "-1"], 2, "noise"),
            (["power", "--exponent", "1"], 2, "exponent"),
            (["dro"], 2, "--data"),
            (["dro", "--data", data("yacht"), "--target", "resid_resistance", "--divergence", "tv"], 2,
             "divergence"),
            (["two-point", "--option", "preset=published"], 2, "nothing was published"),
            (["two-point", "--method", "sgd", "--option", "preset=other"], 2, "preset"),
            (["phase-retrieval", "--samples", "100000000000"], 4, "memory"),
            (["cosh", "--data", data("yacht")], 2, "data"),
        ]
        for words, code, pattern in cases:
            with self.subTest(words=words):
                self.assert_error(self.run_in_folder("solve", *words), code, pattern)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_float32_is_for_batches_of_networks(self):
        yacht = [data("yacht"), "--target", "resid_resistance", "--precision", "float32"]
        for words in ([], ["--method", "lbfgs"], ["--method", "adam", "--model", "linear"]):
            self.assert_error(self.run_in_folder("train", *yacht, *words), 2, "float32")

    def test_float32_trains_like_double(self):
        errors = []
        for precision in ("double", "float32"):
            ran = self.run_in_folder("train", data("concrete"), "--target", "strength_mpa", "--model", "mlp:16",
                                     "--method", "adam", "--option", "batch=32", "--max-steps", "1500",
                                     "--precision", precision, "--out", precision, "--json")
            self.assert_exit(ran, 0)
            errors.append(ran.json()["outcome"]["train"]["rmse"])
        self.assertNotEqual(errors[0], errors[1])
        self.assertAlmostEqual(errors[0], errors[1], delta=0.02 * errors[0])


if __name__ == "__main__":
    harness.main()
