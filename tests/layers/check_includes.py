#!/usr/bin/env python3
"""Fails on an include that breaks the layer rule, or a heavy header in a public one.

usage: check_includes.py SOURCE_DIR     prints FILE:LINE: what, and exits 1 when anything is wrong
"""
import pathlib
import re
import sys

# Each layer with the layers whose headers it may include; itself is always allowed. Keep docs/design.md in step.
BELOW = {
    "core": [],
    "linalg": ["core"],
    "problem": ["core", "linalg"],
    "data": ["core"],
    "model": ["core", "linalg", "problem", "data"],
    "run": ["core", "linalg", "problem"],
    "method": ["core", "linalg", "problem", "run"],
    "preflight": ["core", "linalg", "problem", "data", "model", "run", "method"],
    "certify": ["core", "linalg", "problem", "data", "model", "run", "method"],
    "plan": ["core", "linalg", "problem", "data", "model", "run", "method", "preflight", "certify"],
    "report": ["core", "linalg", "problem", "data", "model", "run", "method", "preflight", "certify", "plan"],
    "session": ["core", "linalg", "problem", "data", "model", "run", "method", "preflight", "certify", "plan", "report"],
}
HEAVY = re.compile(r"^(CLI/|nlohmann/|spdlog/|Spectra/|Random123/|toml\+\+|fmt/|cblas|lapack|zlib|omp\.h)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def layer_of(path, root):
    parts = path.relative_to(root).parts
    if parts[:2] == ("include", "thalweg") and len(parts) > 3:
        return parts[2], True
    if parts[0] == "src" and len(parts) > 2:
        return parts[1], False
    return None, False


def check(path, root):
    layer, public = layer_of(path, root)
    if layer is None:
        return
    if layer not in BELOW:
        yield 1, f"folder '{layer}' is not a layer: name it in tests/layers/check_includes.py and docs/design.md"
        return
    allowed = set(BELOW[layer]) | {layer}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(1)
        used = re.match(r"(?:thalweg/)?(\w+)/", header)
        if used and used.group(1) in BELOW and used.group(1) not in allowed:
            yield number, f"{layer} may not include {header}"
        if header == "thalweg/thalweg.hpp":
            yield number, f"{layer} may not include the umbrella header"
        if public and HEAVY.match(header):
            yield number, f"public header includes {header}: keep it in a .cpp"


def main():
    root = pathlib.Path(sys.argv[1])
    files = sorted(f for d in ("include", "src") if (root / d).is_dir() for f in (root / d).rglob("*.[ch]pp"))
    problems = [f"{f.relative_to(root)}:{n}: {what}" for f in files for n, what in check(f, root)]
    print("\n".join(problems) if problems else f"{len(files)} files keep the layer rule")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
