"""Fuzzes a target with atheris: ``python -m tests.fuzz TARGET [INPUTS]``; without, lists them.

Coverage-guided: atheris watches which branches of this package and of pickle, zipfile and YAML an
input takes, and keeps those that take new ones. Needs ``pip install atheris``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["tfgnn_ext.graph", "tfgnn_ext.runner", "yaml", "zipfile", "pickle"],
    # What numba compiles is read as it is.
    exclude=["tfgnn_ext.graph.read_examples", "tfgnn_ext.graph.wire"],
):
    from tests.fuzz.targets import TARGETS, run


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        print("\n".join(TARGETS))
        return
    target = TARGETS[sys.argv[1]]
    inputs = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "good").write_bytes(target.good)
        arguments = [sys.argv[0], f"-runs={inputs}", "-timeout=10", "-rss_limit_mb=4096", corpus]
        atheris.Setup(arguments, lambda content: run(target, content))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
