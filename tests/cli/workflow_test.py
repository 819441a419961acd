"""The main job end to end: check, plan, train, predict, certify, report; and the report's schema."""

import csv
import io
import json
import math

import harness
from harness import CliTest, data, nulls_in, numbers_in

OUTCOMES = {"converged", "early_stopped", "stalled", "budget_exhausted", "interrupted", "diverged",
            "failed"}

# Section -> fields that are always there, as docs/report-schema.md has them.
SECTIONS = {
    "manifest": "version commit compiler blas cpu threads seed argv started",
    "data": "file rows features targets train validation test dropped_rows dropped_columns task",
    "problem": "objective parameters outputs regime model activation",
    "preflight": "rank memory gradient_check",
    "plan": "method options decisions",
    "forecast": "initial_loss assumptions",
    "outcome": "outcome reason reasons steps samples seconds loss best_step train",
}


def table_rows(path):
    """The rows of a CSV file as dictionaries."""
    return list(csv.DictReader(path.read_text().splitlines()))


class Workflow(CliTest):
    def check_sections(self, report, names):
        self.assertEqual(report["schema"], "thalweg-report/1")
        for name in SECTIONS:
            self.assertEqual(name in report, name in names.split(), name)
        for name in names.split():
            for field in SECTIONS[name].split():
                self.assertIn(field, report[name], name)
        self.assertTrue(all(math.isfinite(x) for x in numbers_in(report)))
        self.assertFalse(nulls_in(report))

    def train(self, table, target, *words):
        return self.run_in_folder("train", table, "--target", target, "--out", "o", *words)

    def report(self):
        return json.loads((self.folder / "o/report.json").read_text())

    def test_sections_of_check_plan_and_train(self):
        table = data("yacht")
        words = [table, "--target", "resid_resistance", "--validation", "0.2", "--json"]
        before = "manifest data problem preflight"
        ran = self.run_in_folder("check", *words)
        self.assert_exit(ran, 0)
        self.check_sections(ran.json(), before)
        ran = self.run_in_folder("plan", *words)
        self.assert_exit(ran, 0)
        self.check_sections(ran.json(), before + " plan forecast")
        ran = self.run_in_folder("train", *words, "--out", "o")
        self.assert_exit(ran, 0)
        self.check_sections(ran.json(), before + " plan forecast outcome")
        self.assertEqual(ran.json(), self.report())
        self.assertIn(ran.json()["outcome"]["outcome"], OUTCOMES)

    def test_files_and_their_agreement(self):
        ran = self.train(data("yacht"), "resid_resistance", "--validation", "0.2")
        self.assert_exit(ran, 0)
        names = sorted(path.name for path in (self.folder / "o").iterdir())
        self.assertEqual(names, ["checkpoint.safetensors", "model.safetensors", "report.json",
                                 "report.txt", "trace.csv"])
        report = self.report()
        trace = table_rows(self.folder / "o/trace.csv")
        self.assertEqual(len(trace), report["outcome"]["steps"] + 1)
        best = trace[report["outcome"]["best_step"]]
        self.assertEqual(float(best["value"]), report["outcome"]["loss"])
        # The page on stdout is report.txt, with where the files are.
        text = (self.folder / "o/report.txt").read_text()
        self.assertTrue(ran.out.startswith(text))
        again = self.run_in_folder("report", "o")
        self.assert_exit(again, 0)
        self.assertEqual(again.out, text)

    def test_metrics_are_those_of_the_predictions(self):
        table = data("yacht")
        self.assert_exit(self.train(table, "resid_resistance", "--max-steps", "10"), 0)
        ran = self.run_in_folder("predict", "o", table)
        self.assert_exit(ran, 0)
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        truth = [float(row["resid_resistance"]) for row in table_rows(table)]
        guess = [float(row["resid_resistance"]) for row in rows]
        mean = sum(truth) / len(truth)
        squares = sum((g - t) ** 2 for g, t in zip(guess, truth))
        rmse = math.sqrt(squares / len(truth))
        r2 = 1 - squares / sum((t - mean) ** 2 for t in truth)
        metrics = self.report()["outcome"]["train"]
        self.assertAlmostEqual(metrics["rmse"], rmse, delta=1e-9 * rmse)
        self.assertAlmostEqual(metrics["r2"], r2, delta=1e-9)
        # The objective is 1/(2N) sum of squares in standardized units.
        variance = sum((t - mean) ** 2 for t in truth) / len(truth)
        loss = self.report()["outcome"]["loss"]
        self.assertAlmostEqual(loss, squares / len(truth) / (2 * variance), delta=1e-9 * loss)

    def test_predict_ignores_extra_columns_and_their_order(self):
        table = data("yacht")
        self.assert_exit(self.train(table, "resid_resistance", "--max-steps", "5"), 0)
        rows = list(csv.reader(table.read_text().splitlines()))
        turned = "\n".join(",".join(reversed(row)) for row in rows if row) + "\n"
        self.write("turned.csv", turned)
        straight = self.run_in_folder("predict", "o", table)
        self.assertEqual(self.run_in_folder("predict", "o", "turned.csv").out, straight.out)
        written = self.run_in_folder("predict", "o/model.safetensors", table, "--out", "p.csv")
        self.assert_exit(written, 0)
        self.assertEqual(written.out, "")
        self.assertEqual((self.folder / "p.csv").read_text(), straight.out)

    def test_classification(self):
        table = data("breast_cancer")
        with table.open() as file:
            target = next(csv.reader(file))[-1]
        ran = self.train(table, target, "--model", "mlp:4", "--validation", "0.2", "--max-steps",
                         "20")
        self.assert_exit(ran, 0)
        report = self.report()
        self.assertEqual(report["data"]["task"], "classification")
        self.assertEqual(len(report["data"]["classes"]), 2)
        self.assertGreater(report["outcome"]["validation"]["accuracy"], 0.85)
        ran = self.run_in_folder("predict", "o", table)
        self.assert_exit(ran, 0)
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        labels = report["data"]["classes"]
        for row in rows:
            probabilities = [float(row["p_" + label]) for label in labels]
            self.assertAlmostEqual(sum(probabilities), 1, delta=1e-12)
            self.assertEqual(row[target], labels[probabilities.index(max(probabilities))])

    def test_adapted_flow_keeps_its_promise(self):
        lines = data("concrete").read_text().splitlines()
        self.write("part.csv", "\n".join(lines[:31]) + "\n")
        ran = self.train("part.csv", "strength_mpa", "--method", "adapted-flow", "--model",
                         "mlp:64", "--target-loss", "1e-6")
        self.assert_exit(ran, 0)
        report = self.report()
        promised, reached = report["forecast"]["flow_time"], report["outcome"]["flow_time"]
        law = 30 / 2 * math.log(report["forecast"]["initial_loss"] / 1e-6)
        self.assertAlmostEqual(promised, law, delta=1e-9 * law)
        self.assertAlmostEqual(reached, promised, delta=1e-3 * promised)
        self.assertAlmostEqual(report["outcome"]["loss"], 1e-6, delta=1e-8)
        verdicts = {c["claim"]: c["verdict"] for c in report["certificates"]}
        self.assertEqual(verdicts["global-minimum"], "holds")
        self.assertEqual(verdicts["rate"], "holds")
        ran = self.run_in_folder("certify", "o", "part.csv", "--json")
        self.assert_exit(ran, 0)
        measured = {c["claim"]: c for c in ran.json()["certificates"]}
        self.assertNotIn("rate", measured)
        self.assertEqual(measured["global-minimum"]["verdict"], "holds")
        ran = self.run_in_folder("certify", "o", "part.csv", "--target-loss", "1e-9")
        self.assert_exit(ran, 7)

    def test_budgets(self):
        table = data("yacht")
        words = [table, "--target", "resid_resistance", "--method", "gd", "--model", "mlp:4"]
        ran = self.run_in_folder("train", *words, "--max-steps", "7", "--out", "p", "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(ran.json()["outcome"]["outcome"], "budget_exhausted")
        self.assertEqual(ran.json()["outcome"]["steps"], 7)
        ran = self.run_in_folder("train", *words, "--max-steps", "7", "--target-loss", "1e-9",
                                 "--out", "q")
        self.assert_exit(ran, 5)
        ran = self.run_in_folder("train", *words, "--time-limit", "1s", "--out", "r", "--json")
        self.assert_exit(ran, 0)
        self.assertLess(ran.json()["outcome"]["seconds"], 3)

    def test_a_target_reached_holds_at_the_point_returned_with_validation_too(self):
        words = ["--validation", "0.2", "--seed", "2", "--model", "mlp:16"]
        ran = self.train(data("yacht"), "resid_resistance", *words, "--patience", "1000",
                         "--target-loss", "4e-5")
        self.assert_exit(ran, 0)
        outcome = self.report()["outcome"]
        self.assertEqual(outcome["outcome"], "converged")
        self.assertEqual(outcome["reason"]["criterion"], "target-loss")
        self.assertLessEqual(outcome["loss"], 4e-5)
        self.assertEqual(outcome["best_step"], outcome["steps"])
        held_back = [float(row["validation"]) for row in table_rows(self.folder / "o/trace.csv")
                     if row["validation"]]
        self.assertLess(min(held_back), held_back[-1], "the table no longer shows the difference")

    def test_zero_start_is_reported_not_hidden(self):
        lines = data("concrete").read_text().splitlines()
        self.write("part.csv", "\n".join(lines[:1] + lines[1::50]) + "\n")
        self.write("zero.csv", "w\n" + "0\n" * (8 * 16 + 16 + 16 + 1))
        ran = self.run_in_folder("check", "part.csv", "--target", "strength_mpa", "--model",
                                 "mlp:16", "--init", "zero.csv", "--json")
        self.assert_exit(ran, 0)
        rank = ran.json()["preflight"]["rank"]
        self.assertEqual(rank["rank"], 1)
        self.assertFalse(rank["full"])

    def test_methods_list_what_train_takes(self):
        ran = self.run_in_folder("methods", "--json")
        self.assert_exit(ran, 0)
        names = [method["name"] for method in ran.json()["methods"]]
        for name in ("adapted-flow", "levenberg-marquardt", "gauss-newton", "gd", "adam", "lbfgs"):
            self.assertIn(name, names)
        for name in names:
            page = self.run_in_folder("methods", name)
            self.assert_exit(page, 0)
            self.assertIn("reference", page.out)

    def test_same_seed_same_bytes(self):
        table = data("yacht")
        models = []
        for out in ("a", "b"):
            ran = self.run_in_folder("train", table, "--target", "resid_resistance", "--seed", "5",
                                     "--max-steps", "8", "--validation", "0.2", "--out", out)
            self.assert_exit(ran, 0)
            models.append((self.folder / out / "model.safetensors").read_bytes())
        self.assertEqual(models[0], models[1])


if __name__ == "__main__":
    harness.main()
