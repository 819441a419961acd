"""Default training on the shipped tables: how well it predicts rows it did not see.

All four tables with five seeds take minutes; with --quick only the two that take seconds.
"""

import json
import math
import os
import pathlib
import statistics
import time

import harness
from harness import CliTest, data, numbers_in

SEEDS = range(1, 6)
TEST_SLACK = 0.03  # of R2, test rows below validation rows

QUICK = {
    "concrete": (["--target", "strength_mpa"], 0.88),
    "yacht": (["--target", "resid_resistance"], 0.98),
}
LONG = {
    "energy_efficiency": (["--target", "heating_load", "--drop", "cooling_load"], 0.99),
    "power_plant": (["--target", "PE"], 0.94),
}
# Tables that are not shipped: (folder, rows, words).
LARGER = [
    ("kin8nm", 2000, ["--target", "distance"]),
    ("naval_propulsion", 1000, ["--target", "compressor_decay", "--drop", "turbine_decay"]),
]
LONGEST_SECONDS = 60  # of one default run on at most 2000 rows

quick = False


class Tables(CliTest):
    def outcome(self, table, words, seed, *more):
        ran = self.run_in_folder("train", data(table), *words, "--validation", "0.2", "--seed",
                                 seed, "--out", "o", "--force", "--json", *more)
        self.assert_exit(ran, 0)
        return ran.json()["outcome"]

    def check_table(self, table, words, least):
        """Medians over the seeds: of validation alone, and with test rows beside it."""
        alone = [self.outcome(table, words, seed) for seed in SEEDS]
        r2 = statistics.median(outcome["validation"]["r2"] for outcome in alone)
        self.assertGreaterEqual(r2, least)
        for outcome in alone:
            self.assertNotIn("test", outcome)
        beside = [self.outcome(table, words, seed, "--test", "0.2") for seed in SEEDS]
        validation, test = (statistics.median(outcome[part]["r2"] for outcome in beside)
                            for part in ("validation", "test"))
        print(f"{table}: median R2 {r2:.4f}; with test rows {validation:.4f}, test {test:.4f}",
              flush=True)
        self.assertGreaterEqual(test, validation - TEST_SLACK)

    def check_tables(self, tables):
        for table, (words, least) in tables.items():
            with self.subTest(table=table):
                self.check_table(table, words, least)

    def test_quick_tables(self):
        self.check_tables(QUICK)

    def test_long_tables(self):
        if quick:
            self.skipTest("--quick: only the tables that take seconds")
        self.check_tables(LONG)

    def test_larger_tables(self):
        if quick:
            self.skipTest("--quick: only the tables that take seconds")
        folder = os.environ.get("THALWEG_TEST_DATA")
        if not folder:
            self.skipTest("THALWEG_TEST_DATA is not set: kin8nm and naval_propulsion are absent")
        for table, rows, words in LARGER:
            path = pathlib.Path(folder) / table / f"{table}.csv"
            with self.subTest(table=table):
                if not path.exists():
                    print(f"absent: {table}.csv in THALWEG_TEST_DATA", flush=True)
                    continue
                lines = path.read_text().splitlines()[:rows + 1]
                self.write("part.csv", "\n".join(lines) + "\n")
                started = time.monotonic()
                ran = self.run_in_folder("train", "part.csv", *words, "--out", table, "--json")
                seconds = time.monotonic() - started
                self.assertIn(ran.code, (0, 5), ran.err)
                self.assertLess(seconds, LONGEST_SECONDS)
                report = json.loads((self.folder / table / "report.json").read_text())
                self.assertEqual(report, ran.json())
                self.assertTrue(all(math.isfinite(x) for x in numbers_in(report)))
                print(f"{table}: {rows} rows, R2 {report['outcome']['train']['r2']:.4f}, "
                      f"{seconds:.1f} s", flush=True)


def take_arguments(rest):
    global quick
    quick = "--quick" in rest
    return [word for word in rest if word != "--quick"]


if __name__ == "__main__":
    harness.main(take_arguments)
