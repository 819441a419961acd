#!/usr/bin/env python3
"""Whole processes side by side: liblinear-train against thalweg train, from a LIBSVM file to a model.

    compare_liblinear.py THALWEG FILE [--c 1] [--solvers 0,7] [--repeats 5]

Both minimise the same function: |w|^2 / 2 + C sum ln(1 + exp(-y w'x)) for LIBLINEAR, that over C N
for thalweg (ridge 1 / (C N), no intercept, raw inputs). thalweg stops at the first step at or below
the objective that is measured here, in double, at LIBLINEAR's w. Seconds of the processor (user and
system) and of the wall, medians; one thread.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import tempfile
import time


def read_libsvm(path):
    rows = []
    with open(path) as lines:
        for line in lines:
            cells = line.split()
            if cells:
                pairs = (cell.split(":") for cell in cells[1:])
                rows.append((float(cells[0]) > 0, [(int(j), float(v)) for j, v in pairs]))
    return rows


def objective(rows, w, c):
    """Mean loss and ridge at w, a list with w[j - 1] for index j, positive for positive labels."""
    loss = 0.0
    for positive, entries in rows:
        z = sum(v * w[j - 1] for j, v in entries if j <= len(w))
        margin = z if positive else -z
        loss += max(0.0, -margin) + math.log1p(math.exp(-abs(margin)))
    return loss / len(rows) + sum(x * x for x in w) / (2 * c * len(rows))


def read_liblinear_model(path):
    with open(path) as lines:
        text = lines.read().split("\nw\n")
    labels = [line.split()[1:] for line in text[0].splitlines() if line.startswith("label")][0]
    w = [float(line) for line in text[1].split()]
    return w if float(labels[0]) > 0 else [-x for x in w]


def timed(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def compare(arguments, rows, solver, folder):
    model, out = os.path.join(folder, "model"), os.path.join(folder, "run")
    peer = ["liblinear-train", "-q", "-s", str(solver), "-c", str(arguments.c), arguments.file, model]
    timed(peer)
    target = objective(rows, read_liblinear_model(model), arguments.c)
    ours = [arguments.thalweg, "train", arguments.file, "--model", "linear", "--method", "newton",
            "--no-intercept", "--no-standardize", "--threads", "1", "-q", "--force", "--out", out,
            "--option", f"regularization={1 / (arguments.c * len(rows))!r}",
            "--target-loss", repr(target)]
    seconds = {"liblinear": [], "thalweg": []}
    for _ in range(arguments.repeats):
        seconds["liblinear"].append(timed(peer))
        seconds["thalweg"].append(timed(ours))
    with open(os.path.join(out, "report.json")) as report:
        reached = json.load(report)["outcome"]["loss"]
    result = {"solver": solver, "c": arguments.c, "target": target, "reached": reached}
    for name, pairs in seconds.items():
        result[name] = {"processor_seconds": statistics.median(pair[0] for pair in pairs),
                        "wall_seconds": statistics.median(pair[1] for pair in pairs)}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("thalweg")
    parser.add_argument("file")
    parser.add_argument("--c", type=float, default=1)
    parser.add_argument("--solvers", default="0,7")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    rows = read_libsvm(arguments.file)
    with tempfile.TemporaryDirectory() as folder:
        for solver in arguments.solvers.split(","):
            print(json.dumps(compare(arguments, rows, int(solver), folder)))


if __name__ == "__main__":
    main()
