"""A run without `sampling`: the whole graph in every step."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.runner.papers import write_papers
from tfgnn_ext.runner import InputError, Progress, check_run, embed_nodes, run, write_samples

pytest.importorskip("tensorflow_gnn")
QUIET = Progress(quiet=True)


def write_untimed_papers(folder: Path) -> Path:
    """The papers without anything that depends on time, and without `sampling`."""
    config = write_papers(folder, classes=3)
    schema = (folder / "schema.pbtxt").read_text()
    schema = re.sub(r'extra \{ key: "known_at.*?\} \}', "}", schema)
    schema = schema.replace('extra { key: "time" value: "when" }', "")
    (folder / "schema.pbtxt").write_text(schema)
    text = re.sub(r"sampling:\n.*?(?=model:)", "", config.read_text(), flags=re.DOTALL)
    text = text.replace(", time: time", "").replace("  pooled_units: 3\n  num_heads: 2\n", "")
    text = re.sub(
        r"model:\n.*?(?=training:)", "model: {name: graph_sage, units: 8}\n", text, flags=re.S
    )
    text = text.replace("epochs: 3", "epochs: 25").replace("baseline: {", "# baseline: {")
    config.write_text(text)
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("papers")
    config = write_untimed_papers(folder)
    assert "full-graph mode" in check_run(config)
    return config, run(config, out=folder / "run", progress=QUIET)


def test_files_of_a_run(finished: tuple[Path, Path]) -> None:
    _, path = finished
    assert not (path / "samples").exists()
    stages = json.loads((path / "stages.json").read_text())
    assert list(stages) == ["graph", "train", "evaluate", "export", "report"]
    assert stages["export"]["found"]["difference"] < 1e-4
    (network,) = json.loads((path / "training.json").read_text())["members"]
    assert [validation["step"] for validation in network["validations"]] == list(range(1, 26))
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["test"]["roc_auc"] > 0.6
    assert len(pq.read_table(path / "predictions.parquet")) == 211
    assert "report.html" in {item.name for item in path.iterdir()}


def test_embeds_any_node(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, path = finished
    nodes = pq.read_table(config.parent / "paper.parquet").select(["id"]).slice(7, 5)
    pq.write_table(nodes, tmp_path / "nodes.parquet")
    out = tmp_path / "embeddings.parquet"
    assert embed_nodes(path, tmp_path / "nodes.parquet", out, progress=QUIET) == 5
    known = pq.read_table(path / "embeddings" / "paper.parquet").slice(7, 5)
    np.testing.assert_allclose(
        np.stack(pq.read_table(out)["embedding"].to_numpy()),
        np.stack(known["embedding"].to_numpy()),
        atol=1e-5,
    )


def test_stops_early_and_returns_the_best(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, _ = finished
    overrides = ["training.patience=3", "training.learning_rate=0.5", "training.epochs=200"]
    path = run(config, out=tmp_path / "run", overrides=overrides, until="evaluate", progress=QUIET)
    training = json.loads((path / "training.json").read_text())
    (network,) = training["members"]
    assert training["steps"] == network["best_step"] + 3 < 200
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["validation"]["log_loss"] == pytest.approx(network["log_loss"], rel=1e-4)


def test_what_needs_times_or_samples_is_refused(tmp_path: Path) -> None:
    config = write_untimed_papers(tmp_path)
    with pytest.raises(InputError, match="`sampling` must be given to draw samples"):
        write_samples(config, tmp_path / "samples")
    timed = write_papers(tmp_path)
    timed.write_text(re.sub(r"sampling:\n.*?(?=model:)", "", timed.read_text(), flags=re.DOTALL))
    with pytest.raises(InputError, match=r"`sampling` must be given.*feature 'prize' of node set"):
        check_run(timed)


def test_exact_is_the_same(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, path = finished
    nodes = pq.read_table(config.parent / "paper.parquet").select(["id"]).slice(7, 5)
    pq.write_table(nodes, tmp_path / "nodes.parquet")
    out = tmp_path / "embeddings.parquet"
    embed_nodes(path, tmp_path / "nodes.parquet", out, exact=True, progress=QUIET)
    known = pq.read_table(path / "embeddings" / "paper.parquet").slice(7, 5)
    np.testing.assert_allclose(
        np.stack(pq.read_table(out)["embedding"].to_numpy()),
        np.stack(known["embedding"].to_numpy()),
        atol=1e-5,
    )
    copy = tmp_path / "run"
    shutil.copytree(path, copy)
    overrides = ["evaluation.exact=true"]
    with pytest.raises(InputError, match="`evaluation.exact` was False and is True"):
        run(copy, overrides=overrides, until="evaluate", progress=QUIET)
    run(copy, overrides=overrides, until="evaluate", redo=True, progress=QUIET)
    metrics, before = (json.loads((each / "metrics.json").read_text()) for each in (copy, path))
    assert metrics["test"]["log_loss"] == pytest.approx(before["test"]["log_loss"], abs=1e-5)


def test_propagated_features(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, _ = finished
    overrides = ["data.propagate={hops: 1, label_hops: 2}", "model={name: sehgnn, units: 8}"]
    path = run(config, out=tmp_path / "run", overrides=overrides, until="evaluate", progress=QUIET)
    inputs = json.loads((path / "inputs.json").read_text())["nodes"]["paper"]
    # The paths of two edge sets that lead back to papers; of features, those of one.
    labels = {name for name in inputs if name.startswith("labels:")}
    assert labels == {"labels:cites", "labels:cites>cites"}
    assert "via:cites" in inputs
    assert not any(name.startswith("via:") and ">" in name for name in inputs)
    assert len(pq.read_table(path / "predictions.parquet")) == 211
    with pytest.raises(InputError, match="`data.latent` must not name the seeds' node set"):
        run(config, out=tmp_path / "bare", overrides=["data.latent=[paper]"], progress=QUIET)
    with pytest.raises(InputError, match="must have no propagated labels"):
        run(config, out=tmp_path / "other", overrides=overrides[:1], progress=QUIET)
