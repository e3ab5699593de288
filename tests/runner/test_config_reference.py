from __future__ import annotations

from pathlib import Path

import pytest

from tfgnn_ext.runner import load_config
from tfgnn_ext.runner.config_reference import config_reference

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    page = ROOT / "docs" / "config.md"
    if not page.exists():
        pytest.skip("not in a clone")
    # python -m tfgnn_ext.runner.config_reference > docs/config.md
    assert page.read_text() == config_reference()


def test_the_example_is_a_config(tmp_path: Path) -> None:
    example = ROOT / "examples" / "flights.yaml"
    if not example.exists():
        pytest.skip("not in a clone")
    loaded = load_config(example)
    assert loaded.config.output == "runs/flights"
    # The resolved config says the same from any folder.
    import yaml

    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(yaml.safe_dump(loaded.resolved()))
    assert load_config(resolved).resolved() == loaded.resolved()


def test_seed_of_a_template_is_that_of_the_run_unless_given(papers: Path) -> None:
    assert load_config(papers, ["training.seed=5"]).config.parameters["seed"] == 5
    both = load_config(papers, ["training.seed=5", "model.seed=3"]).config
    assert both.parameters["seed"] == 3


def test_overrides(papers: Path) -> None:
    config = load_config(
        papers,
        ["training.epochs=7", "sampling.ops.1.fanout=5", "baseline={}", "task.l2=1e-4"],
    ).config
    assert config.training.epochs == 7
    assert config.sampling.ops[1].fanout == 5
    assert config.baseline is not None
    assert config.baseline.iterations == 200
    assert config.task.l2 == 1e-4
    assert load_config(papers, ["baseline=null"]).config.baseline is None
