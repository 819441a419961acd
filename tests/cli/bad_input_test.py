"""Data, folders and model files that cannot be used: exit code, message, and never a crash."""

import gzip
import json
import os
import random
import struct

import harness
from harness import CliTest

ROWS = [f"{i},{(i * 7) % 11},{(i * i) % 13 + 0.5}" for i in range(40)]
TABLE = "a,b,y\n" + "\n".join(ROWS) + "\n"
QUICK = ["--model", "mlp:3", "--max-steps", "3"]


def with_cell(row, column, cell):
    lines = [line.split(",") for line in ROWS]
    lines[row][column] = cell
    return "a,b,y\n" + "\n".join(",".join(line) for line in lines) + "\n"


def metadata_of(checkpoint):
    size, = struct.unpack_from("<Q", checkpoint)
    return json.loads(checkpoint[8:8 + size])["__metadata__"]


def fingerprint(header, numbers):
    """That of a checkpoint, which has numbers of 8 bytes only."""
    words = []

    def add_text(text):
        content = text.encode()
        words.extend([len(content), *content])

    for key, text in sorted(header["__metadata__"].items()):
        if key != "fingerprint":
            add_text(key)
            add_text(text)
    for name in sorted(header.keys() - {"__metadata__"}):
        add_text(name)
        words.extend(header[name]["shape"])
        begin, end = header[name]["data_offsets"]
        words.extend(struct.unpack(f"<{(end - begin) // 8}Q", numbers[begin:end]))
    value, mask = 14695981039346656037, 2**64 - 1
    for word in words:
        turned = (value << 23 | value >> 41) & mask
        value = (turned ^ word) * 1099511628211 & mask
    return f"{value:016x}"


def with_metadata(checkpoint, entries):
    """The checkpoint with other texts in it, and the fingerprint that belongs to them."""
    size, = struct.unpack_from("<Q", checkpoint)
    header, numbers = json.loads(checkpoint[8:8 + size]), checkpoint[8 + size:]
    header["__metadata__"].update(entries)
    header["__metadata__"]["fingerprint"] = fingerprint(header, numbers)
    content = json.dumps(header).encode()
    content += b" " * (-len(content) % 8)
    return struct.pack("<Q", len(content)) + content + numbers


class Tables(CliTest):
    def train(self, content, *words):
        self.write("t.csv", content)
        return self.run_in_folder("train", "t.csv", "--target", "y", "--out", "o", *QUICK, *words)

    def check_refused(self, content, pattern, *words, code=3):
        ran = self.train(content, *words)
        self.assert_error(ran, code, pattern)
        self.assertFalse((self.folder / "o").exists(), "the folder was touched")
        self.assertNotIn("certificates", ran.out)

    def test_a_good_table_passes(self):  # what the refusals below differ from
        self.assert_exit(self.train(TABLE), 0)

    def test_empty_file(self):
        self.check_refused("", r"t\.csv.*empty")

    def test_header_only(self):
        self.check_refused("a,b,y\n", r"t\.csv")

    def test_one_row(self):
        self.check_refused("a,b,y\n1,2,3\n", r"t\.csv.*row")

    def test_ragged_row(self):
        self.check_refused(TABLE + "1,2\n", r"t\.csv:42.*(2|3)")

    def test_text_in_a_number_column(self):
        self.check_refused(with_cell(4, 1, "high"), r't\.csv:6:2: .*"high"')

    def test_decimal_comma_is_named(self):
        self.check_refused(with_cell(4, 1, '"1,5"'), r"t\.csv:6:2: .*1\.5")

    def test_text_target_of_a_regression(self):
        self.check_refused(with_cell(4, 2, "high"), r"t\.csv:6:3", "--task", "regression")

    def test_inf_nan_and_overflow(self):
        for cell in ("inf", "-Infinity", "nan", "NaN", "1e999"):
            with self.subTest(cell=cell):
                self.check_refused(with_cell(3, 0, cell), r"t\.csv:5:1")
                self.check_refused(with_cell(3, 2, cell), r"t\.csv:5:3", "--task", "regression")

    def test_missing_cell(self):
        self.check_refused(with_cell(3, 0, ""), r"a.*(drop|mean)")
        self.assert_exit(self.train(with_cell(3, 0, ""), "--missing", "drop"), 0)

    def test_duplicate_names(self):
        self.check_refused(TABLE.replace("a,b,y", "a,a,y"), r"t\.csv:1:2")

    def test_nul_and_invalid_utf8(self):
        self.check_refused(TABLE.encode() + b"1,\x00,3\n", r"t\.csv:42.*NUL")
        self.check_refused(TABLE.encode() + b"1,\xff\xfe,3\n", r"t\.csv:42.*UTF-8")

    def test_unclosed_quote(self):
        self.check_refused(TABLE + '1,"2,3\n', r"t\.csv:42.*quote")

    def test_missing_file_and_directory(self):
        ran = self.run_in_folder("train", "no.csv", "--target", "y")
        self.assert_error(ran, 3, r"no\.csv: ")
        ran = self.run_in_folder("train", ".", "--target", "y")
        self.assert_error(ran, 3, r"(directory|folder)")

    def test_an_empty_name_is_a_missing_file(self):
        ran = self.run_in_folder("train", "", "--target", "y")
        self.assert_error(ran, 3, "DATA: the name of the file is empty")
        self.assert_exit(self.train(TABLE), 0)
        self.assert_error(self.run_in_folder("predict", "o", ""), 3, "DATA")
        self.assert_error(self.run_in_folder("certify", "o", ""), 3, "DATA")

    def test_constant_columns_are_left_out_with_a_warning(self):
        lines = TABLE.splitlines()
        table = "\n".join([lines[0] + ",c"] + [line + ",5" for line in lines[1:]]) + "\n"
        ran = self.train(table)
        self.assert_exit(ran, 0)
        self.assertRegex(ran.err, r"warning: .*constant.*c")
        report = json.loads((self.folder / "o/report.json").read_text())
        self.assertEqual(report["data"]["dropped_columns"], ["c"])
        self.assertEqual(report["data"]["features"], ["a", "b"])

    def test_only_constant_columns(self):
        table = "a,y\n" + "".join(f"1,{i * 0.7}\n" for i in range(40))
        self.check_refused(table, "constant")

    def test_ten_thousand_columns(self):
        rng = random.Random(5)
        columns = 10_000
        rows = [",".join(f"{rng.random():.3f}" for _ in range(columns)) for _ in range(12)]
        table = ",".join(f"x{j}" for j in range(columns - 1)) + ",y\n" + "\n".join(rows) + "\n"
        ran = self.train(table)
        self.assert_exit(ran, 0)

    def test_too_few_rows_for_the_splits(self):
        table = "a,y\n1,0.5\n2,1.5\n3,2.5\n"
        self.check_refused(table, "rows", "--validation", "0.4", "--test", "0.5", code=4)

    def test_too_little_memory(self):
        self.check_refused(TABLE, "memory|bytes|MB|GB", "--memory-limit", "1K", code=4)
        self.write("t.csv", TABLE)
        ran = self.run_in_folder("train", "t.csv", "--target", "y", "--model",
                                 "mlp:1000000,1000000")  # eight terabytes
        self.assert_error(ran, 4, "memory|bytes|MB|GB|TB")

    def test_stdin_and_gzip_and_crlf_and_bom(self):
        ran = self.run_in_folder("train", "-", "--target", "y", "--out", "p", *QUICK,
                                 stdin=TABLE.encode())
        self.assert_exit(ran, 0)
        dressed = gzip.compress(("\ufeff" + TABLE.replace("\n", "\r\n")).encode())
        self.assert_exit(self.train(dressed), 0)
        models = [(self.folder / name / "model.safetensors").read_bytes() for name in "op"]
        self.assertEqual(models[0], models[1])

    def test_json_errors_carry_code_and_place(self):
        ran = self.train(with_cell(4, 1, "high"), "--json")
        self.assert_exit(ran, 3)
        error = ran.json()["error"]
        self.assertEqual((error["code"], error["where"]), (3, "t.csv:6:2"))
        self.assertTrue(error["remedy"])

    def test_start_parameters_that_are_no_numbers(self):
        self.write("init.csv", "w\n1\ntwo\n")
        self.check_refused(TABLE, r"init\.csv:3:1", "--init", "init.csv")
        self.write("init.npy", b"\x93NUMPY\x01\x00\xff\xff{'descr'")
        self.check_refused(TABLE, r"init\.npy.*truncated", "--init", "init.npy")


def idx(sizes, numbers, kind=0x08):
    return struct.pack(f">HBB{len(sizes)}I", 0, kind, len(sizes), *sizes) + bytes(numbers)


class Images(CliTest):
    IMAGES = idx([12, 2, 2], (at * 7 % 256 for at in range(48)))
    LABELS = idx([12], [0, 1, 2] * 4)

    def train(self, images=IMAGES, labels=LABELS, words=()):
        self.write("i.idx", images)
        self.write("l.idx", labels)
        return self.run_in_folder("train", "i.idx", "--labels", "l.idx", "--out", "o", *QUICK,
                                  *words)

    def check_refused(self, pattern, *content, code=3, words=()):
        with self.subTest(pattern=pattern):
            self.assert_error(self.train(*content, words=words), code, pattern)
            self.assertFalse((self.folder / "o").exists(), "the folder was touched")

    def test_good_images_pass(self):  # what the refusals below differ from
        self.assert_exit(self.train(), 0)

    def test_headers_and_sizes(self):
        pixels = self.IMAGES[16:]
        self.check_refused(r"i\.idx: the file is empty; ", b"")
        for length in (3, 4, 10, 15):
            self.check_refused(r"i\.idx: the file ends within its header", self.IMAGES[:length])
        self.check_refused(r"i\.idx: .*12 x 2 x 2 .* 47 bytes follow; .*", self.IMAGES[:-1])
        self.check_refused(r"i\.idx: .*12 x 2 x 2 .* 49 bytes follow; .*", self.IMAGES + b"\n")
        self.check_refused(r"i\.idx: .*0 x 2 x 2 numbers, that is none", idx([0, 2, 2], []))
        self.check_refused(r"i\.idx: 0x0a is no type", idx([12, 2, 2], pixels, 0x0A))
        self.check_refused(r"i\.idx: an IDX file of 5 dim", idx([12, 2, 2, 1, 1], pixels))
        for sizes in ([2**32 - 1] * 4, [2**16] * 4, [2**31, 2**31, 4], [2**32 - 1]):
            self.check_refused(r"i\.idx: the header announces \d+", idx(sizes, pixels))
        nan = struct.pack(">4f", 1, 2, float("nan"), 4)
        self.check_refused(r"i\.idx:1:4: .*not finite", idx([1, 4], nan, 0x0D), idx([1], [1]))

    def test_labels(self):
        self.check_refused(r"l\.idx: the file is empty", self.IMAGES, b"")
        self.check_refused(r"l\.idx: the labels are no IDX file; ", self.IMAGES, b"0\n1\n2\n" * 4)
        self.check_refused(r"l\.idx: an IDX file of 12 x 2 x 2", self.IMAGES, self.IMAGES)
        self.check_refused(r"l\.idx: 11 labels, and i\.idx has 12 samples", self.IMAGES,
                           idx([11], [0, 1] * 5 + [2]))
        self.check_refused(r"l\.idx: .*12 numbers .* 13 bytes follow", self.IMAGES,
                           self.LABELS + b"\1")
        self.check_refused("of class '1'", self.IMAGES, idx([12], [1] * 12))

    def test_labels_that_belong_to_nothing(self):
        self.check_refused(r"i\.idx: labels in a file of their own", TABLE.encode(), code=2)
        self.check_refused(r"i\.idx: labels in a file of their own", b"1 1:2\n2 1:3\n", code=2)
        self.check_refused(r"--labels .* --delimiter", code=2, words=["--delimiter", ","])
        self.check_refused(r"--target: the target of IDX data", code=2, words=["--target", "x1"])
        for name in ("i.idx", "l.idx"):
            ran = self.run_in_folder("train", name, *QUICK, "--out", "o")
            pattern = r"i\.idx: the images have no labels; give --labels"
            if name == "l.idx":
                pattern = r"l\.idx: one number per sample: labels, and no images"
            self.assert_error(ran, 2 if name == "i.idx" else 3, pattern)
        for name, code in (("-", 2), ("", 3), ("no.idx", 3), (".", 3)):
            ran = self.run_in_folder("train", "i.idx", "--labels", name, "--out", "o")
            self.assert_error(ran, code, r"--labels|no\.idx|directory")

    def test_constant_images(self):
        self.check_refused("every feature is constant", idx([12, 2, 2], [7] * 48))

    def test_too_little_memory(self):
        self.check_refused("memory|bytes|MB|GB", code=4, words=["--memory-limit", "300"])

    def test_cifar(self):
        records = b"".join(bytes([label]) + bytes(range(256)) * 12 for label in (0, 3, 9, 3))
        for content, pattern in [
            (records[:-1], r"c\.bin: 12291 bytes, where CIFAR-10 has 3073"),
            (records + b"\0", r"c\.bin: 12293 bytes"),
            (records[:3073] + b"\x0a" + records[3074:], r"c\.bin:2:1: label 10, .*0 to 9"),
            (records[:3073], r"c\.bin: 1 usable row"),
            ((b"\1" + records)[:6148], "CIFAR-100"),
            (b"", r"c\.bin: the file is empty"),
        ]:
            with self.subTest(pattern=pattern):
                self.write("c.bin", content)
                self.assert_error(self.run_in_folder("train", "c.bin", "--out", "o", *QUICK), 3,
                                  pattern)
        self.write("c.bin", records)
        self.write("l.idx", self.LABELS)
        ran = self.run_in_folder("train", "c.bin", "--labels", "l.idx", "--out", "o")
        self.assert_error(ran, 2, r"c\.bin: labels in a file of their own .*CIFAR-10 has them")

    def test_mutated_bytes_never_crash(self):
        rng = random.Random(13)
        for _ in range(40):
            content = [bytearray(self.IMAGES), bytearray(self.LABELS)]
            for _ in range(rng.randint(1, 3)):
                target = content[rng.randrange(2)]
                target[rng.randrange(min(len(target), 20))] = rng.randrange(256)
            ran = self.train(*map(bytes, content), words=["--force"])
            self.assertIn(ran.code, (0, 2, 3, 5), ran.err)
            self.assertNotIn("Sanitizer", ran.err)


class Folders(CliTest):
    def setUp(self):
        super().setUp()
        self.write("t.csv", TABLE)

    def train(self, *words):
        return self.run_in_folder("train", "t.csv", "--target", "y", *QUICK, *words)

    def test_not_empty(self):
        (self.folder / "o").mkdir()
        (self.folder / "o/mine.txt").write_text("keep")
        self.assert_error(self.train("--out", "o"), 3, "--force")
        self.assertEqual(os.listdir(self.folder / "o"), ["mine.txt"])
        self.assert_exit(self.train("--out", "o", "--force"), 0)
        self.assertEqual((self.folder / "o/mine.txt").read_text(), "keep")

    def test_a_file_in_the_way(self):
        self.write("o", "a file")
        self.assert_error(self.train("--out", "o"), 3, "folder")
        self.assert_error(self.train("--out", "o/deeper"), 3, "deeper")

    def test_unwritable(self):
        self.assert_error(self.train("--out", "/proc/thalweg-run"), 3, "/proc/thalweg-run")

    def test_parents_are_made(self):
        self.assert_exit(self.train("--out", "p/q/r"), 0)
        self.assertTrue((self.folder / "p/q/r/report.json").exists())

    def test_check_and_plan_write_nothing(self):
        before = sorted(os.listdir(self.folder))
        for command in ("check", "plan"):
            ran = self.run_in_folder(command, "t.csv", "--target", "y")
            self.assert_exit(ran, 0)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_resume_and_report_without_a_run(self):
        self.assert_error(self.run_in_folder("resume", "nowhere"), 3,
                          "nowhere: no such folder: nothing was written yet")
        (self.folder / "empty").mkdir()
        self.assert_error(self.run_in_folder("resume", "empty"), 3, "nothing was written yet")
        self.assert_error(self.run_in_folder("report", "empty"), 3, "report.json")

    def test_resume_with_changed_data(self):
        self.assert_exit(self.train("--out", "o"), 0)
        (self.folder / "o/report.json").unlink()  # as if the run had not ended
        self.write("t.csv", TABLE.replace("0.5", "0.25", 1))
        self.assert_error(self.run_in_folder("resume", "o"), 3, "changed")

    def test_force_does_not_remove_its_own_input(self):
        self.assert_exit(self.run_in_folder("train", "-", "--target", "y", "--out", "o", *QUICK,
                                            stdin=TABLE.encode()), 0)
        copy = self.folder / "o/stdin.data"
        (self.folder / "link.csv").symlink_to(copy)
        names = sorted(os.listdir(self.folder / "o"))
        for name in ("o/stdin.data", copy, "link.csv"):
            for command in ("train", "check"):
                ran = self.run_in_folder(command, name, "--target", "y", "--out", "o", "--force",
                                         *QUICK)
                self.assert_error(ran, 2, "DATA is a file of the run in --out")
        ran = self.train("--out", "o", "--force", "--init", "o/trace.csv")
        self.assert_error(ran, 2, "o/trace.csv: --init is a file of the run in --out")
        self.assertEqual(sorted(os.listdir(self.folder / "o")), names)
        self.assertEqual(copy.read_text(), TABLE)
        ran = self.run_in_folder("train", "o/stdin.data", "--target", "y", "--out", "p", *QUICK)
        self.assert_exit(ran, 0)

    def test_damaged_report(self):
        self.assert_exit(self.train("--out", "o"), 0)
        path = self.folder / "o/report.json"
        text = path.read_text()
        for damaged in (text[: len(text) // 2], "[]", '{"schema": "other"}',
                        text.replace('"steps": 3', '"steps": "three"')):
            path.write_text(damaged)
            self.assert_error(self.run_in_folder("report", "o"), 3, r"report\.json")


class Models(CliTest):
    def setUp(self):
        super().setUp()
        self.write("t.csv", TABLE)
        ran = self.run_in_folder("train", "t.csv", "--target", "y", "--out", "o", *QUICK)
        self.assert_exit(ran, 0)
        self.model = (self.folder / "o/model.safetensors").read_bytes()

    def predict(self, content):
        self.write("m.safetensors", content)
        return self.run_in_folder("predict", "m.safetensors", "t.csv")

    def test_the_model_itself_predicts(self):
        ran = self.predict(self.model)
        self.assert_exit(ran, 0)
        self.assertEqual(len(ran.out.splitlines()), 41)

    def test_truncated(self):
        for length in (0, 4, 8, 30, len(self.model) // 2, len(self.model) - 1):
            with self.subTest(length=length):
                self.assert_error(self.predict(self.model[:length]), 3, r"m\.safetensors")

    def test_hostile_header(self):
        for header in (b"{}", b"[1]", b"null", b'{"a":{"dtype":"F64","shape":[1e30],'
                       b'"data_offsets":[0,8]}}'):
            content = struct.pack("<Q", len(header)) + header
            self.assert_error(self.predict(content), 3, r"m\.safetensors")
        for length in (2**63, 2**40, 101 * 2**20):
            self.assert_error(self.predict(struct.pack("<Q", length) + b"{}"), 3, r"m\.safetensors")

    def test_mutated_bytes_never_crash(self):
        rng = random.Random(11)
        for _ in range(60):
            content = bytearray(self.model)
            for _ in range(rng.randint(1, 8)):
                content[rng.randrange(min(len(content), 4096))] = rng.randrange(256)
            ran = self.predict(bytes(content))
            self.assertIn(ran.code, (0, 3), ran.err)
            self.assertNotIn("Sanitizer", ran.err)

    def test_mutated_checkpoint_never_crashes(self):
        path = self.folder / "o/checkpoint.safetensors"
        checkpoint = path.read_bytes()
        (self.folder / "o/report.json").unlink()
        rng = random.Random(12)
        for _ in range(30):
            content = bytearray(checkpoint)
            for _ in range(rng.randint(1, 8)):
                content[rng.randrange(len(content))] = rng.randrange(256)
            path.write_bytes(bytes(content))
            ran = self.run_in_folder("resume", "o")
            self.assertIn(ran.code, (0, 2, 3, 4, 5, 6), ran.err)
            self.assertNotIn("Sanitizer", ran.err)
            (self.folder / "o/report.json").unlink(missing_ok=True)

    def test_certify_on_a_report_without_its_sections(self):
        path = self.folder / "o/report.json"
        whole = json.loads(path.read_text())
        self.assertIn(self.run_in_folder("certify", "o", "t.csv").code, (0, 7))
        path.write_text('{"schema": "thalweg-report/1"}')
        self.assert_error(self.run_in_folder("certify", "o", "t.csv"), 3, r"report\.json")
        for section in ("problem", "preflight", "plan", "forecast"):
            part = {key: value for key, value in whole.items() if key != section}
            path.write_text(json.dumps(part))
            with self.subTest(section=section):
                self.assert_error(self.run_in_folder("certify", "o", "t.csv"), 3,
                                  r"report\.json: not the report of a run")

    def test_resume_from_a_record_without_its_sections(self):
        path = self.folder / "o/checkpoint.safetensors"
        checkpoint = path.read_bytes()
        (self.folder / "o/report.json").unlink()
        path.write_bytes(with_metadata(checkpoint, {}))
        self.assert_exit(self.run_in_folder("resume", "o"), 0)  # forged well: the same content
        record = json.loads(metadata_of(checkpoint)["extra/record"])
        for section in ("problem", "preflight", "plan", "forecast"):
            (self.folder / "o/report.json").unlink(missing_ok=True)
            part = {key: value for key, value in record.items() if key != section}
            path.write_bytes(with_metadata(checkpoint, {"extra/record": json.dumps(part)}))
            with self.subTest(section=section):
                self.assert_error(self.run_in_folder("resume", "o"), 3, "not complete")

    def test_missing_model_and_columns(self):
        self.assert_error(self.run_in_folder("predict", "no.safetensors", "t.csv"), 3, "no.safe")
        self.write("u.csv", "a,z\n1,2\n3,4\n")
        self.assert_error(self.run_in_folder("predict", "o", "u.csv"), 3, "b")


if __name__ == "__main__":
    harness.main()
