"""Links by config: a whole run, files of samples, and what is wrong in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.runner.links import write_shop
from tfgnn_ext.graph import read_schema
from tfgnn_ext.runner import InputError, Progress, check_run, run
from tfgnn_ext.runner.sample_files import write_samples
from tfgnn_ext.sampling import RecordFile, read_examples

QUIET = Progress(quiet=True)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


@pytest.mark.slow
def test_a_run_predicts_links_and_ranks_them(config: Path) -> None:
    pytest.importorskip("tensorflow_gnn")
    path = run(config, out=config.parent / "run", progress=QUIET)
    metrics = json.loads((path / "metrics.json").read_text())
    # Of five pairs one is a link; ranks among four negatives at random have a mean of .457.
    assert metrics["test"]["roc_auc"] > 0.7
    assert metrics["test"]["mrr"] > 0.55
    assert metrics["test"]["hits@10"] == 1
    table = pq.read_table(path / "predictions.parquet")
    assert table.column_names[:2] == ["source", "target"]
    labels = np.array(table["label"].to_pylist())
    assert (labels == "1").sum() * 4 == (labels == "0").sum()
    assert (path / "negatives-hard.parquet").is_file()
    assert "report.html" in {item.name for item in path.iterdir()}
    # What it kept gives the same.
    (path / "metrics.json").unlink()
    again = run(path, progress=QUIET, until="evaluate")
    assert json.loads((again / "metrics.json").read_text())["test"] == metrics["test"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "label", "score"),
    [("edge_regression", "stars", "r2"), ("edge_classification", "mood", "roc_auc")],
)
def test_a_run_learns_what_a_link_is(config: Path, task: str, label: str, score: str) -> None:
    pytest.importorskip("tensorflow_gnn")
    text = config.read_text()
    begin, end = text.index("      negatives:"), text.index("task:")
    config.write_text(text[:begin] + text[end:])
    path = run(
        config,
        out=config.parent / "run",
        overrides=[
            f"data.seeds.label={label}",
            f"task={{type: {task}, hidden: 16}}",
            "data.seeds.link.columns=[]",
            "training.epochs=30",
        ],
        until="evaluate",
        progress=QUIET,
    )
    metrics = json.loads((path / "metrics.json").read_text())["test"]
    assert metrics[score] > {"r2": 0.3, "roc_auc": 0.75}[score]


def test_files_hold_labels_columns_and_both_ends(config: Path) -> None:
    out = config.parent / "samples"
    count = write_samples(config, out, split="test", shards=2, progress=QUIET)
    records = [r for path in sorted(out.glob("*.tfrecord")) for r in RecordFile(path)]
    columns = read_examples(records)
    pairs = pq.read_table(config.parent / "pairs.parquet")
    given = pairs.filter(pa.compute.equal(pairs["split"], "test"))
    label = columns["nodes/_readout.label"].flat
    assert len(records) == count == 5 * len(given)
    assert label.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0] * len(given)
    stars = columns["nodes/_readout.stars"].flat[label == 1]
    np.testing.assert_array_equal(stars, given["stars"].to_numpy())
    schema = read_schema(out / "schema.pbtxt")
    assert schema.edge_sets["_readout/target"].source == "item"
    assert sorted(schema.node_sets["_readout"].features) == ["label", "stars"]


def test_engines_write_the_same_bytes(config: Path) -> None:
    pytest.importorskip("apache_beam")
    from tfgnn_ext.runner.sample_engines import sample_with

    text = config.read_text()
    config.write_text("\n".join(line for line in text.split("\n") if "hard" not in line))
    written = []
    for engine in ("memory", "beam"):
        out = config.parent / engine
        if engine == "memory":
            write_samples(config, out, split="validation", shards=2, progress=QUIET)
        else:
            sample_with("beam", config, out, split="validation", shards=2)
        files = sorted(out.glob("*.tfrecord"))
        written.append(sorted(record for path in files for record in RecordFile(path)))
    assert written[0] == written[1]
    assert len(written[0]) > 100


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no link": (
        {"link": None}, "`link` of `data.seeds` must be given with task link_prediction."
    ),
    "unknown end": (
        {"node_set: item": "node_set: itm"}, "`data.seeds.link.node_set` must be one of item"
    ),
    "no such reverse": (
        {"reverse: bought_by": "reverse: bought"}, "`reverse` of `Link` must lead from 'item' to"
    ),
    "no such column": ({"target: what": "target: wat"}, "must have a column 'wat'"),
    "too many hard negatives": (
        {"{num: 1, strategy: table": "{num: 9, strategy: table"},
        "negatives 'hard': each first node must have 9 rows in its table",
    ),
    "no number": ({"num: 3": "num: 0"}, ":12: `data.seeds.link.negatives.0.num` must be an int"),
    "no table": (
        {"strategy: table, name: hard, table: hard.parquet": "strategy: table"},
        "must have `table` if its `strategy` is table",
    ),
    "a dot with a layer": (
        {"score: hadamard": "score: dot"}, "`task.hidden` must be left out with score dot."
    ),
    "operations of pairs for nodes": (
        {
            "link": None,
            "task: {type: link_prediction, score: hadamard, hidden: 8}\n": "",
        },
        "must name earlier operations",
    ),
    "several networks": (
        {"epochs: 8": "members: 2"}, "`training.members` must be left out with task link_predic"
    ),
    "no times": ({"    time: when\n": ""}, "`seeds` of `add_to` must have times"),
    "a task of nodes": (
        {"type: link_prediction, score: hadamard, hidden: 8": "type: node_classification"},
        "`link` of `data.seeds` must be left out with task node_classification.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(config: Path, name: str) -> None:
    changes, says = MISTAKES[name]
    text = config.read_text()
    for before, after in changes.items():
        if before == "link":
            begin, end = text.index("    link:"), text.index("task:")
            text = text[:begin] + text[end:]
        else:
            assert before in text
            text = text.replace(before, after, 1)
    config.write_text(text)
    with pytest.raises(InputError) as error:
        check_run(config)
    (line,) = str(error.value).split("\n")
    assert says in line


def test_a_sound_config_is_counted(config: Path) -> None:
    assert "3,505 seeds, 2 operations" in check_run(config)


def test_dropped_negatives_are_counted(config: Path) -> None:
    """One user of the table of hard negatives has no row there."""
    path = config.parent / "hard.parquet"
    table = pq.read_table(path)
    pq.write_table(table.filter(pa.compute.not_equal(table["source"], "u07")), path)
    pairs = pq.read_table(config.parent / "pairs.parquet")["who"].to_pylist()
    out = run(
        config,
        out=config.parent / "run",
        overrides=["data.seeds.link.policy=drop"],
        until="graph",
        progress=QUIET,
    )
    found = json.loads((out / "graph.json").read_text())["seeds"]
    assert found["dropped_negatives"] == pairs.count("u07") > 0
    assert found["second_node_set"] == "item"
