"""The promise of adapted-flow from outside: flow time, loss and path as forecast; the floor that
conflicting rows force; the plateau of an all-zero start."""

import csv
import json
import math
import statistics

import harness
from harness import CliTest, data

SEEDS = range(1, 6)
WIDTHS = (16, 32, 64)
ROWS = 50
INPUTS = 7  # of concrete's eight columns fly_ash is zero in these rows, and left out
TARGET_SHARE = 1e-8


def first_rows(count):
    """Header and the first data rows of concrete."""
    lines = data("concrete").read_text().splitlines()
    return lines[0], lines[1:count + 1]


class AdaptedFlow(CliTest):
    def write_table(self, header, rows):
        self.write("part.csv", "\n".join([header, *rows]) + "\n")

    def run_command(self, command, width, *more):
        return self.run_in_folder(command, "part.csv", "--target", "strength_mpa", "--method",
                                  "adapted-flow", "--model", f"mlp:{width}", "--json", *more)

    def train(self, width, code, *more):
        ran = self.run_command("train", width, "--out", "o", "--force", *more)
        self.assert_exit(ran, code)
        return ran.json()

    def initial_loss(self, width, seed):
        ran = self.run_command("plan", width, "--seed", seed)
        self.assert_exit(ran, 0)
        return ran.json()["forecast"]["initial_loss"]

    def trace(self):
        with (self.folder / "o/trace.csv").open() as file:
            return list(csv.DictReader(file))

    def check_promise(self, width, seed):
        initial = self.initial_loss(width, seed)
        target = TARGET_SHARE * initial
        report = self.train(width, 0, "--seed", seed, "--target-loss", repr(target))
        promised, outcome = report["forecast"]["flow_time"], report["outcome"]
        law = ROWS / 2 * math.log(1 / TARGET_SHARE)  # s* = N/2 ln(C0 / target)
        self.assertAlmostEqual(promised, law, delta=1e-9 * law)
        self.assertAlmostEqual(outcome["flow_time"], promised, delta=1e-3 * promised)
        self.assertAlmostEqual(outcome["loss"], target, delta=0.01 * target)
        verdicts = {c["claim"]: c["verdict"] for c in report["certificates"]}
        self.assertEqual(verdicts["rate"], "holds")
        self.check_path(initial, promised)

    def check_path(self, initial, end):
        """A straight line of the outputs, and the law C(s) = C0 exp(-2 s / N) along it."""
        trace = self.trace()
        self.assertEqual(float(trace[-1]["flow_time"]), end)
        self.assertGreater(len(trace), 10)
        for row in trace:
            self.assertLess(float(row["deviation"]), 1e-6)
            law = initial * math.exp(-2 * float(row["flow_time"]) / ROWS)
            self.assertAlmostEqual(float(row["value"]), law, delta=0.02 * law)

    def test_flow_time_and_path_are_as_forecast(self):
        self.write_table(*first_rows(ROWS))
        for width in WIDTHS:
            for seed in SEEDS:
                with self.subTest(width=width, seed=seed):
                    self.check_promise(width, seed)

    def test_conflicting_duplicates_end_at_their_floor(self):
        header, rows = first_rows(30)
        doubled = list(rows)
        targets = [[float(row.rsplit(",", 1)[1])] for row in rows]
        for i in range(4):  # four rows again, with strengths 3 to 6 MPa higher
            inputs, strength = rows[i].rsplit(",", 1)
            other = float(strength) + 3 + i
            doubled.append(f"{inputs},{other}")
            targets[i].append(other)
        self.write_table(header, doubled)
        # No model separates equal inputs: the best is the mean of each group.
        every = [target for group in targets for target in group]
        within = sum(sum((t - statistics.fmean(group)) ** 2 for t in group) for group in targets)
        floor = within / len(every) / (2 * statistics.pvariance(every))
        for seed in SEEDS:
            with self.subTest(seed=seed):
                report = self.train(32, 0, "--seed", seed)
                forecast, outcome = report["forecast"], report["outcome"]
                self.assertAlmostEqual(forecast["floor"], floor, delta=1e-9 * floor)
                self.assertNotIn("flow_time", forecast)
                self.assertAlmostEqual(outcome["loss"], forecast["floor"],
                                       delta=1e-6 * forecast["floor"])
                self.assertEqual(outcome["outcome"], "converged")

    def test_an_all_zero_start_is_rank_one_and_a_plateau(self):
        self.write_table(*first_rows(ROWS))
        width = 16
        self.write("zero.csv", "w\n" + "0\n" * (INPUTS * width + width + width + 1))
        report = self.train(width, 5, "--init", "zero.csv")
        rank = report["preflight"]["rank"]
        self.assertEqual((rank["rank"], rank["full"]), (1, False))
        self.assertNotIn("flow_time", report["forecast"])
        outcome = report["outcome"]
        self.assertEqual(outcome["outcome"], "stalled")
        self.assertEqual(outcome["reason"]["criterion"], "rank-loss plateau")
        self.assertAlmostEqual(outcome["loss"], report["forecast"]["initial_loss"], delta=1e-12)
        self.assertEqual(report, json.loads((self.folder / "o/report.json").read_text()))

    def test_a_plateau_above_the_target_is_no_success_for_any_method(self):
        self.write_table(*first_rows(ROWS))
        self.write("zero.csv", "w\n" + "0\n" * (INPUTS * 16 + 16 + 16 + 1))
        for method in ("levenberg-marquardt", "gauss-newton"):
            with self.subTest(method):
                ran = self.run_in_folder("train", "part.csv", "--target", "strength_mpa", "--model",
                                         "mlp:16", "--method", method, "--init", "zero.csv",
                                         "--target-loss", "1e-6", "--out", "o", "--force", "--json")
                self.assert_exit(ran, 5)
                self.assertEqual(ran.json()["outcome"]["outcome"], "stalled")


if __name__ == "__main__":
    harness.main()
