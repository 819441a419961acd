"""Runs the binary the way a user does: a fresh folder, a command line, what came out."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BINARY = ""
DATA = pathlib.Path()


class Ran:
    """What one call returned."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.out)


def thalweg(*words, cwd=None, stdin=None, timeout=240):
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    return Ran(subprocess.run([BINARY, *map(str, words)], cwd=cwd, input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              env=environment, check=False))


class CliTest(unittest.TestCase):
    """Each test has a folder of its own, `self.folder`."""

    maxDiff = None

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="thalweg-cli-")
        self.folder = pathlib.Path(self._folder.name)

    def tearDown(self):
        self._folder.cleanup()

    def run_in_folder(self, *words, **options):
        return thalweg(*words, cwd=self.folder, **options)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    def assert_exit(self, ran, code):
        self.assertEqual(ran.code, code, f"stdout:\n{ran.out}\nstderr:\n{ran.err}")

    def assert_error(self, ran, code, pattern):
        """The one error line of the contract, and no results."""
        self.assert_exit(ran, code)
        lines = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(lines), 1, ran.err)
        self.assertRegex(lines[0], pattern)
        for sign in ("AddressSanitizer", "runtime error", "terminate called", "Assertion"):
            self.assertNotIn(sign, ran.err)


def numbers_in(value):
    """Every number of a JSON value."""
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from numbers_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from numbers_in(entry)


def nulls_in(value):
    if value is None:
        return True
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return any(nulls_in(entry) for entry in entries)


def main(take_arguments=None):
    """Called by each script: SCRIPT BINARY DATA [own arguments]."""
    global BINARY, DATA
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} BINARY DATA-FOLDER")
    BINARY = os.path.abspath(sys.argv[1])
    DATA = pathlib.Path(sys.argv[2]).resolve()
    rest = sys.argv[3:]
    if take_arguments:
        rest = take_arguments(rest)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])


def data(name):
    """A shipped table; a test that cannot find it fails, since it is part of the source."""
    found = sorted((DATA / name).glob("*.csv"))
    if not found:
        raise FileNotFoundError(f"{DATA / name} has no table")
    return found[0]
