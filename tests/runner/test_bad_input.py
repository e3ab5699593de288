"""Bad configs, flags and tables: one line each, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.runner.conftest import Command

# What is replaced in the config by what, the place of the error, and its text.
CONFIGS: dict[str, tuple[str, str, str, str]] = {
    "unknown section": (
        "baseline:", "basline:", "20:1",
        "`basline` must be one of title, data, task, sampling, model, training, baseline, "
        "evaluation, report, output. Got 'basline'. Did you mean `baseline`?",
    ),
    "unknown key in a list": (
        "fanout: 3", "fanuot: 3", "6:25",
        "`sampling.ops.0.fanuot` must be one of edge_set, name, fanout, strategy, inputs, by. "
        "Got 'fanuot'. Did you mean `fanout`?",
    ),
    "unknown parameter of the template": (
        "units: 8", "unit: 8", "12:3",
        "`model.unit` must be one of",
    ),
    "unknown template": (
        "name: seed_attention", "name: sed_attention", "11:3",
        "`model.name` must be one of",
    ),
    "parameters that the template refuses": (
        "num_heads: 2", "num_heads: 3", "10:1",
        "`model`: `units` of `SeedAttention` must be a multiple of `num_heads` = 3. Got 8.",
    ),
    "a neighbourhood that the template refuses": (
        "{edge_set: cites, fanout: 3}", "{edge_set: cites, strategy: full}", "10:1",
        "`model`: `sampling` must bound every edge set for the template 'seed_attention': give its "
        "operations a `fanout`. Got none for 'cites'.",
    ),
    "type of a template's parameter": (
        "units: 8", "units: eight", "12:3", "`model.units` must be an int. Got 'eight'.",
    ),
    "text for a number": (
        "batch_size: 16", "batch_size: '16'", "16:3",
        "`training.batch_size` must be an int. Got '16'.",
    ),
    "a bool for a number": (
        "batch_size: 16", "batch_size: true", "16:3",
        "`training.batch_size` must be an int. Got true.",
    ),
    "a fraction for an int": (
        "epochs: 3", "epochs: 2.5", "17:3", "`training.epochs` must be an int. Got 2.5.",
    ),
    "out of range": ("epochs: 3", "epochs: 0", "17:3", "`training.epochs` must be >= 1. Got 0."),
    "negative rate": (
        "learning_rate: 1e-2", "learning_rate: -1e-2", "18:3",
        "`training.learning_rate` must be > 0.0. Got -0.01.",
    ),
    "unknown choice": (
        "epochs: 3", "schedule: cosin", "17:3",
        "`training.schedule` must be one of constant, cosine, one_cycle. Got 'cosin'. "
        "Did you mean `cosine`?",
    ),
    "decay that the optimizer lacks": (
        "epochs: 3", "optimizer: adam\n  weight_decay: 0.1", "18:3",
        "`training.weight_decay` must be 0 with `adam`.",
    ),
    "neither data set nor schema": (
        "schema: schema.pbtxt", "", "1:1", "`data` must have either `dataset` or `schema`.",
    ),
    "both data set and schema": (
        "schema: schema.pbtxt", "schema: schema.pbtxt\n  dataset: flights", "1:1",
        "`data` must have either `dataset` or `schema`.",
    ),
    "unknown data set": (
        "schema: schema.pbtxt", "dataset: fligths", "2:3",
        "`data.dataset` must be one of flights, cora, citeseer, amazon_computers, acm, "
        "minesweeper, tolokers, planetoid, npz, hgb, heterophilous, ogb, tu. Got 'fligths'. "
        "Did you mean `flights`?",
    ),
    "missing key": (
        "{edge_set: cites, fanout: 3}", "{fanout: 3}", "6:7",
        "`sampling.ops.0.edge_set` must be given. Got nothing.",
    ),
    "fan-out of zero": (
        "fanout: 3", "fanout: 0", "6:25", "`sampling.ops.0.fanout` must be an int >= 1. Got 0.",
    ),
    "fan-out beside full": (
        "fanout: 2", "fanout: 2\n      strategy: full", "8:7",
        "`sampling.ops.1.fanout` must be left out with strategy 'full'. Got 2.",
    ),
    "input that is none": (
        "inputs: [seed, cites]", "inputs: [seed, cite]", "9:7",
        "`sampling.ops.1.inputs` must name earlier operations (cites, seed). Got 'cite'.",
    ),
    "unknown edge set": (
        "edge_set: cites", "edge_set: cite, name: cites", "6:8",
        "`sampling.ops.0.edge_set` must be one of by, cites. Got 'cite'. Did you mean `cites`?",
    ),
    "input at another node set": (
        "inputs: [seed, cites]", "inputs: [seed]\n    - {edge_set: by, name: more, fanout: 2, "
        "inputs: [by]}", "10:45",
        "`sampling.ops.2.inputs` must lead to node set 'paper'",
    ),
    "unknown node set of seeds": (
        "node_set: paper", "node_set: papers", "3:33",
        "`data.seeds.node_set` must be one of author, paper. Got 'papers'.",
    ),
    "schema that is none": (
        "schema: schema.pbtxt", "schema: scheme.pbtxt", "2:3", "`data.schema`:",
    ),
    "feature that is none": (
        "fanout: 3}", "fanout: 3, strategy: weighted, by: weight}", "6:56",
        "`sampling.ops.0.by` must be a feature of cites (none). Got 'weight'.",
    ),
    "no time": (
        "node_set: paper, time: time}", "node_set: paper}", "3:3",
        "`data.seeds.time` must be given: what the graph's nodes and edges reveal depends on",
    ),
    "too many class weights": (
        "training:", "task: {class_weights: [1, 2, 3]}\ntraining:", "15:8",
        "`task.class_weights` must be balanced or 2 numbers, one a class (calm, loud). Got 3.",
    ),
    "baseline that is no function": (
        "{iterations: 20, min_samples_leaf: 5}", "{features: papers}", "20:12",
        "`baseline.features` must be `file.py:function`. Got 'papers'.",
    ),
    "too few class names": (
        "training:", "report: {class_names: [a, b, c]}\ntraining:", "15:10",
        "`report.class_names` must be 2 names, for calm, loud. Got 3.",
    ),
    "split of tables of one's own": (
        "schema: schema.pbtxt", "schema: schema.pbtxt\n  split: 1", "1:1",
        "`data` must have `split` only with `dataset`.",
    ),
    "files of no format": (
        "schema: schema.pbtxt", "schema: schema.pbtxt\n  path: a.npz", "1:1",
        "`data` must have `path` if `dataset` is one of planetoid, npz, hgb, heterophilous",
    ),
    "split below zero": (
        "schema: schema.pbtxt", "schema: schema.pbtxt\n  split: -1", "3:3",
        "`data.split` must be >= 0. Got -1.",
    ),
    "a list": ("data:", "- data:", "", "must be YAML"),
    "a key twice": (
        "epochs: 3", "epochs: 3\n  epochs: 4", "18:3",
        "`training.epochs` must be given once. Got it at line 17 too.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_bad_config(name: str, papers: Path, command: Command, tmp_path: Path) -> None:
    old, new, place, problem = CONFIGS[name]
    text = papers.read_text()
    assert text.count(old) >= 1
    papers.write_text(text.replace(old, new, 1))
    code, out, errors = command("run", papers, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    first = next(line for line in errors.splitlines() if line.startswith("error: "))
    assert first.startswith(f"error: {papers}:{place}")
    assert problem in first
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["papers"]


def test_all_mistakes_at_once_in_the_order_of_the_file(papers: Path, command: Command) -> None:
    text = papers.read_text().replace("strategy", "strategi").replace("units: 8", "unit: 8")
    text = text.replace("fanout: 2", "fanout: two").replace("epochs: 3", "epochs: 0")
    papers.write_text(text)
    code, _, errors = command("check", papers)
    assert code == 2
    assert [line.split("`")[1] for line in errors.splitlines()] == [
        "sampling.ops.1.fanout",
        "model.unit",
        "training.epochs",
    ]


FLAGS: dict[str, tuple[list[str], str]] = {
    "no such verb": (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
    "no config": (["run"], "Missing argument"),
    "no such flag": (["run", "CONFIG", "--ot", "x"], "No such option: --ot"),
    "config that is not there": (["check", "nowhere.yaml"], "nowhere.yaml: must be a file. Got:"),
    "a directory of something else": (
        ["run", "FOLDER"], "must be a config or the directory of a run. Got neither.",
    ),
    "override without a value": (
        ["check", "CONFIG", "--set", "training.epochs"], "must be KEY=VALUE with a dotted key.",
    ),
    "override of a key that is none": (
        ["check", "CONFIG", "--set", "training.epoch=3"],
        "--set training.epoch: `training.epoch` must be one of",
    ),
    "override out of range": (
        ["check", "CONFIG", "--set", "training.epochs=0"],
        "--set training.epochs: `training.epochs` must be >= 1. Got 0.",
    ),
    "override of an item that is none": (
        ["check", "CONFIG", "--set", "sampling.ops.2.fanout=3"], "'2' must be in [0, 2). Got 2.",
    ),
    "out is a file": (
        ["run", "CONFIG", "--out", "CONFIG"], "must be a directory, or not exist. Got a file.",
    ),
    "out is of something else": (
        ["run", "CONFIG", "--out", "FOLDER"],
        "must be empty or the directory of a run. Got other files.",
    ),
    "split that is none": (
        ["sample", "CONFIG", "--out", "NEW", "--split", "tset"],
        "--split: must be one of train, validation, test, all. Got 'tset'. Did you mean `test`?",
    ),
    "samples over what is there": (
        ["sample", "CONFIG", "--out", "FOLDER"], "must not exist. Got a file or directory.",
    ),
    "limit of zero": (
        ["sample", "CONFIG", "--out", "NEW", "--limit", "0"], "Invalid value for '--limit'",
    ),
    "embedding without a model": (
        ["embed", "FOLDER", "--nodes", "x", "--out", "NEW"],
        "must be the directory of a trained run. Got no weights.",
    ),
    "schema of what": (["schema", "infer", "--nodes", "paper"], "must be SET=FILE, each set once."),
    "schema of no table": (
        ["schema", "infer", "--nodes", "paper=nowhere.csv"], "`nowhere.csv` must match a file.",
    ),
    "edges of no node set": (
        ["schema", "infer", "--nodes", "a=AUTHORS", "--edges", "by=paper:a:CITES"],
        "edge set 'by': must join node sets",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAGS)
def test_bad_flag(name: str, papers: Path, command: Command, tmp_path: Path) -> None:
    arguments, problem = FLAGS[name]
    names = {
        "CONFIG": str(papers),
        "FOLDER": str(papers.parent),
        "NEW": str(tmp_path / "new"),
        "AUTHORS": str(papers.parent / "author.csv"),
        "CITES": str(papers.parent / "cites.csv"),
    }
    for key, value in names.items():
        arguments = [argument.replace(key, value) for argument in arguments]
    before = sorted(tmp_path.rglob("*"))
    code, out, errors = command(*arguments)
    assert (code, out) == (2, "")
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert problem in line
    assert sorted(tmp_path.rglob("*")) == before


def _edit(path: Path, column: str, row: int, value: object) -> None:
    is_csv = path.suffix == ".csv"
    table = pa.csv.read_csv(path) if is_csv else pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    index = table.column_names.index(column)
    table = table.set_column(index, column, pa.array(values))
    (pa.csv.write_csv if is_csv else pq.write_table)(table, path)


TABLES: dict[str, tuple[str, str, int, object, str]] = {
    "dangling edge": ("cites.csv", "target", 7, "p999", "'p999'"),
    "id twice": ("paper.parquet", "id", 3, "p000", "must hold unique ids. Got 'p000'"),
    "seed that is no node": ("seeds.parquet", "id", 5, "p999", "Got 'p999'"),
    "split that is none": ("seeds.parquet", "split", 2, "dev", "Got 'dev' at row 2"),
    "no label": ("seeds.parquet", "label", 4, None, "must have no nulls. Got one at row 4"),
    "null end of an edge": (
        "cites.csv",
        "target",
        7,
        None,
        "must have no nulls (or be named in `optional`)",
    ),
    "text too many": ("paper.parquet", "id", 3, "", "dangling edges"),
    "infinite value": ("paper.parquet", "prize", 6, float("inf"), "inf"),
}


@pytest.mark.parametrize("name", TABLES)
def test_bad_table(name: str, papers: Path, command: Command, tmp_path: Path) -> None:
    file, column, row, value, problem = TABLES[name]
    _edit(papers.parent / file, column, row, value)
    code, out, errors = command("run", papers, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert problem in lines[0]
    assert not (tmp_path / "run").exists()


Change = Callable[[bytes], bytes | None]  # None: the file is not there.


def _replaced(old: str, new: str) -> Change:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


_PAPER = 'key: "paper" value {\n  metadata { filename: "paper.parquet"'

# A file, what becomes of it, and the problem.
FILES: dict[str, tuple[str, Change, str]] = {
    "a table cut short": (
        "paper.parquet", lambda content: content[:-20], "paper.parquet: must be a readable table.",
    ),
    "a table of nothing": ("by.csv", lambda content: b"", "by.csv: must be a readable table."),
    "a table that is not there": ("by.csv", lambda content: None, "by.csv` must match a file."),
    "a row with a field too few": (
        "by.csv", lambda content: content + b"p000\n", "by.csv: must be a readable table.",
    ),
    "a column of another name": (
        "cites.csv", _replaced("source", "from"), "edge set 'cites': must have a column 'source'.",
    ),
    "a time of words": (
        "cites.csv", lambda content: content + b"p000,p001,soon\n",
        "edge set 'cites': time column 'when' must hold integers or timestamps. Got string.",
    ),
    "seeds that are not there": (
        "seeds.parquet", lambda content: None, "seeds.parquet` must match a file.",
    ),
    "seeds of another format": (
        "seeds.parquet", lambda content: b"PAR1", "seeds.parquet: must be a readable table.",
    ),
    "a schema of bytes": ("schema.pbtxt", lambda content: b"\xff\xfe", "must be utf-8 text."),
    "a schema cut short": (
        "schema.pbtxt", lambda content: content[:-5], "must be a GraphSchema in text format.",
    ),
    "a field that a schema lacks": (
        "schema.pbtxt", _replaced("node_sets", "node_set"),
        'schema.pbtxt:2:1: must be a GraphSchema in text format. Got: Message type "tensorflow_gnn',
    ),
    "a feature of another shape": (
        "schema.pbtxt", _replaced("dim { size: 3 }", "dim { size: 4 }"),
        "feature 'words' must have shape [4] by its schema. Got [3].",
    ),
    "a number that is declared ragged": (
        "schema.pbtxt", _replaced("DT_STRING", "DT_STRING shape { dim { size: -1 } }"),
        "feature 'venue' must hold lists, since its shape is [-1]. Got string.",
    ),
    "a type that no feature has": (
        "schema.pbtxt", _replaced("DT_STRING", "DT_BOOL"),
        "feature 'venue' must be of dtype DT_FLOAT, DT_INT64, DT_STRING. Got DT_BOOL.",
    ),
    "a table in BigQuery": (
        "schema.pbtxt", _replaced(_PAPER, _PAPER + ' bigquery { sql: "SELECT 1" }'),
        "node set 'paper': `metadata.bigquery` must not be set",
    ),
    "features of the context": (
        "schema.pbtxt", lambda content: content + b'context { features { key: "era" value {} } }',
        "context: must have no features, since a graph has no table for them. Got era.",
    ),
    "a set without a file": (
        "schema.pbtxt", _replaced('filename: "cites.csv"', ""),
        "set 'cites': must have a `metadata.filename`. Got none.",
    ),
    "records that are none": (
        "schema.pbtxt", _replaced("by.csv", "schema.pbtxt.tfrecord"),
        "schema.pbtxt.tfrecord` must match a file.",
    ),
    "a config of bytes": ("papers.yaml", lambda content: b"\xff\xfe\x00", "papers.yaml"),
    "a config of nothing": ("papers.yaml", lambda content: b"", "papers.yaml"),
    "a config with a tab": ("papers.yaml", _replaced("  ops:", "\tops:"), "papers.yaml:5:1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_bad_file(name: str, papers: Path, command: Command, tmp_path: Path) -> None:
    file, change, problem = FILES[name]
    path = papers.parent / file
    content = change(path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    code, out, errors = command("run", papers, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    assert "Traceback" not in errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert problem in lines[0]
    assert not (tmp_path / "run").exists()


def test_the_tables_of_mistakes_hold_eighty() -> None:
    assert len(CONFIGS) + len(FLAGS) + len(TABLES) + len(FILES) >= 80


def test_a_good_config_is_said_to_be_good(papers: Path, command: Command) -> None:
    code, out, errors = command("check", papers)
    assert (code, errors) == (0, "")
    assert out == f"{papers}: ok (224 nodes, 1,220 edges, 211 seeds, 2 operations)\n"
    code, out, _ = command("check", papers, "--no-tables", "--set", "training.epochs=7")
    assert (code, out) == (0, f"{papers}: ok (config and schema; 2 operations)\n")


def test_a_label_that_is_an_input_too(papers: Path, command: Command, tmp_path: Path) -> None:
    """It would give the answer away: every row of the seed node set carries it."""
    seeds, paper = papers.parent / "seeds.parquet", papers.parent / "paper.parquet"
    labels = dict(zip(*(pq.read_table(seeds)[c].to_pylist() for c in ("id", "label")), strict=True))
    table = pq.read_table(paper)
    values = [str(labels.get(key, "")) for key in table["id"].to_pylist()]
    pq.write_table(table.append_column("label", pa.array(values)), paper)
    schema = papers.parent / "schema.pbtxt"
    text = schema.read_text()
    venue = 'features { key: "venue" value { dtype: DT_STRING } }'
    assert venue in text
    schema.write_text(text.replace(venue, venue + venue.replace("venue", "label")))
    code, out, errors = command("run", papers, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    assert "`data.seeds.label` must not be an input too: take feature 'label' out" in errors
    assert not (tmp_path / "run").exists()


def test_ragged_features_are_not_compiled(papers: Path, command: Command, tmp_path: Path) -> None:
    table = pq.read_table(papers.parent / "paper.parquet")
    lists = pa.array([[venue] for venue in table["venue"].to_pylist()])
    index = table.column_names.index("venue")
    pq.write_table(table.set_column(index, "venue", lists), papers.parent / "paper.parquet")
    schema = papers.parent / "schema.pbtxt"
    ragged = "DT_STRING shape { dim { size: -1 } }"
    schema.write_text(schema.read_text().replace("DT_STRING", ragged))
    assert command("check", papers)[0] == 0
    papers.write_text(papers.read_text().replace("epochs: 3", "epochs: 3\n  jit_compile: true"))
    code, out, errors = command("run", papers, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    assert ":18:3: `training.jit_compile` must be false with ragged features" in errors
    assert "Got true and node set 'paper', feature 'venue'." in errors
    assert not (tmp_path / "run").exists()
