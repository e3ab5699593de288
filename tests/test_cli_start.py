"""Verbs that need no TensorFlow do without it, and start fast."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner.papers import write_papers

_PROGRAM = """
import sys
from tfgnn_ext.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
heavy = {"tensorflow", "tensorflow_gnn", "apache_beam", "sklearn", "matplotlib"}
light = {"numba", "numpy", "pyarrow", "pandas"}
print(sorted(heavy & set(sys.modules)), sorted(light & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("papers")
    write_papers(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "loads_nothing"),
    [
        ("--help", True),
        ("--version", True),
        ("run --help", True),
        ("doctor", True),
        ("check papers.yaml", False),
        ("schema infer --nodes paper=paper.parquet", False),
        ("sample papers.yaml --out samples", False),
    ],
)
def test_start(folder: Path, arguments: str, loads_nothing: bool) -> None:
    command = [sys.executable, "-c", _PROGRAM, *arguments.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    heavy, light = done.stderr.splitlines()[-1].split("] ")
    assert heavy == "["
    assert not loads_nothing or light == "[]"
