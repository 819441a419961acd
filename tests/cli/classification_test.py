"""Linear models of classes from outside: verdicts on separability, large steps, sparse tables.

What needs tables beyond the shipped ones reads them from THALWEG_TEST_DATA.
"""

import csv
import gzip
import io
import json
import math
import os
import pathlib
import random

import harness
from harness import CliTest, data, nulls_in, numbers_in


def clouds(rows, columns, distance, seed):
    """Labels 0 and 1 in turn, and normal inputs whose first one is moved by +-distance."""
    rng = random.Random(seed)
    table = []
    for row in range(rows):
        label = row % 2
        inputs = [round(rng.gauss(0, 1), 4) for _ in range(columns)]
        inputs[0] = round(inputs[0] / 4 + distance * (2 * label - 1), 4)
        table.append((label, inputs))
    return table


def as_csv(table):
    names = ",".join(f"x{j}" for j in range(len(table[0][1])))
    lines = [",".join(map(str, [label, *inputs])) for label, inputs in table]
    return "\n".join([f"label,{names}", *lines]) + "\n"


def as_libsvm(table):
    """Zeros are left out; indices count from 1."""
    def line(label, inputs):
        fields = [f"{j}:{x}" for j, x in enumerate(inputs, 1) if x != 0]
        return " ".join([str(label), *fields])

    return "\n".join(line(label, inputs) for label, inputs in table) + "\n"


def no_constant(word):
    raise ValueError(f"{word} is no JSON")


class Classes(CliTest):
    def run_json(self, *words, code=0, **options):
        """The report, after checks that hold for every one of them."""
        ran = self.run_in_folder(*words, "--json", **options)
        self.assert_exit(ran, code)
        report = json.loads(ran.out, parse_constant=no_constant)
        self.assertFalse(nulls_in(report))
        self.assertTrue(all(math.isfinite(x) for x in numbers_in(report)))
        return report

    def train(self, table, *words, code=0, **options):
        return self.run_json("train", table, "--target", "label", "--model", "linear", "--out", "o",
                             "--force", *words, code=code, **options)

    def check(self, table, *words, **options):
        report = self.run_json("check", table, "--model", "linear", *words, **options)
        return report["preflight"]["separability"]

    def verdicts(self, report):
        return {c["claim"]: c["verdict"] for c in report["certificates"]}


class Toy(Classes):
    """Four points of Wu et al., figure 1."""

    def solve(self, *words, code=0):
        return self.run_json("solve", "logistic-toy", "--out", "o", "--force", *words, code=code)

    def large_step(self, eta, steps, *words, **options):
        return self.solve("--method", "large-step", "--option", f"eta={eta}", "--max-steps", steps,
                          *words, **options)

    def test_figure_1(self):
        # Losses at step 2^18 and last increase, from an independent float64 reference. The
        # iterates in the oscillation are chaotic, so that the last increase has some slack.
        for eta, loss, last_increase in [(4, 2.385e-5, 0), (8, 1.192e-5, 15), (16, 5.96e-6, 12),
                                         (32, 2.91e-6, 12)]:
            with self.subTest(eta=eta):
                report = self.large_step(eta, 2**18)
                outcome, phases = report["outcome"], report["phases"]
                self.assertEqual(outcome["outcome"], "budget_exhausted")
                self.assertEqual(outcome["steps"], 2**18)
                self.assertAlmostEqual(outcome["loss"], loss, delta=0.01 * loss)
                self.assertAlmostEqual(outcome["log_loss"], math.log(outcome["loss"]), delta=1e-9)
                self.assertAlmostEqual(phases["last_increase_step"], last_increase, delta=2)
                self.assertGreaterEqual(phases["stable_since"], phases["last_increase_step"])
                self.check_phases(eta, phases)
                self.assertEqual(self.verdicts(report)["separates"], "holds")

    def check_phases(self, eta, phases):
        """Against the trace: the first value at most 1/eta, the last one that rose."""
        with (self.folder / "o/trace.csv").open() as file:
            rows = csv.DictReader(line for line, _ in zip(file, range(1000)))
            values = [float(row["value"]) for row in rows]
        first = next(step for step, value in enumerate(values) if value <= 1 / eta)
        self.assertEqual(phases["transition_step"], first)
        rises = [step for step in range(1, len(values)) if values[step] > values[step - 1]]
        self.assertEqual(phases["last_increase_step"], max(rises, default=0))

    def test_the_margin_of_the_four_points(self):
        # 0.2 by hand, over the longest row, (2, 0.2).
        separability = self.solve("--max-steps", "1")["preflight"]["separability"]
        margin = 0.2 / math.hypot(2, 0.2)
        self.assertEqual(separability["verdict"], "separable")
        self.assertLessEqual(separability["margin_lower"], margin * (1 + 1e-12))
        self.assertGreaterEqual(separability["margin_upper"], margin * (1 - 1e-12))
        self.assertLessEqual(separability["margin_upper"], 1.01 * separability["margin_lower"])
        self.assertAlmostEqual(separability["row_norm"], math.hypot(2, 0.2), delta=1e-12)

    def test_a_budget_chooses_the_stepsize(self):
        for rule, words in [(120, []), (4, ["--option", "budget-rule=practical"])]:
            with self.subTest(rule=rule):
                report = self.solve("--method", "large-step", "--budget", "4096", *words)
                self.check_budget(report, 4096, rule)

    def check_budget(self, report, steps, rule):
        separability = report["preflight"]["separability"]
        gamma, norm = separability["margin_lower"], separability["row_norm"]
        eta = gamma**2 * steps / (rule * norm**2)
        self.assertAlmostEqual(float(report["plan"]["options"]["eta"]), eta, delta=1e-12 * eta)
        self.assertEqual(report["outcome"]["steps"], steps)
        self.assertEqual(report["outcome"]["outcome"], "budget_exhausted")

    def test_a_budget_on_a_table(self):
        self.write("t.csv", as_csv(clouds(40, 3, 2, 1)))
        report = self.train("t.csv", "--method", "large-step", "--budget", "300")
        self.check_budget(report, 300, 120)
        report = self.train("t.csv", "--budget", "1")
        self.assertEqual(report["outcome"]["steps"], 1)

    def test_extreme_stepsizes(self):
        for method in ("large-step", "large-step-adaptive"):
            for eta in ("1e12", "1e300", "1e-300"):
                with self.subTest(method=method, eta=eta):
                    outcome = self.solve("--method", method, "--option", f"eta={eta}",
                                         "--max-steps", "100")["outcome"]
                    self.assertEqual(outcome["steps"], 100)
                    self.assertIn("log_loss", outcome)
        for eta in ("-1", "nan", "inf", "1e400", "big", ""):
            for method in ("large-step", "large-step-adaptive"):
                with self.subTest(method=method, eta=eta):
                    self.refused(method, eta)
        self.refused("large-step", "0")  # of large-step-adaptive 0 is the default: chosen by rule

    def refused(self, method, eta):
        ran = self.run_in_folder("solve", "logistic-toy", "--method", method, "--option",
                                 f"eta={eta}")
        self.assert_error(ran, 2, f"{method}: .*eta must be")

    def test_adaptive_keeps_its_bound_where_the_loss_underflows(self):
        # -(eta R^2 / 2)(gamma^2 t - 1), which is -(eta / 2)(0.04 t - 4.04) here.
        for eta, steps in [("1", 1000), ("1e4", 1000), ("1e12", 404)]:
            with self.subTest(eta=eta):
                report = self.solve("--method", "large-step-adaptive", "--option", f"eta={eta}",
                                    "--max-steps", steps)
                outcome = report["outcome"]
                bound = -float(eta) / 2 * (0.2**2 * steps - (2**2 + 0.2**2))
                self.assertAlmostEqual(outcome["bound_log_loss"], bound, delta=1e-6 * -bound)
                self.assertLessEqual(outcome["average_log_loss"], outcome["bound_log_loss"])
                self.assertLessEqual(outcome["log_loss"], outcome["average_log_loss"])
                self.assertLessEqual(outcome["log_loss"], outcome["last_log_loss"])
                self.assertEqual(outcome["steps"], steps)
                self.assertEqual(self.verdicts(report)["rate"], "holds")

    def test_adaptive_ends_at_a_tolerance(self):
        report = self.solve("--method", "large-step-adaptive")
        self.assertEqual(report["outcome"]["outcome"], "converged")
        self.assertEqual(report["outcome"]["reason"]["criterion"], "gradient-tolerance")
        self.assertLess(report["outcome"]["steps"], 200)

    def test_a_budget_of_sgd_counts_updates(self):
        report = self.solve("--method", "sgd", "--budget", "100000", "--option", "batch=2")
        separability = report["preflight"]["separability"]
        gamma, norm = separability["margin_lower"], separability["row_norm"]
        eta = gamma**2 * 100000 / (120 * norm**2)
        self.assertAlmostEqual(float(report["plan"]["options"]["eta"]), eta, delta=1e-12 * eta)

    def test_a_budget_of_sgd_is_not_below_the_safe_step(self):
        report = self.solve("--method", "sgd", "--budget", "10")
        norm = report["preflight"]["separability"]["row_norm"]
        self.assertAlmostEqual(float(report["plan"]["options"]["eta"]), 4 / norm**2, delta=1e-12)

    def test_an_underflow_ends_no_method(self):
        for method in ("newton", "lbfgs", "levenberg-marquardt"):
            with self.subTest(method=method):
                report = self.solve("--method", method, "--max-steps", "1500")
                self.assertEqual(report["outcome"]["outcome"], "budget_exhausted")
                self.assertEqual(report["outcome"]["steps"], 1500)
                self.assertLess(report["outcome"]["log_loss"], -300)

    def test_advice_where_the_loss_underflows(self):
        """The loss is 0 for half of the steps, and its logarithm still falls."""
        report = self.solve("--method", "large-step-adaptive", "--budget", "2000")
        self.assertEqual(report["outcome"]["loss"], 0)
        self.assertLess(report["outcome"]["log_loss"], -1000)
        self.assertNotIn("hardly help", " ".join(report.get("advice", [])))

    def test_other_losses(self):
        for name in ("exponential", "polynomial", "squared-hinge"):
            report = self.solve("--option", f"loss={name}", "--option", "regularization=0.01")
            self.assertIn(name.replace("-", " "), report["problem"]["objective"])

    def test_time_limit(self):
        report = self.large_step(32, 10**9, "--time-limit", "1s")
        self.assertEqual(report["outcome"]["reason"]["criterion"], "time-limit")
        self.assertLess(report["outcome"]["seconds"], 3)

    def test_target_loss(self):
        report = self.large_step(32, 10**5, "--target-loss", "1e-3")
        self.assertEqual(report["outcome"]["outcome"], "converged")
        self.assertLessEqual(report["outcome"]["loss"], 1e-3)
        self.large_step(32, 100, "--target-loss", "1e-9", code=5)


class Separability(Classes):
    def check_margin(self, found, margin):
        self.assertEqual(found["verdict"], "separable")
        self.assertLessEqual(found["margin_lower"], found["margin_upper"])
        self.assertLessEqual(found["margin_upper"], 1.01 * found["margin_lower"])
        self.assertAlmostEqual(found["margin_lower"], margin, delta=0.01 * margin)
        self.assertNotIn("conflict", found)

    def test_breast_cancer(self):
        self.check_margin(self.check(data("breast_cancer"), "--target", "benign"), 6.77e-5)

    def test_shared_tables(self):
        folder = os.environ.get("THALWEG_TEST_DATA")
        if not folder:
            self.skipTest("THALWEG_TEST_DATA is not set: ionosphere is absent")
        table = pathlib.Path(folder) / "ionosphere" / "ionosphere.csv"
        if not table.exists():
            self.skipTest(f"{table.name} is absent in THALWEG_TEST_DATA")
        with table.open() as file:
            target = next(csv.reader(file))[-1]
        found = self.check(table, "--target", target)
        self.assertEqual(found["verdict"], "not_separable")
        self.assertTrue(found["conflict"])

    def test_equal_rows_are_named_by_their_row_in_the_file(self):
        # Header in row 1; rows 4 and 7 are equal, and so are 3 and 9; the latter agree.
        self.write("t.csv", "a,b,label\n0,0,no\n1,1,yes\n2,0,no\n5,1,no\n3,1,yes\n2,0,yes\n"
                            "4,4,yes\n1,1,yes\n")
        ran = self.run_in_folder("check", "t.csv", "--target", "label", "--model", "linear")
        self.assert_exit(ran, 0)
        self.assertRegex(ran.out, r"separable +no")
        self.assertRegex(ran.out, r"conflict +rows 4, 7")
        found = self.check("t.csv", "--target", "label")
        self.assertEqual(found["verdict"], "not_separable")
        self.assertEqual(found["conflict"], [4, 7])
        self.assertTrue(found["equal_rows"])

    def test_rows_in_conflict_without_equal_rows(self):
        # One input that increases: b between a's, where rows 3, 4, 5 cannot all be right.
        self.write("t.csv", "x,label\n0,a\n1,a\n2,b\n3,a\n9,b\n10,b\n")
        found = self.check("t.csv", "--target", "label")
        self.assertEqual(found["verdict"], "not_separable")
        self.assertFalse(found["equal_rows"])
        # Those named contradict each other by themselves: an a lies above a b.
        rows = dict(enumerate([(0, "a"), (1, "a"), (2, "b"), (3, "a"), (9, "b"), (10, "b")], 2))
        named = [rows[row] for row in found["conflict"]]
        self.assertGreater(max(x for x, label in named if label == "a"),
                           min(x for x, label in named if label == "b"))
        self.assertLessEqual(len(named), 3)

    def test_the_intercept_counts(self):
        # Separable by 2.5 < x, but by no line through 0.
        self.write("t.csv", "x,y,label\n1,1,0\n2,2.5,0\n3,3,1\n4,4.2,1\n")
        words = ["t.csv", "--target", "label", "--no-standardize"]
        self.assertEqual(self.check(*words)["verdict"], "separable")
        self.write("t.csv", "x,y,label\n1,1,0\n2,2,0\n3,3,1\n4,4,1\n")
        self.assertEqual(self.check(*words)["verdict"], "separable")
        self.assertEqual(self.check(*words, "--no-intercept")["verdict"], "not_separable")

    def test_no_intercept_is_one_parameter_less(self):
        self.write("t.csv", as_csv(clouds(20, 3, 2, 1)))
        counts = [self.train("t.csv", *words)["problem"]["parameters"]
                  for words in ([], ["--no-intercept"])]
        self.assertEqual(counts, [4, 3])

    def test_a_hopeless_margin_changes_the_method_and_says_why(self):
        plan = self.run_json("plan", data("breast_cancer"), "--target", "benign", "--budget",
                             "5000")["plan"]
        self.assertNotIn(plan["method"], ("large-step", "large-step-adaptive"))
        decision, = [d for d in plan["decisions"] if d["what"] == "method"]
        self.assertRegex(decision["because"], r"1/margin\^2 = 2\.2e\+08")
        ran = self.run_in_folder("plan", data("breast_cancer"), "--target", "benign", "--budget",
                                 "5000")
        self.assertIn("1/margin^2", ran.out)

    def test_without_a_budget_the_step_is_not_below_the_safe_one(self):
        report = self.run_json("plan", data("breast_cancer"), "--target", "benign", "--model",
                               "linear", "--method", "large-step")
        safe = report["preflight"]["safe_stepsize"]
        self.assertGreaterEqual(float(report["plan"]["options"]["eta"]), safe)

    def test_a_wide_margin_gets_large_steps_and_keeps_the_promise(self):
        self.write("t.csv", as_csv(clouds(60, 4, 2, 3)))
        report = self.train("t.csv", "--budget", "400")
        self.assertEqual(report["plan"]["method"], "large-step-adaptive")
        self.assertEqual(report["outcome"]["steps"], 400)
        self.assertLessEqual(report["outcome"]["log_loss"], report["forecast"]["log_loss_bound"])
        self.assertEqual(self.verdicts(report)["separates"], "holds")


class Sparse(Classes):
    def setUp(self):
        super().setUp()
        self.table = clouds(60, 5, 0.3, 8)
        rng = random.Random(9)
        for _, inputs in self.table:  # a fifth of the cells is zero
            inputs[rng.randrange(5)] = 0
        self.write("t.csv", as_csv(self.table))
        self.write("t.svm", as_libsvm(self.table))

    def predictions(self, data_file):
        ran = self.run_in_folder("predict", "o", data_file)
        self.assert_exit(ran, 0)
        return list(csv.DictReader(io.StringIO(ran.out)))

    def assert_same_predictions(self, found, expected):
        self.assertEqual(len(found), len(self.table))
        for row, other in zip(found, expected):
            self.assertEqual(row["label"], other["label"])
            self.assertAlmostEqual(float(row["p_1"]), float(other["p_1"]), delta=1e-9)

    def test_libsvm_text_is_the_same_table(self):
        dense = self.train("t.csv", "--no-standardize")
        on_csv = self.predictions("t.csv")
        content = (self.folder / "t.svm").read_bytes()
        self.write("t.svm.gz", gzip.compress(content))
        for name, options in [("t.svm", {}), ("t.svm.gz", {}), ("-", {"stdin": content})]:
            with self.subTest(name=name):
                report = self.train(name, "--no-standardize", **options)
                self.assertEqual(report["data"]["features"], dense["data"]["features"])
                for field in ("verdict", "margin_lower", "margin_upper", "row_norm"):
                    self.assert_close(report["preflight"]["separability"][field],
                                      dense["preflight"]["separability"][field])
                self.assert_close(report["outcome"]["loss"], dense["outcome"]["loss"])
                self.assert_same_predictions(self.predictions("t.svm"), on_csv)
                # A model of sparse text predicts tables with columns x0, x1, ...
                self.assert_same_predictions(self.predictions("t.csv"), on_csv)

    def assert_close(self, found, expected):
        if isinstance(expected, str):
            self.assertEqual(found, expected)
        else:  # sums in another order
            self.assertAlmostEqual(found, expected, delta=1e-9 * max(abs(expected), 1e-6))

    def test_standardized_too(self):
        losses = [self.train(name)["outcome"]["loss"] for name in ("t.csv", "t.svm")]
        self.assertAlmostEqual(losses[0], losses[1], delta=1e-9 * losses[0])

    def test_labels_are_numbers(self):
        """+1, 1.0 and 1e0 are one class, and need no --target."""
        written = {0: ["-1", "-1.0", "-1e0"], 1: ["+1", "1", "1e0"]}
        lines = [written[label][row % 3] + line[1:] for row, ((label, _), line) in
                 enumerate(zip(self.table, as_libsvm(self.table).splitlines()))]
        self.write("t.svm", "\n".join(lines) + "\n")
        report = self.run_json("train", "t.svm", "--out", "o")
        self.assertEqual(report["data"]["classes"], ["-1", "1"])
        self.assertEqual(report["data"]["task"], "classification")

    def test_rows_of_zeros(self):
        """Equal rows of both classes, named by their line."""
        self.write("t.svm", "1 1:2\n1\n-1 2:1\n-1\n1 1:1\n")
        found = self.check("t.svm")
        self.assertEqual(found["verdict"], "not_separable")
        self.assertEqual(found["conflict"], [2, 4])

    def test_text_that_is_wrong(self):
        good = as_libsvm(self.table)
        for line, pattern in [
            ("1 0:3", r"t\.svm:61:2: .*1"),
            ("1 -1:3", r"t\.svm:61:2: .*index:value"),
            ("1 3:3 1:1", r"t\.svm:61:3: .*ascending"),
            ("1 3:3 3:1", r"t\.svm:61:3: .*twice"),
            ("1 99999999999999999999:1", r"t\.svm:61:2: .*index"),
            ("1 2 3:1", r"t\.svm:61:2: .*index:value"),
            ("1 1:", r"t\.svm:61:2: .*missing"),
            ("1 1: 3", r"t\.svm:61:2: .*missing"),
            ("1 1:nan", r"t\.svm:61:2: .*finite"),
            ("1 1:-inf", r"t\.svm:61:2: .*finite"),
            ("1 1:1e999", r"t\.svm:61:2: .*finite"),
            ("1 1:high", r't\.svm:61:2: .*"high"'),
            ("1 1:0x10", r't\.svm:61:2: .*"0x10"'),
            ("1 qid:4 1:2", r"t\.svm:61:2: .*qid"),
            ("cat 1:2", r't\.svm:61:1: .*"cat"'),
            ("nan 1:2", r't\.svm:61:1: .*"nan"'),
            ("1 1:\x00", r"t\.svm:61.*NUL"),
        ]:
            with self.subTest(line=line):
                self.write("t.svm", good + line + "\n")
                ran = self.run_in_folder("train", "t.svm", "--out", "o")
                self.assert_error(ran, 3, pattern)
                self.assertFalse((self.folder / "o").exists())

    def test_text_that_is_unusual_but_right(self):
        expected = self.train("t.svm")["outcome"]["loss"]
        good = as_libsvm(self.table)
        for name, text in {"crlf": good.replace("\n", "\r\n"), "bom": "\ufeff" + good,
                           "tabs": good.replace(" ", "\t"), "no last newline": good.rstrip("\n"),
                           "comments": "# by hand\n" + good.replace("\n", " # a row\n\n")}.items():
            with self.subTest(name):
                self.write("u.svm", text)
                self.assertEqual(self.train("u.svm")["outcome"]["loss"], expected)

    def test_certify_counts_its_rows(self):
        self.train("t.svm")
        for name in ("t.svm", "t.csv"):
            ran = self.run_in_folder("certify", "o", name)
            self.assertIn(ran.code, (0, 7), ran.err)
            self.assertIn("60 rows", ran.out.splitlines()[0])

    def test_cut_gzip(self):
        self.write("t.svm.gz", gzip.compress((self.folder / "t.svm").read_bytes())[:-12])
        self.assert_error(self.run_in_folder("train", "t.svm.gz", "--out", "o"), 3, "gzip")


class Options(Classes):
    def setUp(self):
        super().setUp()
        self.table = clouds(40, 3, 0.2, 5)
        self.write("t.csv", as_csv(self.table))

    def parameters_and_loss(self, *words):
        report = self.train("t.csv", "--no-standardize", *words, "--option", "eps=1e-9")
        return report["problem"], report["outcome"]["loss"]

    def test_each_loss_is_its_own_problem(self):
        losses = {}
        for name, words in {"logistic": [], "exponential": [], "squared-hinge": [],
                            "polynomial": ["--option", "degree=3"]}.items():
            problem, losses[name] = self.parameters_and_loss(
                "--option", f"loss={name}", "--option", "regularization=0.1", *words)
            self.assertIn("0.1/2 |x|^2", problem["objective"])
        self.assertEqual(len(set(losses.values())), len(losses), losses)
        default = self.parameters_and_loss("--option", "regularization=0.1")[1]
        self.assertEqual(losses["logistic"], default)

    def test_a_penalty_shrinks(self):
        values = []
        for strength in (0, 0.01, 0.1, 1):
            _, loss = self.parameters_and_loss("--option", f"regularization={strength}")
            values.append(loss)
        self.assertEqual(values, sorted(values))
        self.assertLess(values[-1], math.log(2))

    def test_values_that_cannot_be_used(self):
        for words, pattern in [
            (["regularization=-1"], "regularization"),
            (["regularization=nan"], "regularization"),
            (["regularization=strong"], "regularization"),
            (["loss=hinge"], "loss.*logistic.*exponential.*polynomial.*squared-hinge"),
            (["loss=polynomial", "degree=0"], "degree"),
            (["loss=polynomial", "degree=nan"], "degree"),
            (["colour=blue"], "colour"),
        ]:
            with self.subTest(words=words):
                flags = [flag for word in words for flag in ("--option", word)]
                ran = self.run_in_folder("train", "t.csv", "--target", "label", "--model",
                                         "linear", "--out", "o", *flags)
                self.assert_error(ran, 2, pattern)
        ran = self.run_in_folder("train", "t.csv", "--target", "label", "--method", "large-step",
                                 "--model", "linear", "--budget", "100", "--option",
                                 "budget-rule=lucky")
        self.assert_error(ran, 2, "budget-rule.*proved.*practical")
        for budget in ("0", "-5", "1.5", "many"):
            ran = self.run_in_folder("train", "t.csv", "--target", "label", "--budget", budget)
            self.assert_error(ran, 2, "--budget")

    def test_adaptive_says_what_it_cannot_do(self):
        ran = self.run_in_folder("train", "t.csv", "--target", "label", "--model", "linear",
                                 "--method", "large-step-adaptive", "--option", "regularization=1")
        self.assert_error(ran, 2, "penalty")
        ran = self.run_in_folder("train", "t.csv", "--target", "label", "--model", "mlp:3",
                                 "--method", "large-step-adaptive")
        self.assert_error(ran, 2, "large-step-adaptive.*linear")

    def test_certify_repeats_the_claims(self):
        self.write("t.csv", as_csv(clouds(40, 3, 2, 5)))
        for words in (["--method", "newton"], ["--method", "large-step", "--budget", "500"],
                      ["--method", "large-step-adaptive", "--budget", "500"]):
            with self.subTest(words=words):
                claimed = {c["claim"]: c for c in self.train("t.csv", *words)["certificates"]}
                claimed.pop("rate", None)  # judged from the trace, which certify does not read
                ran = self.run_in_folder("certify", "o", "t.csv", "--json")
                self.assertIn(ran.code, (0, 7), ran.err)
                measured = {c["claim"]: c for c in ran.json()["certificates"]}
                for claim, certificate in claimed.items():
                    self.assertEqual(measured[claim]["verdict"], certificate["verdict"], claim)
                    self.assertEqual(measured[claim].get("measured"),
                                     certificate.get("measured"), claim)
                self.assertEqual(ran.code, 7 if "refuted" in self.verdicts(ran.json()).values()
                                 else 0)

    def test_validation_beside_a_budget(self):
        report = self.train("t.csv", "--validation", "0.25", "--budget", "200")
        self.assertIn("validation", report["outcome"])
        self.assertLessEqual(report["outcome"]["steps"], 200)

    def test_no_steps(self):
        for method in ("large-step", "large-step-adaptive", "sgd", "newton", "lbfgs"):
            with self.subTest(method=method):
                outcome = self.train("t.csv", "--method", method, "--max-steps", "0")["outcome"]
                self.assertEqual(outcome["steps"], 0)
                self.assertAlmostEqual(outcome["loss"], math.log(2), delta=1e-12)


class NotSeparable(Classes):
    """Beyond the critical step nothing may be called converged while it cycles."""

    def setUp(self):
        super().setUp()
        # Two of three labels agree with x > 0: the minimiser of the logistic loss without
        # intercept is ln 2, its curvature 2/9, the critical step 9.
        self.write("t.csv", "x,label\n" + "1,1\n1,1\n1,0\n-1,0\n-1,0\n-1,1\n" * 2)
        self.words = ["--no-intercept", "--no-standardize", "--method", "large-step"]
        self.minimum = (2 * math.log1p(1 / 2) + math.log1p(2)) / 3

    def at_minimum(self, report):
        return report["outcome"]["loss"] - self.minimum < 1e-6

    def test_below_the_critical_step(self):
        report = self.train("t.csv", *self.words, "--option", "eta=8", "--option", "eps=1e-6")
        self.assertEqual(report["outcome"]["outcome"], "converged")
        self.assertTrue(self.at_minimum(report))

    def test_a_cycle_falls_back_and_ends_at_the_minimum(self):
        for eta in ("9.5", "12", "100", "1e6", "1e12", "1e300"):
            with self.subTest(eta=eta):
                report = self.train("t.csv", *self.words, "--option", f"eta={eta}", "--option",
                                    "eps=1e-6")
                self.assertEqual(report["outcome"]["outcome"], "converged")
                self.assertTrue(self.at_minimum(report), report["outcome"])
                self.assertEqual(self.verdicts(report)["first-order"], "holds")

    def test_without_a_fallback_a_cycle_is_a_stall(self):
        for eta in ("9.5", "12", "100"):
            with self.subTest(eta=eta):
                report = self.train("t.csv", *self.words, "--option", f"eta={eta}", "--option",
                                    "eps=1e-6", "--option", "fallback=stop", code=5)
                self.assertEqual(report["outcome"]["outcome"], "stalled")
                self.assertEqual(report["outcome"]["reason"]["criterion"], "cycle")
                self.assertIn("not separable", report["outcome"]["reason"]["advice"])

    def test_no_watch_at_all_is_still_not_convergence(self):
        report = self.train("t.csv", *self.words, "--option", "eta=12", "--option",
                            "fallback=none", "--option", "eps=1e-6", code=5)
        self.assertEqual(report["outcome"]["outcome"], "budget_exhausted")
        self.assertEqual(self.verdicts(report)["first-order"], "refuted")

    def test_a_budget_promises_nothing_here(self):
        report = self.train("t.csv", "--no-standardize", "--budget", "100")
        self.assertNotIn(report["plan"]["method"], ("large-step", "large-step-adaptive"))
        self.assertFalse(report["forecast"]["claims_separates"])
        self.assertNotIn("log_loss_bound", report["forecast"])


class Overlapping(Classes):
    """Two clouds that no line separates."""

    def setUp(self):
        super().setUp()
        self.write("t.csv", as_csv(clouds(60, 2, 0.1, 3)))
        newton = self.train("t.csv", "--option", "eps=1e-10")
        self.assertEqual(newton["preflight"]["separability"]["verdict"], "not_separable")
        self.minimum = newton["outcome"]["loss"]

    def test_large_steps_end_at_the_minimum(self):
        for eta in ("30", "100", "1000", "1e12", "1e300"):
            with self.subTest(eta=eta):
                report = self.train("t.csv", "--method", "large-step", "--option", f"eta={eta}",
                                    "--max-steps", "3000")
                self.assertAlmostEqual(report["outcome"]["loss"], self.minimum, delta=1e-12)
                advice = " ".join(report.get("advice", []))
                self.assertNotIn("gradient is wrong", advice)
                self.assertNotIn("give more steps", advice)

    def test_adaptive_says_that_nothing_is_promised(self):
        report = self.train("t.csv", "--method", "large-step-adaptive", "--max-steps", "300")
        self.assertNotIn("bound_log_loss", report["outcome"])
        self.assertNotIn("rate", self.verdicts(report))
        self.assertIn("overlap", " ".join(report["advice"]))

    def test_squared_hinge_to_rounding(self):
        for rows, columns in [(60, 2), (40, 60)]:  # with 60 columns its minimum is 0
            self.write("t.csv", as_csv(clouds(rows, columns, 0, 4)))
            with self.subTest(columns=columns):
                report = self.train("t.csv", "--option", "loss=squared-hinge", "--max-steps", "200")
                self.assertEqual(self.verdicts(report)["first-order"], "holds")


class Awkward(Classes):
    """Tables that are hardly tables."""

    def test_one_class(self):
        for label in ("1", "cat"):
            self.write("t.csv", "x,label\n" + "".join(f"{i},{label}\n" for i in range(5)))
            ran = self.run_in_folder("train", "t.csv", "--target", "label", "--task",
                                     "classification")
            self.assert_error(ran, 3, "two classes")

    def test_two_rows(self):
        self.write("t.csv", "x,z,label\n1,2,0\n3,1,1\n")
        for words in ([], ["--budget", "10"], ["--method", "large-step", "--max-steps", "10"]):
            self.assertEqual(self.verdicts(self.train("t.csv", *words))["separates"], "holds")

    def test_one_row_per_class(self):
        self.write("t.csv", "x,z,label\n1,2,0\n3,1,1\n5,5,2\n")
        report = self.train("t.csv")
        self.assertEqual(report["outcome"]["train"]["accuracy"], 1)
        ran = self.run_in_folder("train", "t.csv", "--target", "label", "--validation", "0.3")
        self.assert_error(ran, 4, "rows")

    def test_only_constant_columns(self):
        self.write("t.csv", "x,label\n" + "".join(f"7,{i % 2}\n" for i in range(6)))
        ran = self.run_in_folder("train", "t.csv", "--target", "label")
        self.assert_error(ran, 3, "constant")
        self.write("t.svm", "1\n-1 1:0\n1\n-1\n")
        self.assert_error(self.run_in_folder("train", "t.svm", "--out", "o"), 3, "constant")

    def test_huge_values(self):
        self.write("t.csv", "x,z,label\n" + "".join(f"{(-1)**i}e300,{i},{i % 2}\n"
                                                   for i in range(10)))
        for words in ([], ["--budget", "20"]):
            report = self.train("t.csv", *words)
            self.assertEqual(report["outcome"]["train"]["accuracy"], 1)

    def test_more_columns_than_rows(self):
        self.write("t.csv", as_csv(clouds(8, 30, 0, 4)))
        for method in ("newton", "lbfgs", "large-step", "large-step-adaptive", "sgd"):
            with self.subTest(method=method):
                report = self.train("t.csv", "--method", method, "--max-steps", "100")
                self.assertEqual(report["preflight"]["separability"]["verdict"], "separable")

    def test_labels_as_text(self):
        self.write("t.csv", as_csv(clouds(20, 2, 2, 1)).replace("\n0,", "\nham,")
                   .replace("\n1,", "\nspam,"))
        report = self.train("t.csv", "--method", "large-step", "--max-steps", "50")
        self.assertEqual(report["data"]["classes"], ["ham", "spam"])
        ran = self.run_in_folder("predict", "o", "t.csv")
        self.assertEqual(ran.out.splitlines()[0], "label,p_ham,p_spam")


if __name__ == "__main__":
    harness.main()
