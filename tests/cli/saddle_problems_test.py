"""The built-in problems with saddles from outside: starts, known values, options, data of the user, misuse."""

import shutil
import time

import harness
from harness import CliTest


def matrix(rows, header=True):
    lines = [",".join(map(repr, row)) for row in rows]
    if header:
        lines.insert(0, ",".join(f"c{j}" for j in range(len(rows[0]))))
    return "\n".join(lines) + "\n"


class SaddleTest(CliTest):
    def solve(self, *words, code=0):
        shutil.rmtree(self.folder / "o", ignore_errors=True)
        ran = self.run_in_folder("solve", *words, "--out", "o", "--json")
        self.assert_exit(ran, code)
        return ran.json()

    def loss(self, *words):
        return self.solve(*words)["outcome"]["loss"]

    def start_loss(self, *words):
        return self.loss(*words, "--method", "gd", "--max-steps", 0)


class Known(SaddleTest):
    def test_the_quartic_saddle_holds_gradient_descent(self):
        report = self.solve("quartic-saddle", "--method", "gd", "--option", "rule=constant",
                            "--option", "stepsize=0.05", "--max-steps", 3000)
        self.assertEqual(report["forecast"]["initial_loss"], 2.25)
        self.assertEqual(report["outcome"]["loss"], 0.25)
        self.assertEqual(report["solution"]["parameters"][0], 0)

    def test_from_beside_it_the_minimum_is_found(self):
        self.write("x.csv", "0.1\n2\n")
        self.assertLess(self.loss("quartic-saddle", "--method", "gd", "--init", "x.csv",
                                  "--max-steps", 300), 1e-12)

    def test_the_strict_saddle_starts_alike_in_every_dimension(self):
        for dimension in (3, 1000, 10**6):
            with self.subTest(dimension=dimension):
                loss = self.start_loss("strict-saddle", "--dimension", dimension)
                self.assertAlmostEqual(loss, 0.25 + 2 * 0.55, delta=1e-9)
        self.assertEqual(self.start_loss("strict-saddle", "--dimension", 2), 2.25)

    def test_the_chain_passes_its_saddles_one_by_one(self):
        words = ("saddle-chain", "--method", "gd", "--option", "rule=constant", "--option",
                 "stepsize=0.0625", "--max-steps")
        nu = 14 * 2.718281828459045**2
        for steps, passed in ((1, 0), (200, 2), (800, 3), (3000, 4)):
            with self.subTest(steps=steps):
                loss = self.loss(*words, steps)
                self.assertEqual(round(-loss / nu), passed)
        self.assertNotEqual(self.start_loss("saddle-chain"), self.start_loss("saddle-chain", "--seed", 1))

    def test_the_factorization_has_its_known_optimum(self):
        words = ("matrix-factorization", "--method", "lbfgs", "--option", "eps=1e-6")
        for seed in (0, 1):
            self.assertAlmostEqual(self.loss(*words, "--seed", seed), 2.4434444444, delta=1e-9)
        zero = self.solve(*words, "--option", "start-scale=0")
        self.assertEqual(zero["outcome"]["steps"], 0)
        squares = sum(x * x for x in (5, 4, 3, 2)) + sum((1 - 0.95 * k / 15)**2 for k in range(16))
        self.assertAlmostEqual(zero["outcome"]["loss"], squares / 4, delta=1e-10)
        self.assertEqual(set(zero["solution"]["parameters"]), {0})

    def test_a_matrix_of_the_user(self):
        m = [[2, 1, 0], [1, 2, 0], [0, 0, -4]]  # eigenvalues 3, 1, -4
        self.write("m.csv", matrix(m))
        self.write("bare.csv", matrix(m, header=False))
        for name in ("m.csv", "bare.csv"):
            for rank, optimum in ((1, (1 + 16) / 4), (2, 16 / 4), (3, 16 / 4)):
                with self.subTest(name=name, rank=rank):
                    loss = self.loss("matrix-factorization", "--data", name, "--rank", rank,
                                     "--method", "lbfgs", "--option", "eps=1e-7")
                    self.assertAlmostEqual(loss, optimum, delta=1e-9)
        # U row by row: the eigenvector of 1 is stationary, and not the best of rank 1.
        self.write("u.csv", "u\n0.7071067811865476\n-0.7071067811865476\n0\n")
        report = self.solve("matrix-factorization", "--data", "m.csv", "--rank", 1, "--method",
                            "gd", "--init", "u.csv", "--max-steps", 0)
        self.assertAlmostEqual(report["outcome"]["loss"], (9 + 16) / 4, delta=1e-12)
        self.assertLess(report["outcome"]["gradient_norm"], 1e-14)

    def test_a_matrix_is_completed(self):
        for words in ((), ("--size", 12, "--rank", 1, "--samples", 60, "--seed", 4)):
            self.assertLess(self.loss("matrix-completion", *words, "--method", "lbfgs", "--option",
                                      "eps=1e-7"), 1e-12)

    def test_the_tensor_starts_at_its_symmetric_saddle(self):
        for size, rank in ((10, 3), (5, 2)):
            words = ("tensor-decomposition", "--size", size, "--rank", rank)
            self.assertAlmostEqual(self.start_loss(*words), (rank - 1 / rank**2) / 2, delta=1e-12)
            self.assertAlmostEqual(self.start_loss(*words, "--option", "start-scale=0"), rank / 2,
                                   delta=1e-12)

    def test_the_symmetric_network_stays_symmetric(self):
        report = self.solve("symmetric-network", "--size", 3, "--dimension", 1, "--samples", 50,
                            "--method", "gd", "--max-steps", 200)
        values = report["solution"]["parameters"]
        self.assertEqual(len(values), 10)
        for first in (0, 3, 6):
            for k in (1, 2):
                self.assertAlmostEqual(values[first + k], values[first], delta=1e-9)
        self.assertLess(report["outcome"]["loss"], report["forecast"]["initial_loss"])
        self.assertGreater(report["outcome"]["loss"], 1e-4)


class Misuse(SaddleTest):
    def test_every_misuse_has_its_words(self):
        self.write("wide.csv", matrix([[1, 2, 3], [2, 1, 4]]))
        self.write("skew.csv", matrix([[1, 2], [2.5, 1]]))
        self.write("text.csv", "a,b\n1,x\nx,1\n")
        self.write("hole.csv", "a,b\n1,\n2,1\n")
        self.write("good.csv", matrix([[1, 2], [2, 1]]))
        self.write("short.csv", "1\n2\n")
        self.write("rows.svm", "1 1:2 2:3\n0 1:1 2:5\n")
        factorize = ("matrix-factorization", "--data")
        for words, code, pattern in (
                (("quartic-saddle", "--dimension", "3"), 2, "quartic-saddle takes no --dimension"),
                (("saddle-chain", "--size", "3"), 2, "saddle-chain takes no --size"),
                (("saddle-chain", "--option", "start-scale=0"), 2, "start-scale"),
                (("strict-saddle", "--rank", "1", "--samples", "3"), 2, "no --rank, --samples|no --samples, --rank"),
                (("power", "--size", "3"), 2, "power takes no --size"),
                (("phase-retrieval", "--rank", "3"), 2, "takes no --rank"),
                (("matrix-factorization", "--dimension", "3"), 2, "takes no --dimension"),
                (("tensor-decomposition", "--samples", "3"), 2, "takes no --samples"),
                (("matrix-completion", "--data", "good.csv"), 2, "takes no --data"),
                (("saddle-chain", "--dimension", "0"), 2, "--dimension must be a whole number from 1"),
                (("strict-saddle", "--dimension", "1"), 2, "dimension must be at least 2"),
                (("matrix-factorization", "--size", "0"), 2, "--size"),
                (("matrix-factorization", "--rank", "0"), 2, "--rank"),
                (("matrix-factorization", "--rank", "21"), 2, "--rank must be at most the size, 20"),
                (("matrix-factorization", "--option", "start-scale=-1"), 2, "start-scale"),
                (("matrix-completion", "--size", "4", "--samples", "7"), 2, "--samples must be at most 6"),
                (("tensor-decomposition", "--size", "3", "--rank", "4"), 2, "--rank must be at most"),
                (factorize + ("absent.csv",), 3, "absent.csv"),
                (factorize + ("wide.csv",), 3, "wide.csv: the matrix has 2 rows and 3 columns"),
                (factorize + ("skew.csv",), 3, r"skew.csv:3:1: 2.5 differs from 2 "),
                (factorize + ("text.csv",), 3, "text.csv.*no finite number in column"),
                (factorize + ("hole.csv",), 3, "hole.csv:2:2: no finite number in column 'b'"),
                (factorize + ("rows.svm",), 3, "reads CSV"),
                (factorize + ("good.csv", "--rank", "3"), 2, "--rank must be at most the size, 2"),
                (factorize + ("good.csv", "--size", "2"), 2, "--size is of generated data"),
                (factorize + ("good.csv", "--rank", "2", "--init", "short.csv"), 2, "4"),
                (("saddle-chain", "--method", "ian-sgd"), 2, "mean over samples"),
                (("strict-saddle", "--option", "preset=published", "--method", "gd"), 2,
                 "nothing was published")):
            with self.subTest(words=words):
                self.assert_error(self.run_in_folder("solve", *words), code, pattern)
        self.assertFalse((self.folder / "thalweg-run").exists())

    def test_what_does_not_fit_is_refused_before_it_is_made(self):
        huge = str(2**63 - 1)
        for words in (("strict-saddle", "--dimension", huge), ("saddle-chain", "--dimension", "100000000000"),
                      ("matrix-factorization", "--size", huge),
                      ("matrix-factorization", "--size", "1000000", "--rank", "1"),
                      ("matrix-completion", "--size", huge), ("matrix-completion", "--size", "1000000"),
                      ("tensor-decomposition", "--size", huge, "--rank", huge),
                      ("symmetric-network", "--samples", huge),
                      ("symmetric-network", "--dimension", huge, "--size", huge),
                      ("strict-saddle", "--memory-limit", "1M")):
            with self.subTest(words=words):
                began = time.monotonic()
                self.assert_error(self.run_in_folder("solve", *words), 4, "over the memory limit")
                self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    harness.main()
