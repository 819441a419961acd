#!/usr/bin/env python3
"""When independence helps: the tables of docs/independence.md, measured.

    independence.py THALWEG [--dro FILE] [--parts two-point,...] [--seeds 5] [--jobs 2]

THALWEG is the program. Each table is markdown on stdout; what is being run goes to stderr.

published   the settings of the paper, `--option preset=published`
from plan   no stepsize given: the plan's, from measured curvature, for as many steps
tuned       the best stepsize of a search, everything else as published: the published stepsize
            (adam: 0.03) times 2^(k/2), k = -4 .. 12, the same number of trials for every method,
            on seeds that the table does not use (101, 102, ...). A trial is judged by the worst of
            these seeds. "edge" marks a best stepsize at an end of the range.

A seed fixes start and batches, and of phase-retrieval the data. All methods have the same sample
budget, that of the paper; measuring passes are not counted. Numbers are medians over the seeds,
with the range from least to largest. life_expectancy is not shipped: without --dro its tables are
left out.
"""

import argparse
import concurrent.futures
import csv
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

PUBLISHED = ["ian-sgd", "clipped-sgd", "normalized", "nsgd-momentum", "spider", "sgd"]
SAME = "ian-sgd, same batch"
RANGE = range(-4, 13)
ADAM = 3e-2
SPIDER_STEPS = 120  # six periods, what the budget of phase-retrieval allows
NEVER = math.inf
DRO_HEAD = "| method | Psi | worst group's error |\n|---|---|---|"


def options_of(words):
    return [word for pair in words.items() for word in ("--option", "=".join(map(str, pair)))]


class Problem:
    """A built-in problem: its words, its budget, the levels whose first samples count."""

    def __init__(self, name, words, budget, levels, batch, other_batch):
        self.name, self.words, self.budget, self.levels = name, words, budget, levels
        self.batch, self.other_batch = batch, other_batch

    def command(self, variant, seed, stepsize=None, preset=True):
        """The words of one run: a variant is a method, or SAME, or one with a batch: 'NAME@16'."""
        name, _, batch = variant.partition("@")
        options = {"preset": "published"} if preset else {}
        steps = None
        if name == SAME:
            options["independent-batch"] = 0
            steps = self.budget // int(batch or self.batch)
        method = "ian-sgd" if name == SAME else name
        if batch:
            options["batch"] = int(batch)
            steps = self.budget // (int(batch) + (self.other_batch if name == "ian-sgd" else 0))
        if not preset or name == "adam":
            options.pop("preset", None)
            options.update(batch=int(batch or self.batch), evaluate=5)
            if name == "ian-sgd":
                options["independent-batch"] = self.other_batch
            drawn = options["batch"] + (self.other_batch if name == "ian-sgd" else 0)
            steps = SPIDER_STEPS if name == "spider" else self.budget // drawn
        if stepsize is not None:
            options["eta" if method == "sgd" else "stepsize"] = stepsize
        words = ["solve", self.name, *self.words, "--method", method, *options_of(options),
                 "--seed", str(seed)]
        return words + (["--max-steps", str(steps)] if steps else [])


class Runs:
    def __init__(self, program, jobs):
        self.program, self.pool = program, concurrent.futures.ThreadPoolExecutor(jobs)
        self.count = 0

    def one(self, words, levels):
        with tempfile.TemporaryDirectory() as folder:
            command = [self.program, *words, "--threads", "1", "--json", "--out", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 5, 6):
                raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
            report = json.loads(done.stdout)
            with open(pathlib.Path(folder) / "trace.csv", newline="") as trace:
                rows = [(float(row["value"]), int(row["samples"]))
                        for row in csv.DictReader(trace) if row["value"]]
        run = {"report": report, "end": rows[-1][0], "outcome": report["outcome"]["outcome"]}
        for level in levels:
            run[level] = next((samples for value, samples in rows if value <= level), NEVER)
        return run

    def many(self, commands, levels):
        self.count += len(commands)
        return list(self.pool.map(lambda words: self.one(words, levels), commands))


def show(values, digits=3, infinite="never"):
    """Median, and the range in brackets."""
    def text(value):
        if value == NEVER:
            return infinite
        return f"{value:.0f}" if 1000 <= value < 1e5 else f"{value:.{digits}g}"
    middle, least, most = statistics.median_low(values), min(values), max(values)
    return text(middle) if least == most else f"{text(middle)} ({text(least)} to {text(most)})"


def lost(run):
    return run["outcome"] in ("diverged", "failed")


def kept(run, key):
    """A number of a run, NEVER where it diverged in the end."""
    return NEVER if lost(run) else run[key]


def start_for_adam(runs, problem, seeds):
    """The published start as a file for each seed: adam has no preset that would make it."""
    folder = pathlib.Path(tempfile.mkdtemp())
    words = {}
    stepsize = 0.1 * 2 ** (2 / 3 - 1)  # of the authors' gradient, which is half of ours
    for seed in seeds:
        step = ["solve", problem.name, *problem.words, "--method", "normalized", "--seed",
                str(seed), *options_of({"batch": 0, "stepsize": stepsize}), "--max-steps", "1"]
        point = runs.one(step, [])["report"]["solution"]["parameters"]
        words[seed] = folder / f"{seed}.csv"
        words[seed].write_text("\n".join(map(repr, point)) + "\n")
    return words


def published_stepsize(runs, problem, variant):
    if variant == "adam":
        return ADAM
    report = runs.one(problem.command(variant, 1), [])["report"]
    options = report["plan"]["options"]
    return float(options.get("stepsize", options.get("eta")))


def search(runs, problem, variant, seeds, judge, extra):
    """The trial that `judge` likes best: (stepsize, its factor 2^(k/2), whether at an edge)."""
    published = published_stepsize(runs, problem, variant)
    commands = [problem.command(variant, seed, published * 2 ** (k / 2)) + extra(variant, seed)
                for k in RANGE for seed in seeds]
    results = runs.many(commands, problem.levels)
    trials = range(len(RANGE))
    best = min(trials, key=lambda t: judge(results[t * len(seeds):(t + 1) * len(seeds)]))
    factor = 2 ** (RANGE[best] / 2)
    return published * factor, factor, best in (trials[0], trials[-1])


def cost(problem, seeds):
    samples = len(RANGE) * len(seeds) * problem.budget / 1e6
    return (f"{len(RANGE)} stepsizes on {len(seeds)} other seeds, "
            f"{samples:.2f} million samples a method")


def note(text):
    print(text, file=sys.stderr, flush=True)


def two_point(runs, seeds):
    problem = Problem("two-point", [], 40000, [], 1, 1)
    print("\nTwo-point, published settings: the answer after 40 000 steps, truth 1.2\n")
    print("| method | w | preflight: significant, alignment |\n|---|---|---|")
    for variant in ["ian-sgd", "sgd", "normalized", "clipped-sgd", SAME]:
        results = runs.many([problem.command(variant, seed) for seed in seeds], [])
        answers = show([run["report"]["solution"]["parameters"][0] for run in results])
        biases = [run["report"]["preflight"].get("normalization_bias") for run in results]
        flagged = ""  # sgd divides by nothing, and is not tested
        if None not in biases:
            alignment = show([bias["same_batch"] for bias in biases], 2)
            flagged = f"{sum(bias['significant'] for bias in biases)} of {len(biases)}, {alignment}"
        print(f"| {variant} | {answers} | {flagged} |")


def phase_retrieval(runs, seeds, search_seeds):
    problem = Problem("phase-retrieval", [], 34000, [20, 10], 64, 4)
    # Lower is better: samples to 10, then to 20, then the value at the end.
    def judge(results):
        return tuple(max(kept(run, key) for run in results) for key in (10, 20, "end"))
    head = "| method | samples to f <= 20 | samples to f <= 10 | f at the end |"
    line = "\n|---|---|---|---|"
    def row(results, first):
        to_20, to_10 = ([kept(run, level) for run in results] for level in (20, 10))
        print(f"| {first} | {show(to_20)} | {show(to_10)} | "
              f"{show([kept(run, 'end') for run in results], infinite='diverged')} |")

    print("\nPhase retrieval, published settings, 34 000 samples\n\n" + head + line)
    for variant in [*PUBLISHED, SAME, "ian-sgd@16", SAME + "@16"]:
        note(f"phase-retrieval published {variant}")
        row(runs.many([problem.command(variant, seed) for seed in seeds], problem.levels), variant)

    print("\nPhase retrieval, stepsize from the plan, from the drawn start\n\n" + head + line)
    for variant in [*PUBLISHED, SAME]:
        note(f"phase-retrieval from plan {variant}")
        commands = [problem.command(variant, seed, preset=False) for seed in seeds]
        row(runs.many(commands, problem.levels), variant)

    print(f"\nPhase retrieval, tuned: {cost(problem, search_seeds)}\n")
    print(head.replace("method |", "method | stepsize, times published |") + line + "---|")
    starts = start_for_adam(runs, problem, [*seeds, *search_seeds])
    def extra(variant, seed):
        return ["--init", str(starts[seed])] if variant == "adam" else []
    for variant in [*PUBLISHED, SAME, "ian-sgd@16", SAME + "@16", "adam"]:
        note(f"phase-retrieval tuned {variant}")
        stepsize, factor, edge = search(runs, problem, variant, search_seeds, judge, extra)
        results = runs.many([problem.command(variant, seed, stepsize) + extra(variant, seed)
                             for seed in seeds], problem.levels)
        ratio = "" if variant == "adam" else f", {factor:.3g}"
        row(results, f"{variant} | {stepsize:.3g}{ratio}{' edge' if edge else ''}")


def psi(run):
    return NEVER if lost(run) else run["report"]["robust"]["psi"]


def dro_row(first, results):
    worst = [NEVER if lost(run) else run["report"]["robust"]["worst_group_error"]
             for run in results]
    print(f"| {first} | {show([psi(run) for run in results], infinite='diverged')} | "
          f"{show(worst, infinite='diverged')} |")


def dro_from_plan(runs, seeds, words):
    steps = 2000
    print(f"\nDRO without penalty, stepsize from the plan, {steps} updates\n\n{DRO_HEAD}")
    for variant in [*PUBLISHED, SAME]:
        note(f"dro from plan {variant}")
        method = ["ian-sgd", "--option", "independent-batch=0"] if variant == SAME else [variant]
        command = ["solve", "dro", *words, "--option", "penalty=0", "--method", *method,
                   "--max-steps", str(steps)]
        dro_row(variant, runs.many([command + ["--seed", str(seed)] for seed in seeds], []))


def dro(runs, seeds, search_seeds, words):
    problem = Problem("dro", words, 136000, [], 128, 8)
    def judge(results):
        return max(psi(run) for run in results)

    print(f"\nDRO, published settings, 136 000 samples\n\n{DRO_HEAD}")
    for variant in [*PUBLISHED, SAME]:
        note(f"dro published {variant}")
        dro_row(variant, runs.many([problem.command(variant, seed) for seed in seeds], []))
    print(f"\nDRO, tuned: {cost(problem, search_seeds)}\n")
    print("| method | stepsize, times published | Psi | worst group's error |\n|---|---|---|---|")
    for variant in [*PUBLISHED, SAME]:
        note(f"dro tuned {variant}")
        stepsize, factor, edge = search(runs, problem, variant, search_seeds, judge, lambda *_: [])
        results = runs.many([problem.command(variant, seed, stepsize) for seed in seeds], [])
        dro_row(f"{variant} | {stepsize:.3g}, {factor:.3g}{' edge' if edge else ''}", results)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", metavar="THALWEG")
    parser.add_argument("--dro", metavar="FILE", help="the table life_expectancy.csv")
    parser.add_argument("--target", default="life_expectancy")
    parser.add_argument("--group", default="country_id")
    parser.add_argument("--parts", default="two-point,phase-retrieval,dro,dro-from-plan")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--search-seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    runs = Runs(arguments.program, arguments.jobs)
    seeds = range(1, arguments.seeds + 1)
    search_seeds = range(101, 101 + arguments.search_seeds)
    parts = arguments.parts.split(",")
    if "two-point" in parts:
        two_point(runs, seeds)
    if "phase-retrieval" in parts:
        phase_retrieval(runs, seeds, search_seeds)
    words = ["--data", arguments.dro, "--target", arguments.target, "--group", arguments.group]
    if "dro-from-plan" in parts and arguments.dro:
        dro_from_plan(runs, seeds, words)
    if "dro" in parts and arguments.dro:
        dro(runs, seeds, search_seeds, words)
    note(f"{runs.count} runs")


if __name__ == "__main__":
    main()
