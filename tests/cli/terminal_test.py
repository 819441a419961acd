"""What a terminal sees: the progress line, colours only where they are welcome."""

import os
import pty
import subprocess

import harness
from harness import CliTest, data


def on_terminal(*words, cwd, **environment):
    """Runs with stderr on a pseudo-terminal; returns stdout and what the terminal showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen([harness.BINARY, *map(str, words)], cwd=cwd, stderr=slave,
                               stdout=subprocess.PIPE, env={**os.environ, **environment})
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    out = process.communicate()[0].decode()
    os.close(master)
    return out, shown.decode()


class Terminal(CliTest):
    def train(self, *words, **environment):
        return on_terminal("train", data("yacht"), "--target", "resid_resistance", "--method",
                           "adam", "--max-steps", "400", "--out", "o", "--force", *words,
                           cwd=self.folder, **environment)

    def test_progress_line(self):
        out, shown = self.train()
        self.assertRegex(shown, r"\rstep +\d+  loss \d\.\d+e[-+]\d+")
        self.assertNotIn("\rstep", out)

    def test_no_progress_where_it_is_not_wanted(self):
        for words in (["--no-progress"], ["--quiet"]):
            self.assertNotIn("\rstep", self.train(*words)[1])
        ran = self.run_in_folder("train", data("yacht"), "--target", "resid_resistance",
                                 "--max-steps", "20", "--out", "p")
        self.assertNotIn("\rstep", ran.err)

    def test_colours(self):
        words = ["train", "absent.csv", "--target", "y"]
        self.assertIn("\x1b[", on_terminal(*words, cwd=self.folder, NO_COLOR="")[1])
        self.assertNotIn("\x1b[", on_terminal(*words, cwd=self.folder, NO_COLOR="1")[1])
        self.assertNotIn("\x1b[", self.run_in_folder(*words).err)

    def test_verbose_speaks_on_stderr_only(self):
        words = ["check", data("yacht"), "--target", "resid_resistance", "--memory-limit", "1G"]
        quiet, loud = self.run_in_folder(*words), self.run_in_folder(*words, "-v")
        self.assertEqual(quiet.out, loud.out)
        self.assertGreater(len(loud.err), len(quiet.err))


if __name__ == "__main__":
    harness.main()
