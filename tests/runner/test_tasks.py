"""Runs of tasks beside the classification of nodes: several classes, numbers, whole graphs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.runner.conftest import Command
from tests.runner.test_full_graph_run import write_untimed_papers
from tests.runner.test_sample_engines import records
from tests.runner.tu_files import write_tu
from tfgnn_ext.graph import datasets, read_schema, write_schema
from tfgnn_ext.runner import InputError, Progress, check_run, run

pytest.importorskip("tensorflow_gnn")
QUIET = Progress(quiet=True)


def _write(folder: Path, task: str, column: dict[str, list], label: str = "label") -> Path:
    """The untimed papers, whose labels are replaced."""
    config = write_untimed_papers(folder)
    seeds = pq.read_table(folder / "seeds.parquet").drop_columns(["label"])
    for name, values in column.items():
        seeds = seeds.append_column(name, pa.array(values))
    pq.write_table(seeds, folder / "seeds.parquet")
    text = config.read_text().replace("# baseline: {", "baseline: {")
    text = text.replace("node_set: paper", f"node_set: paper, label: {label}")
    config.write_text(f"{text}task: {task}\n")
    return config


def _words(folder: Path) -> np.ndarray:
    return np.stack(pq.read_table(folder / "paper.parquet")["words"].to_numpy())


@pytest.fixture
def words(tmp_path: Path) -> np.ndarray:
    """What the labels are made of; the same in every folder."""
    folder = tmp_path / "words"
    folder.mkdir()
    write_untimed_papers(folder)
    return _words(folder)


def test_several_classes(tmp_path: Path, words: np.ndarray) -> None:
    names = np.array(["calm", "loud", "odd"])
    lists = [names[row > 0].tolist() for row in words]
    task = "{type: node_multi_label_classification, calibration: temperature}"
    config = _write(tmp_path, task, {"label": lists})
    path = run(config, out=tmp_path / "run", progress=QUIET)
    metrics = json.loads((path / "metrics.json").read_text())
    assert set(metrics["test"]) == set(metrics["baseline"])
    assert metrics["test"]["micro_f1"] > 0.6
    assert 0.05 < json.loads((path / "training.json").read_text())["temperature"] < 20
    table = pq.read_table(path / "predictions.parquet")
    assert table["label"].to_pylist() == lists
    said = np.stack(table["probabilities"].to_numpy()) > 0.5
    assert table["prediction"].to_pylist() == [names[row].tolist() for row in said]
    counts = json.loads((path / "graph.json").read_text())["seeds"]["splits"]
    assert sum(split["classes"]["odd"] for split in counts.values()) == (words[:, 2] > 0).sum()
    report = (path / "report.html").read_text()
    assert "Says which of calm, loud, odd nodes of &#39;paper&#39; are" in report
    assert "Subset accuracy" in report


def test_numbers(tmp_path: Path, words: np.ndarray) -> None:
    column = {"height": (40 + 9 * words[:, 0]).tolist(), "width": (words[:, 1] - 7).tolist()}
    config = _write(
        tmp_path, "{type: node_regression, loss: huber}", column, label="[height, width]"
    )
    path = run(config, out=tmp_path / "run", progress=QUIET)
    metrics = json.loads((path / "metrics.json").read_text())
    assert set(metrics["test"]) == set(metrics["baseline"])
    # The variances are 81 and 1: their mean is what a constant would get.
    assert metrics["test"]["mean_squared_error"] < 30
    table = pq.read_table(path / "predictions.parquet")
    assert "probabilities" not in table.column_names
    expected = np.column_stack(list(column.values()))
    np.testing.assert_allclose(np.stack(table["label"].to_numpy()), expected, rtol=1e-6)
    report = (path / "report.html").read_text()
    assert "Predicts height, width of nodes" in report
    assert "Root mean squared error" in report
    assert "Predicted against true width." in report


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [False, True])
def test_whole_graphs(tmp_path: Path, numbers: bool) -> None:
    write_tu(tmp_path, numbers=numbers)
    config = tmp_path / "rings.yaml"
    config.write_text(
        f"""
data: {{dataset: tu, path: rings, split: 1}}
task: {{type: graph_{"regression" if numbers else "classification"}}}
sampling:
  ops:
    - {{edge_set: has, strategy: full}}
    - {{edge_set: edge, strategy: full, inputs: [has]}}
model: {{name: gin, units: 16, num_layers: 3}}
training: {{batch_size: 32, epochs: 20, learning_rate: 2.0e-2}}
"""
    )
    path = run(config, out=tmp_path / "run", progress=QUIET)
    metrics = json.loads((path / "metrics.json").read_text())
    # A mean of neighbours could do neither: all nodes of a ring, and most of a path, look alike.
    if numbers:
        assert metrics["test"]["r2"] > 0.9
    else:
        assert metrics["test"]["accuracy"] > 0.9
    # A graph is known by its parts: an embedding of its id would be learned by heart.
    inputs = json.loads((path / "inputs.json").read_text())["nodes"]["graph"]
    assert list(inputs) == ["#one"]
    assert len(pq.read_table(path / "embeddings" / "graph.parquet")) == 120


def _tables(folder: Path) -> Path:
    """Whole graphs in tables of one's own."""
    schema, tables = datasets.read_tu(write_tu(folder, num_graphs=20))
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    write_schema(schema, folder / "schema.pbtxt")
    config = folder / "rings.yaml"
    config.write_text(
        """
data:
  schema: schema.pbtxt
  seeds: {table: seeds.parquet, node_set: graph, split: split_1}
  latent: [node]
task: {type: graph_classification}
sampling: {ops: [{edge_set: has, strategy: full}]}
model: {name: gin, units: 16}
"""
    )
    return config


def test_both_engines_sample_the_graph_that_models_see(tmp_path: Path, command: Command) -> None:
    """The tables lack the feature that all graphs share, and have the ones left out."""
    config = _tables(tmp_path)
    found = {}
    for engine in ("memory", "beam"):
        out = tmp_path / engine
        code, _, errors = command("sample", config, "--out", out, "--engine", engine)
        assert code == 0, errors
        found[engine] = records(out)
        schema = read_schema(out / "schema.pbtxt")
        assert set(schema.node_sets["graph"].features) == {"#id", "#one"}
        assert set(schema.node_sets["node"].features) == {"#id"}
    assert found["beam"] == found["memory"]


def test_another_task_reads_other_labels(tmp_path: Path) -> None:
    """Whole numbers are classes or numbers: what a run holds of one is not mixed with the other."""
    config = _tables(tmp_path)
    out = run(config, out=tmp_path / "run", until="graph", progress=QUIET)
    assert json.loads((out / "graph.json").read_text())["seeds"]["target"] == "class"
    again = {"overrides": ["task.type=graph_regression"], "until": "graph", "progress": QUIET}
    with pytest.raises(InputError, match="`task.type` was 'graph_classification' and is"):
        run(config, out=out, **again)
    run(config, out=out, redo=True, **again)
    assert json.loads((out / "graph.json").read_text())["seeds"]["target"] == "values"


def test_a_data_set_says_which_task_fits(tmp_path: Path) -> None:
    write_tu(tmp_path, num_graphs=20)
    config = tmp_path / "rings.yaml"
    config.write_text("""
data: {dataset: tu, path: rings}
task: {type: graph_regression}
sampling: {ops: [{edge_set: has, strategy: full}]}
model: {name: gin}
""")
    with pytest.raises(InputError, match="has, such as graph_classification. Got graph_regr"):
        check_run(config)


PROBLEMS = {
    "numbers with a class's option": (
        "{type: node_regression, label_smoothing: 0.1}",
        "`task.label_smoothing` must be left out with type node_regression",
    ),
    "classes with a regression's": (
        "{type: node_classification, loss: huber}",
        "`task.loss` must be left out with type node_classification",
    ),
    "weights of many classes": (
        "{type: node_multi_label_classification, class_weights: balanced}",
        "`task.class_weights` must be left out",
    ),
    "a part of a graph": (
        "{type: graph_classification}",
        r"`sampling.ops.0.strategy` must be full with task graph_classification",
    ),
    "lists that are none": (
        "{type: node_multi_label_classification}",
        "'label' must hold lists of integers or strings. Got string",
    ),
    "numbers that are none": ("{type: node_regression}", "'label' must hold numbers. Got string"),
    "no such task": ("{type: nodes}", "`task.type`"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_bad_tasks(name: str, papers: Path, command: Command, tmp_path: Path) -> None:
    task, problem = PROBLEMS[name]
    papers.write_text(f"{papers.read_text()}task: {task}\n")
    code, _, errors = command("run", papers, "--out", tmp_path / "run")
    assert code == 2
    assert re.search(problem, errors), errors
    assert not (tmp_path / "run").exists()


def test_labels_are_of_different_columns(papers: Path) -> None:
    with pytest.raises(InputError, match="`data.seeds.label` must name each column once"):
        run(papers, overrides=["data.seeds.label=[venue, venue]"], progress=QUIET)


def test_monitor_must_be_a_score_of_the_task(papers: Path) -> None:
    with pytest.raises(InputError, match=r"`monitor` .* must be one of log_loss, .* Got 'r2'"):
        run(papers, overrides=["training.monitor=r2"], progress=QUIET)
