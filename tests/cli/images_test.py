"""Images: IDX files with their labels and CIFAR-10 batches, made here by the published layouts."""

import csv
import gzip
import io
import json
import os
import pathlib
import random
import struct

import harness
from harness import CliTest

SIDE = 6  # of an image
QUICK = ["--model", "mlp:4", "--max-steps", "20"]


def idx(sizes, numbers, kind=0x08):
    return struct.pack(f">HBB{len(sizes)}I", 0, kind, len(sizes), *sizes) + bytes(numbers)


def make_images(count, seed):
    """Noisy images of three classes, each bright in another place; the last row is black."""
    rng = random.Random(seed)
    labels = [k % 3 for k in range(count)]
    images = [[min(255, rng.randrange(90) + 120 * (at // SIDE == 2 * label // 2))
               if at < SIDE * (SIDE - 1) else 0 for at in range(SIDE * SIDE)] for label in labels]
    return images, labels


def idx_pair(images, labels):
    numbers = [pixel for image in images for pixel in image]
    return idx([len(images), SIDE, SIDE], numbers), idx([len(labels)], labels)


def as_csv(images, labels):
    header = "label," + ",".join(f"x{j}" for j in range(SIDE * SIDE))
    return "\n".join([header] + [",".join(map(str, [label, *image]))
                                 for image, label in zip(images, labels)]) + "\n"


class Idx(CliTest):
    def setUp(self):
        super().setUp()
        self.images, self.labels = make_images(60, 1)
        self.image_bytes, self.label_bytes = idx_pair(self.images, self.labels)
        self.write("i.idx", self.image_bytes)
        self.write("l.idx", self.label_bytes)
        self.write("t.csv", as_csv(self.images, self.labels))

    def train(self, *words, out="o", code=0, **options):
        ran = self.run_in_folder("train", *words, *QUICK, "--out", out, "--force", **options)
        self.assert_exit(ran, code)
        return ran

    def model(self, out="o"):
        return (self.folder / out / "model.safetensors").read_bytes()

    def report(self, out="o"):
        return json.loads((self.folder / out / "report.json").read_text())

    def predictions(self, name, model="o"):
        ran = self.run_in_folder("predict", model, name)
        self.assert_exit(ran, 0)
        return list(csv.DictReader(io.StringIO(ran.out)))

    def test_the_same_as_csv(self):
        words = ["--validation", "0.2", "--test", "0.1", "--seed", "3"]
        self.train("i.idx", "--labels", "l.idx", *words)
        self.train("t.csv", "--target", "label", *words, out="c")
        found, expected = self.report(), self.report("c")
        for field in ("features", "targets", "train", "test", "dropped_columns", "task", "classes"):
            self.assertEqual(found["data"][field], expected["data"][field], field)
        self.assertEqual(found["data"]["dropped_columns"], [f"x{j}" for j in range(30, 36)])
        self.assertAlmostEqual(found["outcome"]["loss"], expected["outcome"]["loss"],
                               delta=1e-6 * expected["outcome"]["loss"])
        rows = [self.predictions(name) for name in ("i.idx", "t.csv")]
        self.assertEqual(rows[0], rows[1])

    def test_it_learns(self):
        ran = self.run_in_folder("train", "i.idx", "--labels", "l.idx", "--test", "0.25", "--model",
                                 "linear", "--json", "--out", "o")
        self.assert_exit(ran, 0)
        self.assertGreater(ran.json()["outcome"]["test"]["accuracy"], 0.9)

    def test_what_is_read_is_announced(self):
        ran = self.train("i.idx", "--labels", "l.idx")
        self.assertRegex(ran.err, r"i\.idx: 60 samples of 6 x 6 numbers, IDX, labels from l\.idx")
        warnings = [line for line in ran.err.splitlines() if "constant" in line]
        self.assertEqual(len(warnings), 1)

    def test_gzip_and_stdin(self):
        self.train("i.idx", "--labels", "l.idx")
        self.write("i.gz", gzip.compress(self.image_bytes))
        self.write("l.gz", gzip.compress(self.label_bytes))
        self.train("i.gz", "--labels", "l.gz", out="p")
        self.train("-", "--labels", "l.gz", out="q", stdin=self.image_bytes)
        self.assertEqual(self.model("p"), self.model())
        self.assertEqual(self.model("q"), self.model())
        self.assertEqual((self.folder / "q/stdin.data").read_bytes(), self.image_bytes)

    def test_other_numbers(self):
        self.train("i.idx", "--labels", "l.idx")
        sizes = [len(self.images), SIDE, SIDE]
        pixels = [pixel for image in self.images for pixel in image]
        for kind, code in ((0x0B, "h"), (0x0C, "i"), (0x0D, "f"), (0x0E, "d")):
            with self.subTest(kind=kind):
                content = idx(sizes, struct.pack(f">{len(pixels)}{code}", *pixels), kind)
                self.train("-", "--labels", "l.idx", out="p", stdin=content)
                self.assertEqual(self.model("p"), self.model())

    def test_labels_as_numbers(self):
        ran = self.run_in_folder("check", "i.idx", "--labels", "l.idx", "--task", "regression",
                                 "--json")
        self.assert_exit(ran, 0)
        self.assertEqual(ran.json()["data"]["task"], "regression")

    def test_from_a_configuration_file(self):
        self.write("run.toml", 'labels = "l.idx"\n')
        self.train("i.idx", "--config", "run.toml", out="p")
        self.train("i.idx", "--labels", "l.idx")
        self.assertEqual(self.model("p"), self.model())

    def test_predict_needs_no_labels(self):
        self.train("i.idx", "--labels", "l.idx")
        images, labels = make_images(30, 2)
        self.write("j.idx", idx_pair(images, labels)[0])
        rows = self.predictions("j.idx")
        self.assertEqual(len(rows), 30)
        right = sum(int(row["label"]) == label for row, label in zip(rows, labels))
        self.assertGreater(right, 20)
        self.write("s.idx", idx([2, 3, 3], range(18)))
        ran = self.run_in_folder("predict", "o", "s.idx")
        self.assert_error(ran, 3, r"s\.idx: column 'x9', which the model needs, is missing")

    def test_certify_needs_labels(self):
        self.train("i.idx", "--labels", "l.idx", "--test", "0.2")
        for data, labels in (("i.idx", "l.idx"), ("j.idx", "m.idx")):
            if data != "i.idx":
                for name, content in zip((data, labels), idx_pair(*make_images(30, 2))):
                    self.write(name, content)
            ran = self.run_in_folder("certify", "o", data, "--labels", labels)
            self.assertIn(ran.code, (0, 7), ran.err)
            rows = 48 if data == "i.idx" else 30  # the training rows of the run, or all
            self.assertRegex(ran.out, rf"{data}: {rows} rows")
            self.assert_error(self.run_in_folder("certify", "o", data), 2,
                              rf"{data}: the images have no labels; give --labels")
        self.write("n.idx", idx([30], [7] * 30))  # no class of the model
        ran = self.run_in_folder("certify", "o", "j.idx", "--labels", "n.idx")
        self.assert_error(ran, 3, "target 'label'")

    def cut_short(self, out="o"):
        """As if the run had not ended."""
        for name in ("report.json", "model.safetensors"):
            (self.folder / out / name).unlink()

    def test_resume(self):
        self.train("i.idx", "--labels", "l.idx")
        model = self.model()
        self.cut_short()
        ran = harness.thalweg("resume", self.folder / "o", cwd="/")  # paths are kept absolute
        self.assert_exit(ran, 0)
        self.assertEqual(self.model(), model)
        self.cut_short()
        self.write("l.idx", idx_pair(self.images, self.labels[1:] + [0])[1])
        self.assert_error(self.run_in_folder("resume", "o"), 3, r"l\.idx, changed since the run")

    def test_resume_from_stdin(self):
        for content, words in ((self.image_bytes, ["--labels", "l.idx"]), (cifar(20, 3), [])):
            self.train("-", *words, stdin=content)
            model = self.model()
            self.cut_short()
            self.assert_exit(self.run_in_folder("resume", "o"), 0)
            self.assertEqual(self.model(), model)

    def test_force_does_not_remove_the_labels(self):
        self.train("i.idx", "--labels", "l.idx")
        labels = self.folder / "o/stdin.data"
        labels.write_bytes(self.label_bytes)
        ran = self.run_in_folder("train", "i.idx", "--labels", "o/stdin.data", "--out", "o",
                                 "--force", *QUICK)
        self.assert_error(ran, 2, "--labels is a file of the run in --out")
        self.assertEqual(labels.read_bytes(), self.label_bytes)


class Batches(CliTest):
    """Networks on random batches."""

    def setUp(self):
        super().setUp()
        for name, content in zip(("i.idx", "l.idx"), idx_pair(*make_images(1200, 1))):
            self.write(name, content)

    def train(self, method, *words):
        ran = self.run_in_folder("train", "i.idx", "--labels", "l.idx", "--model", "mlp:16,8",
                                 "--method", method, *words, "--json", "--out", "o", "--force")
        self.assertIn(ran.code, (0, 5), ran.err)
        return ran.json()

    def test_float32_is_near_double(self):
        images, labels = make_images(300, 2)
        self.write("j.idx", idx_pair(images, labels)[0])
        for method in ("adam", "ian-sgd", "clipped-sgd"):
            with self.subTest(method=method):
                outcomes, right = [], []
                for precision in ("float32", "double"):
                    words = ["--max-steps", "300", "--precision", precision]
                    outcomes.append(self.train(method, *words)["outcome"])
                    ran = self.run_in_folder("predict", "o", "j.idx")
                    rows = csv.DictReader(io.StringIO(ran.out))
                    right.append(sum(int(row["label"]) == label
                                     for row, label in zip(rows, labels)))
                single, double = (outcome["loss"] for outcome in outcomes)
                self.assertNotEqual(single, double)
                self.assertAlmostEqual(single, double, delta=0.02 * double)
                self.assertGreater(min(right), 270)
                self.assertLess(abs(right[0] - right[1]), 6)

    def test_the_plan_counts_epochs(self):
        record = self.train("adam")
        chosen = {decision["what"]: decision["chosen"] for decision in record["plan"]["decisions"]}
        self.assertEqual(chosen["steps"], "at most 375")  # 20 epochs in batches of 64
        self.assertEqual(chosen["schedule"], "cosine")
        self.assertLessEqual(record["outcome"]["steps"], 375)


def cifar(count, seed):
    """Records of three classes, each bright in another plane."""
    rng = random.Random(seed)
    records = []
    for i in range(count):
        label = (0, 4, 9)[i % 3]
        planes = [bytes(rng.randrange(100 + 156 * (plane == i % 3)) for _ in range(1024))
                  for plane in range(3)]
        records.append(bytes([label]) + b"".join(planes))
    return b"".join(records)


class Cifar(CliTest):
    def test_trains_and_predicts(self):
        self.write("data_batch.bin", cifar(30, 1) + cifar(15, 2))  # two batches in one file
        ran = self.run_in_folder("train", "data_batch.bin", *QUICK, "--out", "o", "--json")
        self.assert_exit(ran, 0)
        self.assertRegex(ran.err, r"data_batch\.bin: 45 samples of 3 x 32 x 32 numbers, CIFAR-10")
        self.assertEqual(ran.json()["data"]["classes"], ["0", "4", "9"])
        self.assertGreater(ran.json()["outcome"]["train"]["accuracy"], 0.9)
        self.write("test.bin.gz", gzip.compress(cifar(12, 3)))
        ran = self.run_in_folder("predict", "o", "test.bin.gz")
        self.assert_exit(ran, 0)
        found = [int(row["label"]) for row in csv.DictReader(io.StringIO(ran.out))]
        self.assertEqual(found, [0, 4, 9] * 4)
        ran = self.run_in_folder("certify", "o", "data_batch.bin")
        self.assertIn(ran.code, (0, 7), ran.err)


class Published(CliTest):
    """The files that users have."""

    def file(self, name):
        folder = os.environ.get("THALWEG_TEST_DATA")
        if not folder:
            self.skipTest("THALWEG_TEST_DATA is not set")
        path = pathlib.Path(folder) / name
        if not path.exists():
            self.skipTest(f"{name} is absent in THALWEG_TEST_DATA")
        return path

    def accuracy(self, *words):
        ran = self.run_in_folder("train", *words, "--model", "mlp:16", "--method", "lbfgs",
                                 "--max-steps", "30", "--test", "0.2", "--out", "o", "--json")
        self.assert_exit(ran, 0)
        return ran.json()["outcome"]["test"]["accuracy"]

    def test_fashion_mnist(self):
        images = self.file("fashion_mnist/test2k-images-idx3-ubyte.gz")
        labels = self.file("fashion_mnist/test2k-labels-idx1-ubyte.gz")
        self.assertGreater(self.accuracy(images, "--labels", labels), 0.7)

    def test_cifar10(self):
        batch = self.file("cifar10/test_batch_1k.bin")
        self.assertGreater(self.accuracy(batch), 0.15)  # 0.1 by chance


if __name__ == "__main__":
    harness.main()
