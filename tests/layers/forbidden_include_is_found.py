#!/usr/bin/env python3
"""The layer check must fail on a forbidden include, or it guards nothing."""
import pathlib
import subprocess
import sys
import tempfile

CASES = {
    "src/core/a.cpp": '#include "thalweg/run/run.hpp"\n',
    "src/problem/a.cpp": '#include "thalweg/method/lbfgs.hpp"\n',
    "src/linalg/a.cpp": '#include "problem/private.hpp"\n',
    "include/thalweg/run/a.hpp": "#include <nlohmann/json.hpp>\n",
    "src/drawer/a.cpp": "int a;\n",
}
check = pathlib.Path(__file__).with_name("check_includes.py")
for name, text in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        result = subprocess.run([sys.executable, check, folder], capture_output=True, text=True)
        if result.returncode != 1 or name + ":1:" not in result.stdout:
            sys.exit(f"not found: {name}: {text}{result.stdout}{result.stderr}")
print(f"{len(CASES)} forbidden includes found")
