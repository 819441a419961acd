"""thalweg compare: equal samples, sections, files, refusals, and that it can be repeated."""

import csv
import json
import os
import random
import signal
import statistics
import subprocess
import time

import harness
from harness import CliTest


def table(rows=60, classes=False, seed=5):
    draw = random.Random(seed)
    lines = ["a,b,y"]
    for _ in range(rows):
        a, b = draw.gauss(0, 1), draw.gauss(0, 1)
        y = a * a - b + 0.1 * draw.gauss(0, 1)
        lines.append(f"{a:.5f},{b:.5f},{int(y > 0) if classes else format(y, '.5f')}")
    return "\n".join(lines) + "\n"


def without_seconds(value):
    if isinstance(value, dict):
        return {key: without_seconds(entry) for key, entry in value.items()
                if key not in ("seconds", "started", "argv")}
    if isinstance(value, list):
        return [without_seconds(entry) for entry in value]
    return value


class Compare(CliTest):
    def setUp(self):
        super().setUp()
        self.write("t.csv", table())
        self.write("c.csv", table(classes=True))

    def compare(self, *words, out="o", **options):
        return self.run_in_folder("compare", *words, "--out", out, **options)

    def methods(self, ran):
        return {m["method"]: m for m in ran.json()["comparison"]["methods"]}

    def test_a_table(self):
        ran = self.compare("t.csv", "--target", "y", "--methods", "adam,lbfgs,ian-sgd",
                           "--option", "batch=6", "--sample-budget", "1200", "--tuning", "5",
                           "--seeds", "4", "--json")
        self.assert_exit(ran, 0)
        report = ran.json()
        for section in ("manifest", "data", "problem", "comparison"):
            self.assertIn(section, report)
        self.assertFalse(harness.nulls_in(report))
        comparison = report["comparison"]
        self.assertEqual(comparison["samples"], 1200)
        self.assertEqual(comparison["sample_count"], 60)
        self.assertEqual(comparison["seeds"], [1, 2, 3, 4])
        self.assertEqual(comparison["tuning_seed"], 0)
        methods = self.methods(ran)
        self.assertEqual(list(methods), ["adam", "lbfgs", "ian-sgd"])
        self.assertTrue(all(r["samples"] == 1200 for r in methods["adam"]["runs"]))
        self.assertTrue(all(r["samples"] == 1200 for r in methods["ian-sgd"]["runs"]))  # 6 + 4 each
        self.assertEqual(methods["ian-sgd"]["runs"][0]["steps"], 120)
        self.assertEqual(methods["adam"]["tuning"]["trials"], 5)
        self.assertEqual(methods["lbfgs"]["tuning"]["trials"], 0)
        self.assertIn("because", methods["lbfgs"]["tuning"])
        for method in methods.values():
            values = sorted(run["value"] for run in method["runs"])
            self.assertAlmostEqual(method["value"]["median"], statistics.median(values))
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
            self.assertAlmostEqual(method["value"]["lower_quartile"], low)
            self.assertAlmostEqual(method["value"]["upper_quartile"], high)
        medians = [methods[r["method"]]["value"]["median"] for r in comparison["ranking"]]
        self.assertEqual(medians, sorted(medians))
        self.assertEqual(comparison["target"], medians[-1])

    def test_the_folder(self):
        ran = self.compare("t.csv", "--target", "y", "--methods", "adam,lbfgs", "--seeds", "3",
                           "--tuning", "2")
        self.assert_exit(ran, 0)
        folder = self.folder / "o"
        self.assertEqual(sorted(p.name for p in folder.iterdir()),
                         ["compare.csv", "report.json", "report.txt"])
        report = json.loads((folder / "report.json").read_text())
        with open(folder / "compare.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 6)
        runs = [run for m in report["comparison"]["methods"] for run in m["runs"]]
        for row, run in zip(rows, runs):
            self.assertEqual(float(row["value"]), run["value"])
            self.assertEqual(int(row["seed"]), run["seed"])
            self.assertEqual(row["outcome"], run["outcome"])
        text = (folder / "report.txt").read_text()
        self.assertIn("lowest: ", text)
        self.assertIn(text.splitlines()[-1], ran.out)
        again = self.run_in_folder("report", "o")
        self.assert_exit(again, 0)
        self.assertEqual(again.out, text)
        self.assert_error(self.compare("t.csv", "--target", "y", "--methods", "adam,gd"), 3,
                          "not empty")

    def test_it_can_be_repeated(self):
        words = ("t.csv", "--target", "y", "--methods", "sgd,spider,levenberg-marquardt",
                 "--tuning", "3", "--seeds", "3", "--json", "--threads", "2")
        first, second = self.compare(*words, out="p"), self.compare(*words, out="q")
        self.assert_exit(first, 0)
        self.assertEqual(without_seconds(first.json()), without_seconds(second.json()))
        other = self.compare(*words, "--seed", "9", out="r")
        self.assertEqual(other.json()["comparison"]["seeds"], [10, 11, 12])
        self.assertEqual(other.json()["comparison"]["tuning_seed"], 9)

    def test_rows_held_back(self):
        ran = self.compare("c.csv", "--target", "y", "--methods", "large-step-adaptive,newton",
                           "--validation", "0.2", "--test", "0.2", "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(ran.json()["problem"]["model"], "linear")
        for method in self.methods(ran).values():
            for part in ("validation", "test"):
                self.assertIn(part + "_loss", method)
                self.assertLessEqual(method[part + "_score"]["median"], 1)
                self.assertIn("accuracy", method["runs"][0][part])

    def test_a_built_in_problem(self):
        ran = self.compare("logistic-toy", "--methods", "gd,large-step,newton", "--json")
        self.assert_exit(ran, 0)
        self.assertNotIn("data", ran.json())
        self.assertEqual(ran.json()["comparison"]["sample_count"], 4)
        nist = self.compare("nist:Misra1a", "--start", "2", "--methods",
                            "levenberg-marquardt,lbfgs", "--sample-budget", "1400", "--json",
                            out="n")
        self.assert_exit(nist, 0)
        methods = self.methods(nist)
        certified = 1.2455138894e-01 / 14 / 2  # sum of squares of NIST over 2 N
        self.assertAlmostEqual(methods["levenberg-marquardt"]["value"]["median"] / certified, 1)

    def test_generated_data_follow_the_seed(self):
        ran = self.compare("phase-retrieval", "--samples", "80", "--dimension", "4", "--methods",
                           "sgd,adam", "--tuning", "0", "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(ran.json()["comparison"]["sample_count"], 80)
        values = [run["value"] for run in self.methods(ran)["adam"]["runs"]]
        self.assertEqual(len(set(values)), 5)
        for method in self.methods(ran).values():
            self.assertEqual(method["tuning"]["trials"], 0)

    def test_published_settings(self):
        ran = self.compare("phase-retrieval", "--option", "preset=published", "--methods",
                           "sgd,ian-sgd,spider", "--seeds", "3", "--json")
        self.assert_exit(ran, 0)
        methods = self.methods(ran)
        self.assertEqual(methods["ian-sgd"]["runs"][0]["steps"], 500)  # 34000 / (64 + 4)
        self.assertEqual(methods["sgd"]["runs"][0]["steps"], 531)
        for method in methods.values():
            self.assertEqual(method["tuning"]["trials"], 0)
            self.assertLessEqual(method["runs"][0]["samples"], 34000)
        self.assert_error(self.compare("phase-retrieval", "--option", "preset=published",
                                       "--methods", "sgd,adam", out="x"), 2, "published of adam")

    def test_a_target_and_options(self):
        ran = self.compare("t.csv", "--target", "y", "--methods", "gd,adam", "--option",
                           "stepsize=0.01", "--target-loss", "0.4", "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(ran.json()["comparison"]["target"], 0.4)
        for method in self.methods(ran).values():
            self.assertEqual(method["options"]["stepsize"], "0.01")
            self.assertEqual(method["tuning"]["because"],
                             "stepsize given")
            for run in method["runs"]:
                self.assertEqual("samples_to_target" in run, run["value"] <= 0.4)

    def test_refusals(self):
        table_words = ("t.csv", "--target", "y", "--methods")
        for words, code, pattern in [
            ((*table_words, "adam"), 2, "at least two"),
            ((*table_words, "adam,adam"), 2, "twice"),
            ((*table_words, "adam,magic"), 2, "magic"),
            (("t.csv", "--target", "y"), 2, "--methods"),
            ((*table_words, "adam,large-step-adaptive"), 2, "large-step-adaptive cannot"),
            (("power", "--methods", "gd,levenberg-marquardt"), 2, "levenberg-marquardt cannot"),
            (("power", "--methods", "gd,sgd"), 2, "sgd cannot"),
            ((*table_words, "adam,gd", "--option", "bogus=1"), 2, "bogus"),
            ((*table_words, "adam,gd", "--option", "eps=1"), 2, "eps"),
            ((*table_words, "adam,gd", "--option", "stepsize=-1"), 2, "stepsize"),
            ((*table_words, "adam,gd", "--tuning", "-1"), 2, "--tuning"),
            ((*table_words, "adam,gd", "--seeds", "0"), 2, "--seeds"),
            ((*table_words, "adam,gd", "--sample-budget", "60"), 2, "too few"),
            ((*table_words, "adam,gd", "--max-steps", "6"), 2, "--max-steps"),
            (("t.csv", "--methods", "adam,gd"), 2, "--target"),
            (("nowhere.csv", "--target", "y", "--methods", "adam,gd"), 3, "nowhere.csv"),
            (("nist:Nothing", "--methods", "lbfgs,gd"), 2, "Nothing"),
            (("logistic-toy", "--validation", "0.2", "--methods", "lbfgs,gd"), 2, "--validation"),
        ]:
            with self.subTest(words=words):
                self.assert_error(self.compare(*words), code, pattern)
                self.assertFalse((self.folder / "o").exists())
        ran = self.compare(*table_words, "adam,magic", "--json")
        self.assert_exit(ran, 2)
        self.assertEqual(ran.json()["error"]["code"], 2)

    def test_a_file_named_like_a_problem_is_the_file(self):
        self.write("cosh", table())
        ran = self.compare("cosh", "--target", "y", "--methods", "gd,lbfgs", "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(ran.json()["data"]["file"], "cosh")

    def test_interrupted(self):
        running = subprocess.Popen(
            [harness.BINARY, "compare", "t.csv", "--target", "y", "--methods", "sgd,adam",
             "--model", "mlp:40,40", "--tuning", "0", "--seeds", "900", "--sample-budget", "60000",
             "--out", "o", "--json"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ))
        time.sleep(2)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, err)
        comparison = json.loads(out)["comparison"]
        self.assertTrue(comparison["interrupted"])
        done = len(comparison["seeds"])
        self.assertLess(done, 900)
        for method in comparison["methods"]:
            self.assertEqual(len(method["runs"]), done)
        self.assertTrue((self.folder / "o" / "report.json").exists())


if __name__ == "__main__":
    harness.main()
