"""Robust losses of regressions, from outside: linear fits against scipy.optimize.least_squares, scales, errors.

The classic tables with known outliers are read from THALWEG_TEST_DATA. scipy is run by whichever Python has it.
"""

import csv
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys

import harness
from harness import CliTest, data

CONSTANTS = {"huber": 1.345, "cauchy": 2.385, "tukey": 4.685}

# Fits y = x b + a with scipy's own losses (Tukey's as a function of s = (r/c)^2), from the mean, and prints the
# fitted values and the objective 1/N sum rho. scipy scales what jac returns in place.
REFERENCE = """
import json, sys
import numpy as np
from scipy.optimize import least_squares
given = json.load(sys.stdin)
x, y = np.array(given["x"]), np.array(given["y"])
z = np.hstack([(x - x.mean(0)) / x.std(0), np.ones((len(y), 1))])
def tukey(s):
    inside = s < 1
    return np.array([np.where(inside, 1 - (1 - s) ** 3, 1) / 3, np.where(inside, (1 - s) ** 2, 0),
                     np.where(inside, -2 * (1 - s), 0)])
loss = tukey if given["loss"] == "tukey" else given["loss"]
spread = y.std()
def residual(b):
    return z @ b - (y - y.mean()) / spread
fit = least_squares(residual, np.zeros(z.shape[1]), jac=lambda b: z.copy(), loss=loss, f_scale=given["scale"],
                    xtol=1e-15, ftol=1e-15, gtol=1e-14, max_nfev=20000)
json.dump({"fitted": list(z @ fit.x * spread + y.mean()), "value": fit.cost / len(y)}, sys.stdout)
"""


def python_with_scipy():
    for candidate in (sys.executable, "/usr/bin/python3"):
        probe = subprocess.run([candidate, "-c", "import scipy.optimize"], check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if probe.returncode == 0:
            return candidate
    return None


PYTHON = python_with_scipy()


def reference(loss, scale, x, y):
    done = subprocess.run([PYTHON, "-c", REFERENCE], check=True, stdout=subprocess.PIPE,
                          input=json.dumps({"loss": loss, "scale": scale, "x": x, "y": y}).encode())
    return json.loads(done.stdout)


def with_outliers(rows=80, seed=5):
    """x in three columns of different units, two targets; every eighth row far above the plane."""
    draw = random.Random(seed)
    x = [[draw.gauss(0, 1), draw.gauss(3, 10), draw.uniform(0, 0.1)] for _ in range(rows)]
    plane = [2 * a - 0.3 * b + 20 * c + 5 for a, b, c in x]
    y = [p + draw.gauss(0, 0.5) + (25 if i % 8 == 0 else 0) for i, p in enumerate(plane)]
    other = [-p + draw.gauss(0, 0.2) + (100 if i % 10 == 3 else 0) for i, p in enumerate(plane)]
    return x, y, other, plane


def as_csv(names, rows):
    return ",".join(names) + "\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows)


def deviation(values):
    """Population standard deviation."""
    return statistics.pstdev(values)


class RobustTest(CliTest):
    def setUp(self):
        super().setUp()
        self.x, self.y, self.other, self.plane = with_outliers()
        self.write("t.csv", as_csv("abcy", [[*x, y] for x, y in zip(self.x, self.y)]))

    def train(self, table, *words, target="y", code=0):
        ran = self.run_in_folder("train", table, "--target", target, "--out", "o", "--force",
                                 "--json", *words)
        self.assert_exit(ran, code)
        return ran.json()

    def predictions(self, table, column=0):
        ran = self.run_in_folder("predict", "o", table)
        self.assert_exit(ran, 0)
        return [float(line.split(",")[column]) for line in ran.out.splitlines()[1:]]

    def parameters(self, folder):
        content = (self.folder / folder / "model.safetensors").read_bytes()
        size, = struct.unpack_from("<Q", content)
        begin, end = json.loads(content[8:8 + size])["parameters"]["data_offsets"]
        return struct.unpack(f"<{(end - begin) // 8}d", content[8 + size + begin:8 + size + end])

    def assert_close(self, found, expected, spread, digits=1e-6):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            self.assertLessEqual(abs(a - b), digits * spread)


@harness.unittest.skipUnless(PYTHON, "no Python here has scipy")
class AgainstScipy(RobustTest):
    def test_every_loss_and_method(self):
        for loss, scale in (("huber", 0.2), ("cauchy", 0.3), ("tukey", 2)):
            expected = reference(loss, scale, self.x, self.y)
            for method in ("levenberg-marquardt", "gauss-newton", "newton", "lbfgs"):
                with self.subTest(loss=loss, method=method):
                    report = self.train("t.csv", "--model", "linear", "--option", f"loss={loss}",
                                        "--option", f"scale={scale}", "--method", method,
                                        "--option", "eps=1e-10")
                    self.assertAlmostEqual(report["outcome"]["loss"] / expected["value"], 1,
                                           delta=1e-9)
                    self.assert_close(self.predictions("t.csv"), expected["fitted"],
                                      deviation(self.y))

    def test_two_targets_share_one_scale(self):
        self.write("t2.csv", as_csv(["a", "b", "c", "y", "o"],
                                    [[*x, y, o] for x, y, o in zip(self.x, self.y, self.other)]))
        report = self.train("t2.csv", "--model", "linear", "--option", "loss=huber", "--option",
                            "scale=0.25", "--option", "eps=1e-10", target="y,o")
        value = 0
        for column, y in enumerate((self.y, self.other)):
            expected = reference("huber", 0.25, self.x, y)
            value += expected["value"]
            self.assert_close(self.predictions("t2.csv", column), expected["fitted"], deviation(y))
        self.assertAlmostEqual(report["outcome"]["loss"] / value, 1, delta=1e-9)

    def test_raw_targets_have_a_scale_in_their_own_unit(self):
        spread = deviation(self.y)
        expected = reference("cauchy", 1.5 / spread, self.x, self.y)
        report = self.train("t.csv", "--model", "linear", "--no-standardize", "--option",
                            "loss=cauchy", "--option", "scale=1.5", "--option", "eps=1e-9")
        self.assertAlmostEqual(report["outcome"]["loss"] / (expected["value"] * spread**2), 1,
                               delta=1e-8)
        self.assert_close(self.predictions("t.csv"), expected["fitted"], spread)

    def test_sparse_tables(self):
        rows = [[round(v, 2) if k != i % 3 else 0 for k, v in enumerate(x)]
                for i, x in enumerate(self.x)]
        self.write("t.svm", "".join(
            f"{y!r} " + " ".join(f"{k + 1}:{v!r}" for k, v in enumerate(row) if v) + "\n"
            for row, y in zip(rows, self.y)))
        expected = reference("huber", 0.3, rows, self.y)
        ran = self.run_in_folder("train", "t.svm", "--option", "loss=huber", "--option",
                                 "scale=0.3", "--option", "eps=1e-10", "--json")
        self.assert_exit(ran, 0)
        self.assertAlmostEqual(ran.json()["outcome"]["loss"] / expected["value"], 1, delta=1e-9)

    def test_classic_tables(self):
        folder = os.environ.get("THALWEG_TEST_DATA")
        tables = sorted(pathlib.Path(folder).glob("robust_classics/*.csv")) if folder else []
        if not tables:
            self.skipTest("robust_classics are not in THALWEG_TEST_DATA")
        for table in tables:
            if table.stem == "NOxEmissions":  # its first column is a group
                continue
            with table.open() as lines:
                names, *rows = list(csv.reader(lines))
            numbers = [[float(cell) for cell in row] for row in rows]
            x, y = [row[:-1] for row in numbers], [row[-1] for row in numbers]
            for loss, scale in (("huber", 0.2), ("cauchy", 0.5)):
                with self.subTest(table=table.stem, loss=loss):
                    expected = reference(loss, scale, x, y)
                    report = self.train(table, "--task", "regression", "--model", "linear",
                                        "--option", f"loss={loss}", "--option", f"scale={scale}",
                                        "--option", "eps=1e-11", target=names[-1])
                    self.assertLessEqual(report["outcome"]["loss"],
                                         expected["value"] * (1 + 1e-9))
                    # Cauchy's loss has several minima: another one has to be lower.
                    if loss == "cauchy" and report["outcome"]["loss"] < 0.999 * expected["value"]:
                        continue
                    self.assert_close(self.predictions(table), expected["fitted"], deviation(y),
                                      1e-4)


class Scales(RobustTest):
    def scale_of(self, report):
        found = [d for d in report["plan"]["decisions"] if d["what"] == "scale"]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def test_the_default_is_the_constant_times_the_median_deviation(self):
        center = statistics.median(self.y)
        spread = 1.482602218505602 * statistics.median(abs(y - center) for y in self.y)
        for loss, constant in CONSTANTS.items():
            for words, unit in (([], deviation(self.y)), (["--no-standardize"], 1)):
                with self.subTest(loss=loss, unit=unit):
                    report = self.train("t.csv", "--model", "linear", "--option", f"loss={loss}",
                                        *words)
                    scale = float(self.scale_of(report)["chosen"])
                    self.assertAlmostEqual(scale / (constant * spread / unit), 1, delta=5e-3)
                    self.assertIn(f"{constant}", self.scale_of(report)["because"])
                    self.assertRegex(report["problem"]["objective"], loss.capitalize())
                    self.assertEqual(report["plan"]["method"], "newton")

    def test_a_given_scale_is_used_and_no_decision(self):
        report = self.train("t.csv", "--model", "linear", "--option", "loss=huber", "--option",
                            "scale=0.375")
        self.assertIsNone(self.scale_of(report))
        self.assertEqual(report["problem"]["objective"], "Huber loss, scale 0.375")

    def test_targets_that_are_mostly_equal_have_the_unit_1(self):
        self.write("e.csv", "x,y\n" + "".join(f"{i},{0.5 if i % 4 else i}\n" for i in range(40)))
        report = self.train("e.csv", "--model", "linear", "--task", "regression", "--option",
                            "loss=huber")
        self.assertEqual(float(self.scale_of(report)["chosen"]), 1.34)  # 1.345 to three digits
        self.assertIn("equal", self.scale_of(report)["because"])

    def test_certify_and_resume_know_the_loss_of_the_run(self):
        for loss in CONSTANTS:
            with self.subTest(loss=loss):
                report = self.train("t.csv", "--model", "linear", "--option", f"loss={loss}")
                ran = self.run_in_folder("certify", "o", "t.csv", "--json")
                self.assert_exit(ran, 0)
                again = ran.json()
                self.assertEqual(again["problem"]["objective"], report["problem"]["objective"])
                for found, claimed in zip(again["certificates"], report["certificates"],
                                          strict=True):
                    self.assertEqual(found["claim"], claimed["claim"])
                    self.assertEqual(found["verdict"], "holds")
                    self.assertAlmostEqual(found["measured"], claimed["measured"], delta=1e-14)
                self.assert_exit(self.run_in_folder("resume", "o"), 0)

    def test_a_killed_run_goes_on_with_the_scale_it_chose(self):
        words = ["train", "t.csv", "--target", "y", "--model", "linear", "--option", "loss=cauchy",
                 "--method", "adam", "--max-steps", "30000"]
        self.assert_exit(self.run_in_folder(*words, "--out", "whole"), 0)
        process = subprocess.Popen([harness.BINARY, *words, "--out", "killed"], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (self.folder / "killed" / "checkpoint.safetensors").exists():
            self.assertIsNone(process.poll())
        process.kill()
        process.wait()
        self.assert_exit(self.run_in_folder("resume", "killed"), 0)
        whole, killed = ((self.folder / name / "model.safetensors").read_bytes()
                         for name in ("whole", "killed"))
        self.assertEqual(whole, killed)

    def test_a_small_scale_is_not_taken_for_a_small_gradient(self):
        report = self.train("t.csv", "--model", "linear", "--option", "loss=huber", "--option",
                            "scale=1e-4")
        self.assertEqual(report["outcome"]["reason"]["criterion"], "gradient-tolerance")
        self.assertGreater(report["outcome"]["steps"], 0)
        # Nearly the least absolute residuals: the plane without the outliers.
        found = self.predictions("t.csv")
        self.assertLess(max(abs(a - b) for a, b in zip(found, self.plane)), 1)


class Networks(RobustTest):
    def test_outliers_are_left_aside(self):
        errors = {}
        for loss in ("", "huber", "cauchy", "tukey"):
            words = ["--option", f"loss={loss}", "--option", "scale=0.3"] if loss else []
            if loss == "tukey":
                words[-1] = "scale=2"
            report = self.train("t.csv", "--model", "mlp:4", "--max-steps", "60", *words)
            self.assertLess(report["outcome"]["loss"], report["forecast"]["initial_loss"])
            # The clean rows alone.
            found = self.predictions("t.csv")
            errors[loss] = statistics.median(abs(a - b) for a, b in zip(found, self.plane))
        for loss in CONSTANTS:
            with self.subTest(loss=loss):
                self.assertLess(errors[loss], errors[""], errors)

    def test_held_back_rows_are_measured_with_the_same_loss(self):
        ran = self.run_in_folder("train", data("yacht"), "--target", "resid_resistance", "--option",
                                 "loss=huber", "--validation", "0.2", "--seed", "1", "--json")
        self.assert_exit(ran, 0)
        self.assertGreater(ran.json()["outcome"]["validation"]["r2"], 0.9)

    def test_no_flow_time_is_promised(self):
        self.write("few.csv", as_csv("abcy", [[*x, y] for x, y in zip(self.x[:6], self.y[:6])]))
        for loss, promised in ((None, True), ("huber", False), ("tukey", False)):
            words = ["--option", f"loss={loss}"] if loss else []
            ran = self.run_in_folder("plan", "few.csv", "--target", "y", "--model", "mlp:16",
                                     "--method", "adapted-flow", "--target-loss", "1e-6", "--json",
                                     *words)
            self.assert_exit(ran, 0)
            self.assertEqual("flow_time" in ran.json()["forecast"], promised, loss)


class Misuse(RobustTest):
    def test_every_misuse_has_its_words(self):
        self.write("c.csv", "a,b,label\n" + "".join(f"{i},{i * i % 7},{'pq'[i % 2]}\n"
                                                   for i in range(12)))
        regression = ["train", "t.csv", "--target", "y", "--model", "linear"]
        classes = ["train", "c.csv", "--target", "label", "--model", "linear"]
        for words, pattern in (
                (regression + ["--option", "loss=hinge"], "loss must be one of.*huber.*tukey"),
                (regression + ["--option", "scale=1"], "scale is for --option loss=huber"),
                (regression + ["--option", "loss=huber", "--option", "scale=0"], "scale.*above 0"),
                (regression + ["--option", "loss=huber", "--option", "scale=-1"], "scale.*above 0"),
                (regression + ["--option", "loss=huber", "--option", "scale=nan"], "scale"),
                (regression + ["--option", "loss=huber", "--option", "scale="], "scale"),
                (regression + ["--option", "loss=huber", "--option", "scale=1e200"], "scale"),
                (regression + ["--option", "loss=exponential"], "exponential.*classes.*huber"),
                (regression + ["--option", "loss=huber", "--option", "regularization=1"],
                 "regularization.*classes"),
                (classes + ["--option", "loss=huber"], "huber.*regressions.*--task regression"),
                (["solve", "nist:Misra1a", "--option", "loss=huber"], "tables.*leave it out"),
                (["solve", "logistic-toy", "--option", "loss=tukey"], "tukey.*regressions"),
        ):
            with self.subTest(words=words):
                self.assert_error(self.run_in_folder(*words), 2, pattern)
        self.assertFalse((self.folder / "thalweg-run").exists())

    def test_a_method_may_have_a_scale_of_its_own(self):
        ran = self.run_in_folder("plan", "t.csv", "--target", "y", "--model", "linear", "--method", "tamed",
                                 "--option", "scale=0.25", "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(float(ran.json()["plan"]["options"]["scale"]), 0.25)

    def test_a_flat_start_is_refused(self):
        # Zero parameters predict the mean: the scale is smaller than the smallest residual there.
        mean, spread = statistics.fmean(self.y), deviation(self.y)
        scale = 0.9 * min(abs(y - mean) for y in self.y) / spread
        words = ["train", "t.csv", "--target", "y", "--model", "linear", "--option", "loss=tukey",
                 "--option", f"scale={scale}", "--out", "t"]
        self.assert_error(self.run_in_folder(*words), 4, "flat.*larger scale.*--init")
        # As advised.
        self.train("t.csv", "--model", "linear", "--option", "loss=huber", "--option", "scale=0.05")
        self.write("init.csv", "".join(f"{p!r}\n" for p in self.parameters("o")))
        ran = self.run_in_folder(*words, "--init", "init.csv", "--json")
        self.assert_exit(ran, 0)
        self.assertLess(ran.json()["outcome"]["loss"], ran.json()["forecast"]["initial_loss"])

    def test_certify_takes_the_loss_of_the_run(self):
        self.train("t.csv", "--model", "linear", "--option", "loss=huber")
        for option in ("loss=cauchy", "scale=1", "damping=fixed"):
            ran = self.run_in_folder("certify", "o", "t.csv", "--option", option)
            self.assert_error(ran, 2, "certify has no --option but eps|scale is for")
        ran = self.run_in_folder("certify", "o", "t.csv", "--option", "eps=1")
        self.assert_exit(ran, 0)


if __name__ == "__main__":
    harness.main()
