#!/usr/bin/env python3
"""An update of mini-batch training: thalweg-bench batch beside PyTorch on the CPU.

    compare_torch.py BENCH [--threads 1] [--precision float32] [--repeats 5]

Both train 784-256-128-10 with tanh on batches of 128 of 60000 samples drawn with replacement, in the
same precision with the same number of threads: gather of the batch, forward, softmax cross-entropy,
backward, x -= eta g. The batches are drawn before the clock starts. PyTorch runs a Sequential of
Linear and Tanh with CrossEntropyLoss, autograd, and an in-place update without an optimizer object.
With one thread processor time, with several the wall clock. The two take turns; each turn gives a
median over its updates, and the numbers printed are medians over the turns. ratio: thalweg over
PyTorch, the median over the turns.

Where OpenBLAS serves PyTorch it is asked for the kernels that thalweg uses, unless OPENBLAS_CORETYPE
says otherwise. Without PyTorch nothing is compared, and the program says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import time


def run_thalweg(arguments, updates):
    command = [arguments.bench, "batch", "--rows", str(arguments.rows), "--precision",
               arguments.precision, "--threads", str(arguments.threads), "--updates", str(updates),
               "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


class TorchTraining:
    def __init__(self, torch, arguments):
        torch.manual_seed(1)
        torch.set_num_threads(arguments.threads)
        self.torch, self.threads = torch, arguments.threads
        kind = getattr(torch, arguments.precision)
        self.inputs = torch.randn(arguments.rows, 784, dtype=kind)
        self.labels = torch.randint(0, 10, (arguments.rows,))
        nn = torch.nn
        self.network = nn.Sequential(nn.Linear(784, 256), nn.Tanh(), nn.Linear(256, 128), nn.Tanh(),
                                     nn.Linear(128, 10)).to(kind)
        self.loss = nn.CrossEntropyLoss()
        self.parameters = list(self.network.parameters())

    def update(self, batch):
        loss = self.loss(self.network(self.inputs[batch]), self.labels[batch])
        loss.backward()
        with self.torch.no_grad():
            for parameter in self.parameters:
                parameter.add_(parameter.grad, alpha=-1e-2)
                parameter.grad = None

    def seconds(self, updates):
        clock = time.process_time if self.threads == 1 else time.perf_counter
        times = []
        for number in range(20 + updates):
            batch = self.torch.randint(0, len(self.labels), (128,))
            start = clock()
            self.update(batch)
            if number >= 20:
                times.append(clock() - start)
        return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the program thalweg-bench")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "float64"], default="float32")
    parser.add_argument("--rows", type=int, default=60000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--updates", type=int, default=500, help="of one turn")
    arguments = parser.parse_args()

    kernels = run_thalweg(arguments, 1)["blas"].split()
    if len(kernels) == 3 and kernels[0] == "OpenBLAS":
        os.environ.setdefault("OPENBLAS_CORETYPE", kernels[2])  # read when the library is loaded
    try:
        import torch
    except ImportError as error:
        print(f"nothing compared: PyTorch cannot be imported ({error}); "
              "on Debian: apt-get install python3-torch, and run by /usr/bin/python3")
        return
    training = TorchTraining(torch, arguments)
    ours, theirs = [], []
    for _ in range(arguments.repeats):
        ours.append(run_thalweg(arguments, arguments.updates)["seconds"])
        theirs.append(training.seconds(arguments.updates))
    print(json.dumps({
        "precision": arguments.precision, "threads": arguments.threads, "blas": " ".join(kernels),
        "torch_version": torch.__version__,
        "torch_blas_kernels": os.environ.get("OPENBLAS_CORETYPE"),
        "thalweg_seconds": statistics.median(ours), "torch_seconds": statistics.median(theirs),
        "ratio": statistics.median(a / b for a, b in zip(ours, theirs)),
        "ratios": [round(a / b, 3) for a, b in zip(ours, theirs)]}))


if __name__ == "__main__":
    main()
