"""Built-in problems of sampled methods from outside: data of the user, robust objectives against numpy, files, resume,
schedules, misuse. What was published is repeated in sampled_test.py.

The table life_expectancy is read from THALWEG_TEST_DATA. numpy is run by whichever Python has it.
"""

import csv
import json
import math
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import harness
from harness import CliTest, data

PUBLISHED = {
    "phase-retrieval": ("ian-sgd", "normalized", "nsgd-momentum", "clipped-sgd", "spider", "sgd"),
    "dro": ("ian-sgd", "normalized", "nsgd-momentum", "clipped-sgd", "spider", "sgd"),
}
PRESET = ("--option", "preset=published")

# Worst-case means of a linear regression from their definitions, by sorting the losses, and the root mean squared
# error of each group. Inputs and target are standardized; parameters are the weights, the intercept and eta.
REFERENCE = """
import csv, json, sys
import numpy as np
given = json.load(sys.stdin)
with open(given["file"]) as lines:
    rows = list(csv.DictReader(lines))
def column(name):
    return np.array([float(row[name]) for row in rows])
names = [name for name in rows[0] if name not in (given["target"], given["group"])]
x = np.stack([column(name) for name in names], axis=1)
x = (x - x.mean(0)) / x.std(0)
y = column(given["target"])
y = (y - y.mean()) / y.std()
w = np.array(given["parameters"][:-1])
residual = x @ w[:-1] + w[-1] - y
losses = residual**2 / 2 + given["penalty"] * np.log1p(np.abs(w)).sum()
l, lam, count = np.sort(losses)[::-1], given["lambda"], len(y)
if given["divergence"] == "chi-square":  # sum over the k largest of (l - eta) / (2 lam) + 1 = N
    k = np.arange(1, count + 1)
    etas = np.cumsum(l) / k + 2 * lam * (1 - count / k)
    active = l > etas - 2 * lam
    eta = etas[np.nonzero(active)[0][-1]]
    psi = eta + lam * (np.mean(np.maximum((losses - eta) / (2 * lam) + 1, 0)**2) - 1)
elif given["divergence"] == "kl":
    psi = eta = lam * np.log(np.mean(np.exp((l - l[0]) / lam))) + l[0]
else:
    mass = given["fraction"] * count
    whole = int(mass)
    psi = (l[:whole].sum() + (mass - whole) * l[min(whole, count - 1)]) / mass
    eta = l[min(whole, count - 1)]
groups = np.array([row[given["group"]] for row in rows])
errors = {g: float(np.sqrt(np.mean(residual[groups == g]**2))) for g in set(groups)}
json.dump({"psi": float(psi), "eta": float(eta), "errors": errors,
           "sizes": {g: int((groups == g).sum()) for g in errors}}, sys.stdout)
"""


def python_with_numpy():
    for candidate in (sys.executable, "/usr/bin/python3"):
        probe = subprocess.run([candidate, "-c", "import numpy"], check=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if probe.returncode == 0:
            return candidate
    return None


PYTHON = python_with_numpy()


def reference(**given):
    done = subprocess.run([PYTHON, "-c", REFERENCE], check=True, stdout=subprocess.PIPE,
                          input=json.dumps(given).encode())
    return json.loads(done.stdout)


def life_expectancy():
    folder = os.environ.get("THALWEG_TEST_DATA")
    table = pathlib.Path(folder) / "life_expectancy" / "life_expectancy.csv" if folder else None
    return table if table and table.is_file() else None


def first_below(trace, level, column):
    """What the column says at the first record whose value is at or below level."""
    return next((row[column] for row in trace if row["value"] <= level), math.inf)


class SampledTest(CliTest):
    def solve(self, *words, code=0, out="o", **options):
        shutil.rmtree(self.folder / out, ignore_errors=True)
        ran = self.run_in_folder("solve", *words, "--out", out, "--json", **options)
        self.assert_exit(ran, code)
        report = ran.json()
        self.assertFalse(harness.nulls_in(report))
        self.assertTrue(all(math.isfinite(number) for number in harness.numbers_in(report)))
        return report

    def trace(self, out="o"):
        with (self.folder / out / "trace.csv").open() as lines:
            return [{key: float(cell) for key, cell in row.items() if cell}
                    for row in csv.DictReader(lines)]

    def decision(self, report, what):
        return next((d for d in report["plan"]["decisions"] if d["what"] == what), None)


class Normalized(SampledTest):
    """AN-GD on all samples, or without any."""

    def test_finite_time_and_its_floor(self):
        report = self.solve("cosh", "--method", "normalized", "--option", "exponent=1", "--option",
                            "stepsize=0.1", "--max-steps", 300)
        forecast, trace = report["forecast"], self.trace()
        self.assertEqual(forecast["regime"], "finite")
        self.assertTrue(97 <= first_below(trace, 1e-2, "iteration") <= 101)
        # From then on steps of one length climb and fall, no higher than was foreseen.
        late = [row["value"] for row in trace if row["iteration"] > 110]
        self.assertLessEqual(max(late), forecast["step_floor"])
        self.assertGreater(max(late), 1e-3)

    def test_the_step_from_the_measured_law_falls_at_every_step(self):
        for words in (("cosh",), ("power",), ("phase-retrieval", "--option", "batch=0")):
            with self.subTest(words=words):
                report = self.solve(*words, "--method", "normalized", "--max-steps", 40)
                self.assertIsNone(self.decision(report, "sampling"))  # nothing is sampled
                values = [row["value"] for row in self.trace()]
                self.assertTrue(all(b < a or a == 0 for a, b in zip(values, values[1:])))


class PhaseRetrieval(SampledTest):
    """3000 intensities with noise of 4 (noise floor 8), 100 parameters."""

    def test_the_same_settings_without_the_preset(self):
        """The numbers of the paper with the true gradient, and the step before the run."""
        preset = self.solve("phase-retrieval", "--method", "ian-sgd", *PRESET, "--max-steps", 20)
        chosen = preset["plan"]["options"]
        self.assertAlmostEqual(float(chosen["stepsize"]), 0.3 * 2**(-1 / 3), delta=1e-12)
        self.assertAlmostEqual(float(chosen["exponent"]), 2 / 3, delta=1e-12)
        expected = {"threshold": 4050, "offset": 30, "factor": 2, "batch": 64,
                    "independent-batch": 4}
        self.assertEqual({key: float(chosen[key]) for key in expected}, expected)
        # gd with the same normalization makes the published step: 0.1 of the halved gradient.
        before = self.solve("phase-retrieval", "--method", "normalized", "--option",
                            f"stepsize={0.1 * 2**(-1 / 3)!r}", "--option", "batch=0",
                            "--max-steps", 1)
        self.write("init.csv", "".join(f"{p!r}\n" for p in before["solution"]["parameters"]))
        self.assertAlmostEqual(preset["forecast"]["initial_loss"] / before["outcome"]["loss"], 1,
                               delta=1e-12)
        options = [word for key, text in chosen.items() for word in ("--option", f"{key}={text}")]
        again = self.solve("phase-retrieval", "--method", "ian-sgd", "--init", "init.csv",
                           "--max-steps", 20, *options)
        self.assertAlmostEqual(again["outcome"]["loss"] / preset["outcome"]["loss"], 1, delta=1e-6)

    def test_no_bias_is_found(self):
        report = self.solve("phase-retrieval", "--method", "normalized", "--max-steps", 1)
        bias = report["preflight"]["normalization_bias"]
        self.assertIs(bias["significant"], False)
        self.assertEqual(self.decision(report, "sampling")["chosen"], "same-batch")

    def test_curvature_and_noise_are_measured(self):
        preflight = self.solve("phase-retrieval", "--method", "ian-sgd", "--max-steps",
                               1)["preflight"]
        curvature = preflight["curvature"]
        self.assertGreater(curvature["L1"], 0)
        self.assertGreater(curvature["alpha"], 0.3)
        self.assertGreater(curvature["samples"], 4)
        self.assertGreater(preflight["noise"]["tau1"], 0)
        self.assertGreater(preflight["noise"]["tau2"], 0)

    def test_a_start_at_zero_is_stationary(self):
        report = self.solve("phase-retrieval", "--option", "start-scale=0", "--method", "ian-sgd")
        self.assertEqual(report["outcome"]["outcome"], "converged")
        self.assertEqual(report["outcome"]["steps"], 0)


def intensities(rows, columns, is_complex, seed):
    """A table without noise, and the vector behind it."""
    draw = random.Random(seed)

    def number():
        return complex(draw.gauss(0, 0.7), draw.gauss(0, 0.7) if is_complex else 0)

    truth = [number() for _ in range(columns)]
    lines = []
    for _ in range(rows):
        a = [number() for _ in range(columns)]
        y = abs(sum(x * z for x, z in zip(a, truth)))**2
        cells = [x.real for x in a] + [x.imag for x in a if is_complex] + [y]
        lines.append(",".join(repr(cell) for cell in cells))
    return lines, truth


class Amplitudes(SampledTest):
    """Phase retrieval from CSV."""

    def recovered(self, report, is_complex):
        numbers = report["solution"]["parameters"]
        if not is_complex:
            return [complex(number) for number in numbers]
        half = len(numbers) // 2
        return [complex(*parts) for parts in zip(numbers[:half], numbers[half:])]

    def test_the_truth_up_to_its_phase(self):
        for is_complex in (False, True):
            lines, truth = intensities(150, 6, is_complex, seed=4)
            header = ",".join(f"c{j}" for j in range(lines[0].count(",") + 1))
            self.write("plain.csv", "\n".join(lines) + "\n")
            self.write("titled.csv", header + "\n" + "\r\n".join(lines))
            flag = ["--complex"] if is_complex else []
            found = None
            for name in ("plain.csv", "titled.csv"):
                with self.subTest(complex=is_complex, name=name):
                    report = self.solve("phase-retrieval", "--data", name, *flag)
                    self.assertEqual(report["outcome"]["outcome"], "converged")
                    self.assertLess(report["outcome"]["loss"], 1e-24)
                    z = self.recovered(report, is_complex)
                    turn = sum(a * b.conjugate() for a, b in zip(truth, z))
                    turn /= abs(turn)
                    for a, b in zip(truth, z):
                        self.assertLess(abs(a - turn * b), 1e-10)
                    if found is not None:
                        self.assertEqual(report["solution"]["parameters"], found)
                    found = report["solution"]["parameters"]

    def test_sampled_methods_and_the_preset(self):
        lines, _ = intensities(150, 6, False, seed=5)
        self.write("a.csv", "\n".join(lines) + "\n")
        for method in PUBLISHED["phase-retrieval"]:
            report = self.solve("phase-retrieval", "--data", "a.csv", "--method", method, *PRESET)
            self.assertLessEqual(report["outcome"]["samples"], 34000)
            self.assertLessEqual(report["outcome"]["loss"], report["forecast"]["initial_loss"])

    def test_stdin_and_resume(self):
        lines, _ = intensities(60, 4, False, seed=6)
        self.solve("phase-retrieval", "--data", "-", stdin="\n".join(lines).encode())
        self.assert_exit(self.run_in_folder("resume", "o"), 0)

    def test_misuse(self):
        lines, _ = intensities(8, 3, False, seed=7)
        self.write("good.csv", "\n".join(lines))
        self.write("text.csv", "a,b,y\n1,2,3\n1,x,3\n")
        self.write("empty_cell.csv", "a,b,y\n1,2,3\n4,5,\n")
        self.write("infinite.csv", "a,b,y\n1,2,3\n1,inf,3\n")
        self.write("one_row.csv", "a,b,y\n1,2,3\n")
        self.write("one_column.csv", "y\n1\n2\n")
        self.write("vectors.svm", "1 1:2 2:3\n2 1:1 2:2\n")
        self.write("large.csv", "a,b,y\n1e200,2,3\n1e200,1,3\n")
        for name, code, pattern in (
                ("text.csv", 3, r"text.csv:3:2: no finite number in column 'b'"),
                ("empty_cell.csv", 3, r"empty_cell.csv:3:3: "),
                ("infinite.csv", 3, r"infinite.csv:3:2: "),
                ("one_row.csv", 3, "one row.*at least two"),
                ("one_column.csv", 3, "one column"),
                ("vectors.svm", 3, "CSV"),
                ("absent.csv", 3, "no such file"),
                ("", 3, "name of the file is empty"),
                ("large.csv", 4, "not a finite number")):
            with self.subTest(name=name):
                ran = self.run_in_folder("solve", "phase-retrieval", "--data", name)
                self.assert_error(ran, code, pattern)
        ran = self.run_in_folder("solve", "phase-retrieval", "--data", "good.csv", "--complex")
        self.assert_error(ran, 2, "as many columns of imaginary parts")
        for option in ("samples", "dimension", "noise"):
            ran = self.run_in_folder("solve", "phase-retrieval", "--data", "good.csv",
                                     f"--{option}", "7")
            self.assert_error(ran, 2, f"--{option} is of generated data")
        self.assertFalse((self.folder / "thalweg-run").exists())


class Robust(SampledTest):
    def words(self, table, *words):
        return ("dro", "--data", table, "--target", "life_expectancy", "--group", "year", *words)

    def check(self, table, report, **given):
        robust = report["robust"]
        expected = reference(file=str(table), target="life_expectancy", group="year",
                             parameters=report["solution"]["parameters"],
                             divergence=robust["divergence"], **{"lambda": robust["lambda"]},
                             **given)
        self.assertAlmostEqual(robust["psi"], expected["psi"], delta=1e-9)
        if robust["divergence"] != "cvar":  # where a whole interval is as good
            self.assertAlmostEqual(robust["eta"], expected["eta"], delta=1e-9)
        errors = expected["errors"]
        worst = max(errors, key=errors.get)
        self.assertEqual(robust["groups"], len(errors))
        self.assertEqual(robust["worst_group"], worst)
        self.assertEqual(robust["worst_group_rows"], expected["sizes"][worst])
        self.assertAlmostEqual(robust["worst_group_error"], errors[worst], delta=1e-9)
        self.assertAlmostEqual(robust["median_group_error"], statistics.median(errors.values()),
                               delta=1e-9)
        # The objective is the dual form: above the worst-case mean by what eta is off.
        self.assertGreaterEqual(report["outcome"]["loss"], robust["psi"] - 1e-12)

    def test_life_expectancy_with_published_settings(self):
        table = life_expectancy()
        if not table:
            self.skipTest("life_expectancy is not in THALWEG_TEST_DATA")
        if not PYTHON:
            self.skipTest("no Python here has numpy")
        start = self.solve(*self.words(table, "--method", "sgd", *PRESET, "--max-steps", 0))
        for method in PUBLISHED["dro"]:
            with self.subTest(method=method):
                report = self.solve(*self.words(table, "--method", method, *PRESET))
                self.assertLess(report["robust"]["psi"], start["robust"]["psi"])
                self.assertLessEqual(report["outcome"]["samples"], 136000)
                self.check(table, report, penalty=0.1, fraction=0.1)

    def test_other_divergences_by_default(self):
        table = life_expectancy()
        if not table:
            self.skipTest("life_expectancy is not in THALWEG_TEST_DATA")
        if not PYTHON:
            self.skipTest("no Python here has numpy")
        for divergence, words in (("chi-square", ()), ("kl", ("--option", "lambda=0.5")),
                                  ("cvar", ("--option", "fraction=0.3"))):
            with self.subTest(divergence=divergence):
                report = self.solve(*self.words(table, "--divergence", divergence, *words,
                                                "--option", "penalty=0", "--max-steps", 60))
                self.check(table, report, penalty=0, fraction=0.3)

    def test_groups_of_a_shipped_table(self):
        words = ("dro", "--data", data("yacht"), "--target", "resid_resistance", "--group",
                 "froude", "--option", "lambda=0.2", "--option", "penalty=0")
        means = {over: self.solve(*words, "--option", f"over={over}", "--option", "eps=1e-3")
                 for over in ("samples", "groups")}
        for over, report in means.items():
            self.assertEqual(report["robust"]["groups"], 14)
            self.assertIn("robust", report)
            self.assertLess(report["outcome"]["loss"], report["forecast"]["initial_loss"], over)

    def test_one_group_is_everybody(self):
        lines = ["g,a,y"] + [f"only,{i},{math.sin(i)!r}" for i in range(40)]
        self.write("t.csv", "\n".join(lines))
        report = self.solve("dro", "--data", "t.csv", "--target", "y", "--group", "g",
                            "--method", "ian-sgd", "--max-steps", 50)
        robust = report["robust"]
        self.assertEqual((robust["groups"], robust["worst_group"]), (1, "only"))
        # In standardized units; rmse is in those of the target.
        values = [math.sin(i) for i in range(40)]
        self.assertAlmostEqual(robust["worst_group_error"],
                               report["outcome"]["train"]["rmse"] / statistics.pstdev(values),
                               delta=1e-12)

    def test_larger_nets_and_batches(self):
        """More samples than the blocks a network works in, and a net that memory must be asked for."""
        words = ("dro", "--data", data("concrete"), "--target", "strength_mpa", "--model")
        wide = self.solve(*words, "mlp:300,300", "--method", "adam", "--option", "batch=200",
                          "--max-steps", 20)
        self.assertLess(wide["outcome"]["loss"], wide["forecast"]["initial_loss"])
        ran = self.run_in_folder("solve", *words, "mlp:100000,10000", "--memory-limit", "4G")
        self.assert_error(ran, 4, "over the memory limit")

    def test_a_batch_of_all_samples_is_the_full_gradient(self):
        words = ("dro", "--data", data("concrete"), "--target", "strength_mpa", "--method", "sgd",
                 "--option", "eta=1e-3", "--max-steps", 10, "--option")
        full, batch = (self.solve(*words, f"batch={size}") for size in (0, 1030))
        for a, b in zip(full["solution"]["parameters"], batch["solution"]["parameters"]):
            self.assertAlmostEqual(a, b, delta=1e-9)

    def test_classes(self):
        report = self.solve("dro", "--data", data("breast_cancer"), "--target", "benign",
                            "--method", "ian-sgd", "--max-steps", 200)
        self.assertGreater(report["outcome"]["train"]["accuracy"], 0.9)

    def test_certify_measures_the_worst_case_mean(self):
        table = data("concrete")
        words = ("dro", "--data", table, "--target", "strength_mpa", "--group", "age_days", "--option",
                 "penalty=0", "--option", "lambda=1", "--option", "eps=1e-3")
        self.solve(*words)
        ran = self.run_in_folder("certify", "o", table, "--json")
        self.assert_exit(ran, 0)
        found = ran.json()
        self.assertRegex(found["problem"]["objective"], "worst-case mean")
        self.assertEqual([c["claim"] for c in found["certificates"]],
                         ["first-order", "second-order"])
        self.assertLessEqual(found["certificates"][0]["measured"], 1e-3)
        self.solve(*words, "--max-steps", 2)
        self.assert_exit(self.run_in_folder("certify", "o", table), 7)
        self.write("other.csv", pathlib.Path(table).read_text() + "\n")
        self.assert_error(self.run_in_folder("certify", "o", "other.csv"), 2, "its own rows")

    def test_misuse(self):
        self.write("t.csv", "g,a,y\n" + "".join(f"{'uvw'[i % 3]},{i},{i % 7 + 0.5}\n"
                                               for i in range(30)))
        self.write("gap.csv", "g,a,y\n" + "".join(f"{'u' if i else ''},{i},{i + 0.5}\n"
                                                 for i in range(30)))
        self.write("nan.csv", "g,a,y\n" + "".join(f"{'1' if i != 3 else 'nan'},{i},{i + 0.5}\n"
                                                 for i in range(30)))
        table = ("dro", "--data", "t.csv", "--target", "y", "--group", "g")
        for words, code, pattern in (
                (("dro",), 2, "--data FILE"),
                (("dro", "--target", "y"), 2, "--data FILE"),
                (("dro", "--data", "t.csv"), 2, "--target"),
                (("dro", "--data", "absent.csv", "--target", "y"), 3, "no such file"),
                (table + ("--divergence", "tv"), 2, "chi-square, kl, cvar"),
                (("dro", "--data", "t.csv", "--target", "y", "--group", "h"), 2, "no column 'h'"),
                (("dro", "--data", "t.csv", "--target", "y", "--group", "y"), 2, "'y'"),
                (("dro", "--data", "gap.csv", "--target", "y", "--group", "g"), 3,
                 r"gap.csv:2:1: .*'g' names no group"),
                (("dro", "--data", "nan.csv", "--target", "y", "--group", "g"), 3,
                 r"nan.csv:5:1: .*'g' names no group"),
                (("dro", "--data", "t.csv", "--target", "y", "--drop", "g", "--option",
                  "over=groups"), 2, "needs --group"),
                (table + ("--option", "over=rows"), 2, "samples or groups"),
                (table + ("--option", "over="), 2, "samples or groups"),
                (table + ("--option", "lambda=0"), 2, "lambda.*above 0"),
                (table + ("--option", "lambda="), 2, "lambda.*above 0"),
                (table + ("--divergence", "cvar", "--option", "fraction=1.5"), 2, "at most 1"),
                (table + ("--option", "penalty=-1"), 2, "penalty.*not below 0"),
                (table + ("--option", "regularization=1"), 2, "penalty"),
                (table + ("--method", "levenberg-marquardt"), 2, "Jacobian"),
                (table + ("--samples", "5"), 2, "dro takes no --samples"),
                (table + ("--test", "0.2"), 2, "--test")):
            with self.subTest(words=words):
                self.assert_error(self.run_in_folder("solve", *words), code, pattern)


class Runs(SampledTest):
    METHODS = ("ian-sgd", "clipped-sgd", "nsgd-momentum", "spider", "normalized", "sgd", "adam")

    def test_as_many_steps_as_asked_for(self):
        for method in self.METHODS:
            for steps in (0, 1, 37):
                with self.subTest(method=method, steps=steps):
                    report = self.solve("phase-retrieval", "--samples", 200, "--dimension", 5,
                                        "--method", method, "--max-steps", steps)
                    self.assertEqual(report["outcome"]["steps"], steps)
                    self.assertEqual(self.trace()[-1]["iteration"], steps)

    def test_batches_and_measurements_beyond_what_there_is(self):
        small = ("phase-retrieval", "--samples", 50, "--dimension", 3, "--max-steps", 7)
        for method in self.METHODS:
            with self.subTest(method=method):
                report = self.solve(*small, "--method", method, "--option", "batch=1000000",
                                    "--option", "evaluate=1000000")
                self.assertEqual(report["outcome"]["steps"], 7)
                self.assertEqual([row["iteration"] for row in self.trace()][-1], 7)
                largest = {"ian-sgd": 54, "spider": 100}.get(method, 50)
                self.assertLessEqual(report["outcome"]["samples"], 7 * largest)

    def test_equal_seeds_equal_runs(self):
        words = ("phase-retrieval", "--method", "ian-sgd", "--max-steps", 60)
        runs = [self.solve(*words, "--seed", seed) for seed in (3, 3, 4)]
        solutions = [run["solution"] for run in runs]
        self.assertEqual(solutions[0], solutions[1])
        self.assertNotEqual(solutions[0], solutions[2])

    def test_a_target_loss(self):
        words = ("phase-retrieval", "--method", "ian-sgd", "--target-loss")
        report = self.solve(*words, 12)
        self.assertLessEqual(report["outcome"]["loss"], 12)
        self.assertEqual(report["outcome"]["outcome"], "converged")
        self.solve(*words, 1, "--max-steps", 100, code=5)
        # A preset keeps its budget of samples.
        report = self.solve(*words, 1, *PRESET, code=5)
        self.assertEqual(report["outcome"]["samples"], 34000)

    def test_a_time_limit(self):
        report = self.solve("phase-retrieval", "--method", "nsgd-momentum", "--max-steps",
                            10**15, "--time-limit", "1s")
        self.assertEqual(report["outcome"]["reason"]["criterion"], "time-limit")
        self.assertLess(report["outcome"]["seconds"], 3)

    def test_start_parameters(self):
        lines, truth = intensities(100, 5, False, seed=9)
        self.write("a.csv", "\n".join(lines))
        self.write("truth.csv", "".join(f"{z.real!r}\n" for z in truth))
        report = self.solve("phase-retrieval", "--data", "a.csv", "--init", "truth.csv",
                            "--method", "ian-sgd", "--max-steps", 5)
        self.assertLess(report["forecast"]["initial_loss"], 1e-25)
        ran = self.run_in_folder("solve", "phase-retrieval", "--init", "truth.csv")
        self.assert_error(ran, 2, "has 5 numbers, the model has 100.*give 100 numbers$")

    def test_files_and_json(self):
        ran = self.run_in_folder("solve", "two-point", "--method", "ian-sgd", "--max-steps", 50,
                                 "--out", "a/b", "--json")
        self.assert_exit(ran, 0)
        folder = self.folder / "a" / "b"
        self.assertEqual(ran.json(), json.loads((folder / "report.json").read_text()))
        self.assertEqual(sorted(path.name for path in folder.iterdir()),
                         ["checkpoint.safetensors", "report.json", "report.txt", "trace.csv"])
        before = (folder / "report.txt").read_text()
        self.assertEqual(self.run_in_folder("report", "a/b").out.strip(), before.strip())
        ran = self.run_in_folder("solve", "two-point", "--out", "a/b")
        self.assert_error(ran, 3, "not empty")

    def test_divergence_keeps_the_last_good_point(self):
        for words in (("--method", "sgd", "--option", "eta=1"),
                      ("--method", "ian-sgd", "--option", "stepsize=1e200"),
                      ("--method", "adam", "--option", "stepsize=1e200")):
            with self.subTest(words=words):
                report = self.solve("phase-retrieval", *words, "--max-steps", 200, code=6)
                self.assertEqual(report["outcome"]["outcome"], "diverged")

    def test_the_start_too_large_for_double_is_refused(self):
        ran = self.run_in_folder("solve", "phase-retrieval", "--option", "start-scale=1e100",
                                 "--method", "ian-sgd")
        self.assert_error(ran, 4, "not a finite number")


class Killed(SampledTest):
    def killed_and_resumed(self, *words):
        """Reports of a whole run and of one that was killed in the middle."""
        began = time.monotonic()
        whole = self.solve(*words, out="whole")
        took = time.monotonic() - began
        process = subprocess.Popen([harness.BINARY, "solve", *map(str, words), "--out", "killed"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while not (self.folder / "killed" / "checkpoint.safetensors").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.002)
        time.sleep(took / 4)
        process.kill()
        process.wait()
        self.assertFalse((self.folder / "killed" / "report.json").exists(), "it was too fast")
        ran = self.run_in_folder("resume", "killed", "--json")
        self.assert_exit(ran, 0)
        return whole, ran.json()

    def assert_equal_runs(self, whole, killed):
        self.assertEqual(whole["solution"], killed["solution"])
        self.assertEqual(whole["certificates"], killed["certificates"])
        for key in ("steps", "samples", "loss", "best_step", "outcome"):
            self.assertEqual(whole["outcome"][key], killed["outcome"][key], key)
        rows = [[line.rsplit(",", 1)[0] for line in  # without the seconds
                 (self.folder / name / "trace.csv").read_text().splitlines()]
                for name in ("whole", "killed")]
        self.assertEqual(rows[0], rows[1])

    def test_goes_on_where_it_was(self):
        for words in (("--method", "ian-sgd", "--max-steps", 40000),
                      ("--method", "spider", "--max-steps", 20000, "--option", "per-group=true")):
            with self.subTest(words=words):
                shutil.rmtree(self.folder / "killed", ignore_errors=True)
                self.assert_equal_runs(*self.killed_and_resumed("phase-retrieval", *words))

    def test_a_table_with_the_same_model(self):
        self.assert_equal_runs(*self.killed_and_resumed(
            "dro", "--data", data("concrete"), "--target", "strength_mpa", "--group", "age_days",
            "--method", "nsgd-momentum", "--max-steps", 40000))
        models = [(self.folder / name / "model.safetensors").read_bytes()
                  for name in ("whole", "killed")]
        self.assertEqual(models[0], models[1])

    def test_a_finished_run_repeats_its_exit_code(self):
        for words in (("two-point", "--method", "ian-sgd", *PRESET),
                      ("phase-retrieval", "--method", "ian-sgd", *PRESET)):
            self.solve(*words)
            ran = self.run_in_folder("resume", "o", "--json")
            self.assert_exit(ran, 0)


class Schedules(SampledTest):
    def stepsizes(self, *words, code=0):
        self.solve("phase-retrieval", "--samples", 100, "--dimension", 3, "--method", "sgd",
                   "--option", "eta=1e-4", "--option", "evaluate=1", "--max-steps", 20, *words,
                   code=code)
        return [row["stepsize"] for row in self.trace()[1:]]

    def test_each_by_its_formula(self):
        def step(t, decay, every):
            return decay**(t // every)

        for words, factor in (
                ((), lambda t: 1),
                (("schedule=inverse-sqrt",), lambda t: 1 / math.sqrt(t + 1)),
                (("schedule=cosine",), lambda t: (1 + math.cos(math.pi * t / 20)) / 2),
                (("schedule=cosine", "horizon=40"),
                 lambda t: (1 + math.cos(math.pi * t / 40)) / 2),
                (("schedule=step",), lambda t: step(t, 0.1, 6)),  # a third of the horizon
                (("schedule=step", "every=4", "decay=0.5"), lambda t: step(t, 0.5, 4))):
            with self.subTest(words=words):
                given = [part for word in words for part in ("--option", word)]
                found = self.stepsizes(*given)
                self.assertEqual(len(found), 20)
                for t, stepsize in enumerate(found):
                    self.assertAlmostEqual(stepsize / (1e-4 * factor(t)), 1, delta=1e-12)

    def test_misuse(self):
        for word, pattern in (("schedule=linear", "constant, cosine, step, inverse-sqrt"),
                              ("horizon=-1", "horizon"), ("every=-1", "every"),
                              ("decay=0", r"decay must lie in \(0, 1\]"), ("decay=1.5", "decay"),
                              ("evaluate=-1", "evaluate"), ("batch=-1", "batch"),
                              ("batch=0.5", "batch"), ("output=mean", "tail-average")):
            with self.subTest(word=word):
                ran = self.run_in_folder("solve", "phase-retrieval", "--method", "sgd", "--option",
                                         word)
                self.assert_error(ran, 2, pattern)


class Tables(SampledTest):
    def train(self, *words, code=0):
        ran = self.run_in_folder("train", data("yacht"), "--target", "resid_resistance", "--out",
                                 "o", "--force", "--json", *words)
        self.assert_exit(ran, code)
        return ran.json()

    def test_every_method_trains_linear_models_and_networks(self):
        for method in Runs.METHODS:
            for model in ("linear", "mlp:8"):
                with self.subTest(method=method, model=model):
                    report = self.train("--method", method, "--model", model, "--max-steps", 600,
                                        "--option", "batch=32")
                    self.assertEqual(report["outcome"]["steps"], 600)
                    self.assertLess(report["outcome"]["loss"],
                                    0.7 * report["forecast"]["initial_loss"])

    def test_float32_is_near_double_and_not_the_same(self):
        for method in ("adam", "ian-sgd", "spider"):
            with self.subTest(method=method):
                words = ("--model", "mlp:8,4", "--method", method, "--max-steps", 100, "--option",
                         "batch=32")
                double = self.train(*words)["outcome"]["loss"]
                single = self.train(*words, "--precision", "float32")["outcome"]["loss"]
                self.assertNotEqual(double, single)
                self.assertAlmostEqual(double / single, 1, delta=1e-2)

    def test_float32_is_for_sampled_methods_on_networks(self):
        train = ("train", data("yacht"), "--target", "resid_resistance", "--precision", "float32")
        for words in (train, train + ("--model", "linear", "--method", "adam"),
                      train + ("--model", "mlp:4", "--method", "lbfgs"),
                      train + ("--model", "mlp:4", "--method", "gd"),
                      ("solve", "phase-retrieval", "--method", "adam", "--precision", "float32")):
            with self.subTest(words=words):
                self.assert_error(self.run_in_folder(*words), 2, "float32 is for sampled methods")
        ran = self.run_in_folder("train", data("yacht"), "--target", "resid_resistance",
                                 "--precision", "half", "--method", "adam")
        self.assert_error(ran, 2, "double, float32")

    def test_no_preset_for_tables(self):
        ran = self.run_in_folder("train", data("yacht"), "--target", "resid_resistance", "--method",
                                 "ian-sgd", *PRESET)
        self.assert_error(ran, 2, "preset is for built-in problems")


class Misuse(SampledTest):
    def test_every_misuse_has_its_words(self):
        retrieval = ("phase-retrieval",)
        for words, code, pattern in (
                (retrieval + ("--samples", "0"), 2, "--samples must be a whole number from 1"),
                (retrieval + ("--samples", "-3"), 2, "--samples"),
                (retrieval + ("--samples", "1.5"), 2, "--samples"),
                (retrieval + ("--dimension", "0"), 2, "--dimension"),
                (retrieval + ("--noise", "-1"), 2, "--noise"),
                (retrieval + ("--noise", "inf"), 2, "--noise"),
                (retrieval + ("--option", "start-scale=-1"), 2, "start-scale.*not below 0"),
                (retrieval + ("--option", "start-scale="), 2, "start-scale"),
                (retrieval + PRESET, 2, "nothing was published of auto.*ian-sgd"),
                (retrieval + PRESET + ("--method", "lbfgs"), 2, "nothing was published of lbfgs"),
                (retrieval + ("--option", "preset=mine", "--method", "sgd"), 2, "published.*mine"),
                (retrieval + ("--option", "preset=", "--method", "sgd"), 2, "must be published"),
                (retrieval + ("--method", "ian-sgd", "--option", "stepsize=0"), 2, "stepsize"),
                (retrieval + ("--method", "ian-sgd", "--option", "exponent=2"), 2, "exponent"),
                (retrieval + ("--method", "spider", "--option", "period=0"), 2, "period"),
                (retrieval + ("--method", "nsgd-momentum", "--option", "momentum=1"), 2,
                 "momentum"),
                (retrieval + ("--method", "clipped-sgd", "--option", "rule=best"), 2,
                 "threshold, standard, implicit, adaptive"),
                (("power", "--exponent", "1"), 2, "--exponent must be a number at least 2"),
                (("power", "--exponent", "nan"), 2, "--exponent"),
                (("power", "--method", "ian-sgd"), 2, "mean over samples.*normalized"),
                (("cosh", "--method", "normalized", "--option", "batch=3"), 2,
                 "mean over samples"),
                (("power", "--samples", "3"), 2, "power takes no --samples"),
                (("two-point", "--noise", "3", "--target", "y"), 2, "no --noise, --target"),
                (("two-point", "--data", __file__), 2, "two-point takes no --data"),
                (("cosh", "--exponent", "3"), 2, "cosh takes no --exponent"),
                (("nist:Misra1a", "--complex"), 2, "takes no --complex"),
                (("logistic-toy", "--model", "linear"), 2, "takes no --model"),
                (("phase-retrieval", "--start", "2"), 2, "takes no --start"),
                (("saddle",), 2, "unknown problem.*phase-retrieval, dro, two-point, power, cosh")):
            with self.subTest(words=words):
                self.assert_error(self.run_in_folder("solve", *words), code, pattern)
        self.assertFalse((self.folder / "thalweg-run").exists())

    def test_what_does_not_fit_is_refused_before_it_is_made(self):
        for words in (("--samples", "1000000000"), ("--dimension", "1000000000"),
                      ("--samples", str(2**63 - 1)), ("--dimension", str(2**63 - 1), "--complex"),
                      ("--samples", str(2**63 - 1), "--dimension", str(2**63 - 1)),
                      ("--memory-limit", "1M"),
                      ("--samples", "1000000000", "--method", "ian-sgd", *PRESET)):
            with self.subTest(words=words):
                began = time.monotonic()
                ran = self.run_in_folder("solve", "phase-retrieval", *words)
                self.assert_error(ran, 4, "over the memory limit.*--samples")
                self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    harness.main()
