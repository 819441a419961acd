"""Methods that leave saddles, escape of any method, and second-order certificates, from outside."""

import csv
import sys

import harness
from harness import CliTest

LONG = "--long" in sys.argv
if LONG:
    sys.argv.remove("--long")


def zeros(inputs, widths):
    count = 0
    for width in (*widths, 1):
        count += width * (inputs + 1)
        inputs = width
    return "0\n" * count


def certificate(report, claim):
    return next((c for c in report["certificates"] if c["claim"] == claim), None)


class EscapeTest(CliTest):
    def solve(self, *words, code=0):
        ran = self.run_in_folder("solve", *words, "--out", "o", "--force", "--json")
        self.assert_exit(ran, code)
        return ran.json()

    def trace(self):
        with open(self.folder / "o" / "trace.csv", encoding="utf-8") as file:
            return list(csv.DictReader(file))


class QuarticSaddle(EscapeTest):
    def test_gradient_descent_stays_and_its_certificate_is_refuted(self):
        report = self.solve("quartic-saddle", "--method", "gd", "--max-steps", 100000)
        self.assertEqual(report["solution"]["parameters"][0], 0)
        found = certificate(report, "second-order")
        self.assertEqual((found["verdict"], found["kind"]), ("refuted", "saddle"))
        self.assertAlmostEqual(found["measured"], -1, delta=1e-6)

    def test_published_constants_are_planned_used_and_recorded(self):
        report = self.solve("quartic-saddle", "--method", "perturbed", "--option", "eps=1e-3",
                            "--option", "failure-probability=0.1")
        options = report["plan"]["options"]
        self.assertEqual(float(options["waiting"]), 3930)
        self.assertAlmostEqual(float(options["radius"]), 7.7235e-11, delta=1e-14)
        self.assertLessEqual(report["outcome"]["steps"], 700)
        self.assertLess(report["outcome"]["loss"], 1e-6)
        self.assertAlmostEqual(abs(report["solution"]["parameters"][0]), 1, delta=1e-3)
        self.assertEqual(report["outcome"]["reason"]["criterion"], "second-order")
        escapes = report["escapes"]
        self.assertEqual(escapes["count"], 1)
        self.assertEqual(escapes["certificate_step"], report["outcome"]["steps"])
        self.assertEqual(escapes["waiting_end_step"], escapes["steps"][0] + 3930 + 1)
        self.assertEqual(certificate(report, "second-order")["kind"], "minimum-like")

    def test_the_waiting_time_alone_ends_where_no_certificate_is_asked_for(self):
        report = self.solve("quartic-saddle", "--method", "perturbed", "--option", "eps=1e-3",
                            "--option", "certificate=false")
        self.assertEqual(report["outcome"]["reason"]["criterion"], "waiting-time")
        self.assertGreater(report["outcome"]["steps"], 3930)

    def test_a_promise_that_was_broken_is_refuted(self):
        # A waiting time of one step ends at the saddle.
        report = self.solve("quartic-saddle", "--method", "perturbed", "--option", "certificate=false",
                            "--option", "waiting=1", code=7)
        self.assertEqual(certificate(report, "second-order")["verdict"], "refuted")

    def test_every_constant_can_be_overridden(self):
        report = self.solve("quartic-saddle", "--method", "perturbed", "--option", "radius=1e-3",
                            "--option", "waiting=500", "--option", "decrease=1e-9", "--option",
                            "stepsize=0.05")
        options = report["plan"]["options"]
        self.assertEqual([float(options[k]) for k in ("radius", "waiting", "decrease", "stepsize")],
                         [1e-3, 500, 1e-9, 0.05])

    def test_a_long_step_diverges_and_the_self_bounding_one_descends(self):
        self.write("far.csv", "30\n1\n")
        self.solve("quartic-saddle", "--method", "gd", "--option", "stepsize=0.5", "--init",
                   "far.csv", code=6)
        for rule in ("self-bounding", "self-bounding-start"):
            self.solve("quartic-saddle", "--method", "gd", "--option", f"rule={rule}", "--init",
                       "far.csv", "--max-steps", 1000)
            values = [float(row["value"]) for row in self.trace()]
            self.assertTrue(all(b <= a for a, b in zip(values, values[1:])), rule)

    def test_methods_that_do_not_promise_it_leave_the_exit_code(self):
        self.solve("quartic-saddle", "--method", "tamed")
        report = self.solve("quartic-saddle", "--method", "tamed", "--option", "perturbed=true")
        self.assertEqual(certificate(report, "second-order")["verdict"], "holds")

    def test_any_method_escapes(self):
        for method in ("gd", "lbfgs", "newton", "adam", "normalized", "large-step"):
            words = {"large-step": ("--option", "stepsize=0.05"),
                     "adam": ("--option", "stepsize=0.01")}.get(method, ())
            with self.subTest(method=method):
                report = self.solve("quartic-saddle", "--method", method, "--option", "escape=on",
                                    "--max-steps", 3000, *words)
                self.assertAlmostEqual(abs(report["solution"]["parameters"][0]), 1, delta=1e-2)
                self.assertGreaterEqual(report["escapes"]["count"], 1)
                self.assertNotIn("heuristic", report["escapes"])


class Misuse(EscapeTest):
    def test_options_out_of_range(self):
        for method, option in (("perturbed", "eps=0"), ("perturbed", "failure-probability=1"),
                               ("perturbed", "preset=best"), ("tamed", "kernel=square"),
                               ("restarted", "radius=-1"), ("gd", "escape=maybe"),
                               ("gd", "escape-plateau=0"), ("gd", "escape-x=1"),
                               ("negative-curvature", "radius=1")):
            with self.subTest(method=method, option=option):
                ran = self.run_in_folder("solve", "quartic-saddle", "--method", method, "--option",
                                         option, "--out", "o")
                self.assert_error(ran, 2, option.split("=")[0])
                self.assertFalse((self.folder / "o").exists())


    def test_a_method_that_needs_a_jacobian_is_refused_before_anything_is_written(self):
        ran = self.run_in_folder("solve", "quartic-saddle", "--method", "levenberg-marquardt",
                                 "--out", "o")
        self.assert_error(ran, 2, "needs the outputs and Jacobian")
        self.assertEqual(ran.out, "")
        self.assertFalse((self.folder / "o").exists())


class AllZeroNetwork(EscapeTest):
    """The start of rank 1, where the Hessian is positive semidefinite."""

    def train(self, widths, *words, code=0):
        self.write("zero.csv", zeros(8, widths))
        data = harness.DATA / "concrete" / "concrete.csv"
        ran = self.run_in_folder("train", data, "--target", "strength_mpa", "--model",
                                 "mlp:" + ",".join(map(str, widths)), "--out", "o", "--force",
                                 "--json", *words)
        self.assert_exit(ran, code)
        return ran.json()

    def test_levenberg_marquardt_ends_at_rank_1_and_leaves_it_by_a_heuristic_radius(self):
        words = ("--method", "levenberg-marquardt", "--max-steps", 60)
        stuck = self.train((6, 6), *words, "--init", "zero.csv")
        self.assertEqual(stuck["preflight"]["rank"]["rank"], 1)
        self.assertAlmostEqual(stuck["outcome"]["loss"], 0.5, delta=1e-6)
        left = self.train((6, 6), *words, "--init", "zero.csv", "--option", "escape=on")
        self.assertLess(left["outcome"]["loss"], 0.1)
        self.assertTrue(left["escapes"]["heuristic"])
        self.assertIn("degenerate, heuristic radius", (self.folder / "o/report.txt").read_text())

    def test_a_stored_saddle_is_told_from_a_minimum(self):
        self.train((6, 6), "--method", "levenberg-marquardt", "--max-steps", 60, "--init",
                   "zero.csv")
        data = harness.DATA / "concrete" / "concrete.csv"
        found = certificate(self.run_in_folder("certify", "o", data, "--json").json(), "second-order")
        self.assertEqual((found["verdict"], found["kind"]), ("holds", "second-order stationary"))
        # One hidden layer: the second derivatives at zero are a strict saddle.
        self.train((6,), "--method", "gd", "--option", "stepsize=1e-3", "--max-steps", 50,
                   "--init", "zero.csv")
        ran = self.run_in_folder("certify", "o", data, "--json")
        self.assert_exit(ran, 7)
        self.assertEqual(certificate(ran.json(), "second-order")["kind"], "saddle")

    def test_a_killed_escape_goes_on_as_if_it_had_not_been(self):
        words = ("--method", "adam", "--init", "zero.csv", "--option", "escape=on")
        whole = self.train((6, 6), *words, "--max-steps", 120)
        self.assertGreaterEqual(whole["escapes"]["count"], 1)
        again = self.train((6, 6), *words, "--max-steps", 120)
        self.assertEqual(whole["outcome"]["loss"], again["outcome"]["loss"])
        resumed = self.run_in_folder("resume", "o", "--json")
        self.assert_exit(resumed, 0)
        self.assertEqual(resumed.json()["outcome"]["loss"], whole["outcome"]["loss"])

    def test_wide_network_reaches_the_error_of_the_seeded_start(self):
        if not LONG:
            self.skipTest("takes half a minute: --long")
        words = ("--method", "levenberg-marquardt")
        seeded = self.train((64, 64), *words)
        stuck = self.train((64, 64), *words, "--init", "zero.csv", code=5)
        self.assertEqual(stuck["preflight"]["rank"]["rank"], 1)
        escaped = self.train((64, 64), *words, "--init", "zero.csv", "--option", "escape=on")
        self.assertLessEqual(escaped["outcome"]["train"]["rmse"],
                             1.1 * seeded["outcome"]["train"]["rmse"])


if __name__ == "__main__":
    harness.main()
