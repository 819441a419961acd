"""Words on the command line: help, version, and everything that is a usage error (exit 2)."""

import harness
from harness import CliTest

TABLE = "a,b,y\n" + "".join(f"{i},{(i * 7) % 11},{(i * i) % 13 + 0.5}\n" for i in range(40))
COMMANDS = ["train", "check", "plan", "compare", "predict", "certify", "resume", "report", "solve",
            "methods"]


class Help(CliTest):
    def test_version(self):
        ran = self.run_in_folder("--version")
        self.assert_exit(ran, 0)
        self.assertRegex(ran.out, r"^thalweg \d+\.\d+\.\d+ \(\w+\)\n$")

    def test_help_lists_every_command(self):
        ran = self.run_in_folder("--help")
        self.assert_exit(ran, 0)
        for command in COMMANDS:
            self.assertIn(command, ran.out)

    def test_each_command_has_help(self):
        for command in COMMANDS:
            ran = self.run_in_folder(command, "--help")
            self.assert_exit(ran, 0)
            self.assertIn("--json", ran.out)

    def test_train_help_names_the_options_of_the_contract(self):
        out = self.run_in_folder("train", "--help").out
        for option in ("target features drop task model activation method option target-loss "
                       "max-steps time-limit validation test patience seed threads missing "
                       "categorical delimiter no-standardize init memory-limit out force config "
                       "json quiet verbose no-progress").split():
            self.assertIn("--" + option, out)


class UsageErrors(CliTest):
    def setUp(self):
        super().setUp()
        self.write("t.csv", TABLE)

    def train(self, *words):
        return self.run_in_folder("train", "t.csv", "--target", "y", "--out", "o", *words)

    def check_refused(self, words, pattern):
        ran = self.train(*words)
        self.assert_error(ran, 2, pattern)
        self.assertEqual(ran.out, "")
        self.assertFalse((self.folder / "o").exists())

    def test_no_command(self):
        self.assert_error(self.run_in_folder(), 2, "train, check")

    def test_unknown_command(self):
        self.assert_error(self.run_in_folder("contrast"), 2, 'unknown command "contrast"')

    def test_no_data(self):
        self.assert_error(self.run_in_folder("train", "--target", "y"), 2, "DATA")

    def test_no_target(self):
        self.assert_error(self.run_in_folder("train", "t.csv"), 2, "--target")

    def test_words_that_cannot_be_used(self):
        for words, pattern in [
            (["--bogus"], "--bogus"),
            (["--method", "magic"], "magic.*levenberg-marquardt"),
            (["--method", "levenberg-marquardt", "--option", "bogus=1"], "bogus.*damping"),
            (["--method", "lbfgs", "--option", "memory=-3"], "memory"),
            (["--option", "novalue"], "KEY=VALUE"),
            (["--option", "eps=-1"], "eps"),
            (["--model", "cnn"], "mlp:W"),
            (["--model", "mlp:0"], "mlp:W"),
            (["--model", "mlp:8,"], "mlp:W"),
            (["--activation", "step"], "tanh"),
            (["--task", "guess"], "regression"),
            (["--missing", "ignore"], "refuse, drop, mean"),
            (["--categorical", "a"], "onehot:COL"),
            (["--delimiter", "ab"], "one character"),
            (["--validation", "1.5"], "--validation"),
            (["--validation", "nan"], "--validation"),
            (["--validation", "0.6", "--test", "0.6"], "below 1"),
            (["--max-steps", "-1"], "--max-steps"),
            (["--max-steps", "many"], "--max-steps"),
            (["--time-limit", "soon"], "90s"),
            (["--memory-limit", "lots"], "4G"),
            (["--seed", "-1"], "--seed"),
            (["--seed", "1.5"], "--seed"),
            (["--threads", "0"], "--threads"),
            (["--patience", "0"], "--patience"),
            (["--target-loss", "inf"], "--target-loss"),
            (["--features", "nope"], "nope"),
            (["--drop", "nope"], "nope"),
            (["extra.csv"], "extra.csv"),
            (["--seed", "1", "--seed", "2"], "--seed.*2 times"),
        ]:
            with self.subTest(words=words):
                self.check_refused(words, pattern)

    def test_unknown_target_lists_the_columns(self):
        ran = self.run_in_folder("train", "t.csv", "--target", "z", "--out", "o")
        self.assert_error(ran, 2, "z.*a.*b.*y")

    def test_all_complaints_at_once(self):
        self.check_refused(["--seed", "x", "--validation", "2"], "validation.*seed")

    def test_start_parameters_of_wrong_count(self):
        self.write("init.csv", "w\n1\n2\n")
        self.check_refused(["--model", "mlp:3", "--init", "init.csv"], "13 parameters|13 numbers")

    def test_json_error_is_one_object(self):
        for words in (["--json", "--seed", "x"], ["--json", "--bogus"]):
            ran = self.train(*words)
            self.assert_exit(ran, 2)
            error = ran.json()
            self.assertEqual(error["schema"], "thalweg-report/1")
            self.assertEqual(error["error"]["code"], 2)
            self.assertTrue(error["error"]["what"])

    def test_unknown_method_page(self):
        self.assert_error(self.run_in_folder("methods", "magic"), 2, "adapted-flow")

    def test_unknown_problem(self):
        ran = self.run_in_folder("solve", "nist:Nothing")
        self.assert_error(ran, 2, "Misra1a")
        self.assert_error(self.run_in_folder("solve", "rosenbrock"), 2, "nist:")
        self.assert_error(self.run_in_folder("solve", "nist:Misra1a", "--start", "3"), 2, "--start")


class Config(CliTest):
    def setUp(self):
        super().setUp()
        self.write("t.csv", TABLE)

    def test_flags_win(self):
        self.write("run.toml", 'target = "y"\nmodel = "mlp:3"\nseed = 7\nno-standardize = true\n'
                               'method = "levenberg-marquardt"\n[option]\ndamping = "fixed"\n')
        ran = self.run_in_folder("plan", "t.csv", "--config", "run.toml", "--json", "--seed", "8")
        if ran.code == 2 and "damping" in ran.err:
            self.fail(ran.err)
        self.assert_exit(ran, 0)
        report = ran.json()
        self.assertEqual(report["manifest"]["seed"], 8)
        self.assertEqual(report["problem"]["model"], "mlp:3")
        self.assertEqual(report["plan"]["options"]["damping"], "fixed")

    def test_unknown_key(self):
        self.write("run.toml", 'target = "y"\n\ncolour = "blue"\n')
        ran = self.run_in_folder("plan", "t.csv", "--config", "run.toml")
        self.assert_error(ran, 2, r"run\.toml:3.*colour.*target")

    def test_not_toml(self):
        self.write("run.toml", "target = = 1\n")
        ran = self.run_in_folder("plan", "t.csv", "--config", "run.toml")
        self.assert_error(ran, 2, r"run\.toml:1")

    def test_missing_file(self):
        self.assert_error(self.run_in_folder("plan", "t.csv", "--config", "no.toml"), 3, "no.toml")


if __name__ == "__main__":
    harness.main()
