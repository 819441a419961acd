#!/usr/bin/env python3
"""Fails on a relative link of a document to a file that does not exist.

usage: check_links.py SOURCE_DIR
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "data").rglob("*.md")]
broken = [
    f"{page.relative_to(root)}: {link}"
    for page in pages
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    if "://" not in link and not (page.parent / link).exists()
]
print("\n".join(broken) if broken else f"the links of {len(pages)} pages lead somewhere")
sys.exit(1 if broken or not pages else 0)
