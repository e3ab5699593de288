"""A run that is killed in the middle of an epoch and resumed leaves no trace of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(directory: Path, out: Path, *options: str) -> int:
    process = subprocess.run(
        [sys.executable, "-m", "tests.training.run_toy", str(directory), str(out), *options],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if process.returncode not in (0, -signal.SIGKILL):
        assert "Interrupted" in process.stderr, process.stderr
    return process.returncode


def _result(out: Path) -> tuple[bytes, str]:
    import numpy as np

    with np.load(f"{out}.npz") as arrays:
        weights = b"".join(arrays[name].tobytes() for name in arrays.files)
    return weights, Path(f"{out}.json").read_text()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    path = tmp_path_factory.mktemp("unbroken")
    assert _run(path / "run", path / "out") == 0
    return _result(path / "out")


def test_killed_and_resumed_equals_unbroken(tmp_path: Path, unbroken: tuple[bytes, str]) -> None:
    # Epochs have 13 steps. Checkpoints come at 5, 10, 13, 15, 20, 25, ...; validations at 7, 13,
    # 14, 21, 26, ...: the run dies in the second epoch, two steps behind a checkpoint.
    assert _run(tmp_path / "run", tmp_path / "out", "kill=22") == -signal.SIGKILL
    assert not (tmp_path / "out.npz").exists()
    # ... and again, before the first checkpoint after that.
    assert _run(tmp_path / "run", tmp_path / "out", "kill=24") == -signal.SIGKILL
    assert _run(tmp_path / "run", tmp_path / "out") == 0
    assert _result(tmp_path / "out") == unbroken
    # What is complete stays as it is.
    assert _run(tmp_path / "run", tmp_path / "again") == 0
    assert _result(tmp_path / "again") == unbroken


def test_terminated_and_resumed_equals_unbroken(
    tmp_path: Path, unbroken: tuple[bytes, str]
) -> None:
    assert _run(tmp_path / "run", tmp_path / "out", "term=18") == 1
    assert (tmp_path / "run" / "checkpoints" / "latest-18.index").exists()
    assert _run(tmp_path / "run", tmp_path / "out") == 0
    assert _result(tmp_path / "out") == unbroken


@pytest.mark.slow
def test_control_dropout_state_matters(tmp_path: Path, unbroken: tuple[bytes, str]) -> None:
    assert _run(tmp_path / "run", tmp_path / "out", "kill=22", "forget=dropout") == -9
    assert _run(tmp_path / "run", tmp_path / "out", "forget=dropout") == 0
    weights, text = _result(tmp_path / "out")
    assert weights != unbroken[0]
    assert text != unbroken[1]


@pytest.mark.slow
def test_control_metric_state_matters(tmp_path: Path, unbroken: tuple[bytes, str]) -> None:
    assert _run(tmp_path / "run", tmp_path / "out", "kill=22") == -signal.SIGKILL
    assert _run(tmp_path / "run", tmp_path / "out", "forget=metrics") == 0
    weights, text = _result(tmp_path / "out")
    assert weights == unbroken[0]
    assert text != unbroken[1]
