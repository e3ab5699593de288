"""The recipes: each is a valid config, and one of them reaches what it is for, in short."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tfgnn_ext.graph import datasets
from tfgnn_ext.runner import Progress, check_run, run
from tfgnn_ext.runner.loaded_config import load_config

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.stem for path in (ROOT / "examples").glob("*.yaml") if path.stem != "flights")


def _need(name: str) -> None:
    if "TFGNN_EXT_DATA" not in os.environ:
        pytest.skip("TFGNN_EXT_DATA is not set, and tests download nothing")
    try:
        datasets.load(name)
    except (ValueError, OSError) as error:
        pytest.skip(f"no data set {name}: {error}")


@pytest.mark.parametrize("recipe", RECIPES)
def test_is_a_valid_config(recipe: str) -> None:
    loaded = load_config(ROOT / "examples" / f"{recipe}.yaml")
    assert loaded.config.sampling is None
    assert loaded.config.output == f"runs/{recipe}"
    assert loaded.config.parameters["units"] >= 32


def test_is_measured() -> None:
    from benchmarks.accuracy import CLAIMS

    assert sorted(claim.recipe for claim in CLAIMS) == RECIPES


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_fits_its_data(recipe: str) -> None:
    path = ROOT / "examples" / f"{recipe}.yaml"
    _need(load_config(path).config.data.dataset or "")
    assert "full-graph mode" in check_run(path)


@pytest.mark.slow
def test_cora_in_short(tmp_path: Path) -> None:
    """40 of 250 steps get three of four test papers right; the largest class is a third."""
    pytest.importorskip("tensorflow_gnn")
    _need("cora")
    path = run(
        ROOT / "examples" / "cora_gcn.yaml",
        out=tmp_path / "run",
        overrides=["training.epochs=40", "training.validate_every=20"],
        until="evaluate",
        progress=Progress(quiet=True),
    )
    assert json.loads((path / "metrics.json").read_text())["test"]["accuracy"] > 0.75


@pytest.mark.slow
def test_code_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow_gnn")
    _need("cora")
    text = (ROOT / "docs" / "full_graph.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    shorter = code.replace("steps_per_epoch=250", "steps_per_epoch=6")
    assert shorter != code
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(shorter, "full_graph.md", "exec"), names)
    steps = [found["step"] for found in names["fitted"].validations]  # type: ignore[attr-defined]
    assert steps == [2, 4, 6]
