"""What is fuzzed: each target reads bytes as some input, and either succeeds or says what is wrong.

A target fails if it lets another error through than `ValueError` or `OSError`, if its message does
not say what the input must be, or if it leaves a file behind.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse

from tests.graph.datasets.test_ogb import OGB_ONE, write_ogb
from tests.runner.papers import CONFIG, SCHEMA
from tfgnn_ext.graph import Graph, LinkSeeds, Seeds, parse_schema, read_table
from tfgnn_ext.graph.datasets import (
    read_heterophilous,
    read_hgb,
    read_npz,
    read_ogb,
    read_planetoid,
    read_tu,
)
from tfgnn_ext.graph.datasets.plain_pickle import load_plain
from tfgnn_ext.graph.read_examples import read_examples
from tfgnn_ext.graph.tfrecord import RecordFile, write_records
from tfgnn_ext.graph.wire import encode_columns
from tfgnn_ext.runner import load_config
from tfgnn_ext.sampling import parse_sampling_spec, plan_from_spec

_Read = Callable[[bytes, Path], Any]


@dataclasses.dataclass(frozen=True)
class Target:
    """One input.

    Attributes:
      read: Reads the bytes; may write its input, and nothing else, into the given empty folder.
      good: Bytes that it reads.
      files: What `read` itself leaves in the folder.
    """

    read: _Read
    good: bytes
    files: tuple[str, ...] = ()


def run(target: Target, content: bytes) -> bool:
    """Whether the target read the bytes; raises if it did something else than read or refuse."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            target.read(content, folder)
        except (ValueError, OSError) as error:
            problem: Exception | None = error
        else:
            problem = None
        says = problem is None or "must" in str(problem)
        assert says, f"an error must say what the input must be. Got {problem!r}"
        left = sorted(path.name for path in folder.iterdir())
        assert left == sorted(target.files), f"nothing else must be written. Got {left}"
    return problem is None


def _as_file(name: str, read: Callable[[Path], Any], good: bytes) -> Target:
    def target(content: bytes, folder: Path) -> Any:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return Target(target, good, (name,))


def _archive(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "x": [[1.0], [2.0, 3.0]], "y": ["a", None]}), out)
    return out.getvalue()


def _records() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tfrecord"
        write_records(path, _examples())
        return path.read_bytes()


def _examples() -> list[bytes]:
    return encode_columns(
        [
            (b"nodes/n.#id", np.array([b"a", b"bc"]), np.array([0, 2, 2])),
            (b"nodes/n.x", np.array([1.5, 2.5]), np.array([0, 1, 2])),
            (b"nodes/n.y", np.array([-1, 300, 7]), np.array([0, 1, 3])),
        ],
        2,
    )


_MATRIX = scipy.sparse.csr_matrix(np.array([[0.0, 1, 0], [1, 0, 2], [0, 2, 0]]))
_PARTS = {
    f"{prefix}_{part}": np.asarray(getattr(_MATRIX, part))
    for prefix in ("adj", "attr")
    for part in ("data", "indices", "indptr", "shape")
}
_PLANETOID = {
    "x": _MATRIX[:1], "allx": _MATRIX[:2], "tx": _MATRIX[2:], "y": np.eye(2)[:1],
    "ally": np.eye(2), "ty": np.eye(2)[1:], "graph": {0: [1], 1: [0, 2]},
}  # fmt: skip
_HGB = {
    "node.dat": "0\ta\t0\t1,2\n1\tb\t0\t3,4\n2\tc\t1\n",
    "link.dat": "0\t2\t0\t1.0\n1\t2\t0\t2.0\n",
    "label.dat": "0\ta\t0\t1\n",
    "label.dat.test": "1\tb\t0\t0\n",
    "info.dat": '{"node.dat": {"node type": {"0": "paper"}}}',
}


_TU = {
    "A": "1, 2\n2, 1\n3, 4\n",
    "edge_attributes": "0.5, 1\n2, 3\n4, -5e3\n",
    "edge_labels": "0\n1\n0\n",
    "graph_indicator": "1\n1\n2\n2\n",
    "graph_labels": "1\n-1\n",
    "node_attributes": "1.5\n2\n3\n4\n",
    "node_labels": "0, 7\n1, 7\n2, 8\n0, 9\n",
}


def _tu(content: bytes, folder: Path) -> Any:
    """The first byte says which file the rest is."""
    names = sorted(_TU)
    chosen = names[content[0] % len(names)] if content else names[0]
    for name, text in _TU.items():
        (folder / f"a_{name}.txt").write_text(text)
    (folder / f"a_{chosen}.txt").write_bytes(content[1:])
    schema, tables = read_tu(folder / "a")
    return Graph.from_tables(schema, tables)


def _planetoid(content: bytes, folder: Path) -> Any:
    """The first byte says which file the rest is."""
    names = [*_PLANETOID, "test.index"]
    chosen = names[content[0] % len(names)] if content else "x"
    for name, value in _PLANETOID.items():
        (folder / f"ind.a.{name}").write_bytes(pickle.dumps(value, 2))
    (folder / "ind.a.test.index").write_text("2\n")
    (folder / f"ind.a.{chosen}").write_bytes(content[1:])
    return read_planetoid(folder / "ind.a")


def _hgb(content: bytes, folder: Path) -> Any:
    names = sorted(_HGB)
    chosen = names[content[0] % len(names)] if content else names[0]
    for name, text in _HGB.items():
        (folder / name).write_text(text)
    (folder / chosen).write_bytes(content[1:])
    schema, tables = read_hgb(folder)
    return Graph.from_tables(schema, tables)


def _ogb(content: bytes, folder: Path) -> Any:
    names = sorted(OGB_ONE)
    write_ogb(folder, OGB_ONE)
    chosen = names[content[0] % len(names)] if content else names[0]
    (folder / f"{chosen}.csv.gz").write_bytes(gzip.compress(content[1:]))
    schema, tables = read_ogb(folder)
    return Graph.from_tables(schema, tables)


def _stored(content: bytes, folder: Path) -> Any:
    """A saved graph, one of whose files is other bytes."""
    schema = parse_schema('node_sets { key: "n" value {} } edge_sets { key: "e" value '
                          '{ source: "n" target: "n" } }')  # fmt: skip
    tables = {"n": pa.table({"id": ["a", "b"]}), "e": pa.table({"source": ["a"], "target": ["b"]})}
    Graph.from_tables(schema, tables).save(folder / "graph")
    names = sorted(path.name for path in (folder / "graph").iterdir())
    chosen = names[content[0] % len(names)] if content else names[0]
    (folder / "graph" / chosen).write_bytes(content[1:])
    return Graph.load(folder / "graph", verify=True)


def _small() -> Graph:
    """Two nodes, for tables of seeds."""
    schema = parse_schema('node_sets { key: "n" value {} }')
    return Graph.from_tables(schema, {"n": pa.table({"id": ["a", "b"]})})


def _pairs(path: Path) -> Any:
    return LinkSeeds.from_table(
        _small(), read_table(path).table, node_sets=("n", "n"), time="t", label="y", columns=["w"]
    )


def _seeds(path: Path) -> Any:
    """Seeds whose labels are a class, several of them, and numbers."""
    table = read_table(path).table
    return [
        Seeds.from_table(_small(), table, node_set="n", time="t", label=label)
        for label in ("y", ["yes", "no"], "z")
    ]


def _graph(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: Graph.from_tables(*read(path))


def _text(read: Callable[[str], Any]) -> _Read:
    return lambda content, folder: read(content.decode(errors="replace"))


TARGETS = {
    "examples": Target(
        lambda content, folder: read_examples([_examples()[0], content]),
        _examples()[1],
    ),
    "records": _as_file("a.tfrecord", lambda path: list(RecordFile(path)), _records()),
    "record table": _as_file("a.tfrecord", read_table, _records()),
    "parquet": _as_file("a.parquet", read_table, _parquet()),
    "csv": _as_file("a.csv", read_table, b'id,x\n1,2.5\n"a,b",NA\n'),
    "pickle": Target(
        lambda content, folder: load_plain(content, "a.pkl"), pickle.dumps(_MATRIX, 2)
    ),
    "npz": _as_file("a.npz", _graph(read_npz), _archive(**_PARTS, labels=np.array([0, 1, 1]))),
    "pickled npz": _as_file(
        "a.npz",
        _graph(read_npz),
        _archive(
            adj_matrix=np.array(_MATRIX, object),
            node_attr=np.array(_MATRIX, object),
            node_label=np.array([0, 1, 1]),
        ),
    ),
    "heterophilous": _as_file(
        "a.npz",
        _graph(read_heterophilous),
        _archive(
            node_features=np.eye(3, dtype=np.float32),
            node_labels=np.array([0, 1, 1]),
            edges=np.array([[0, 1]]),
            **{
                f"{part}_masks": np.eye(3, dtype=bool)[k : k + 1]
                for k, part in enumerate(("train", "val", "test"))
            },
        ),
    ),
    "planetoid": Target(
        _planetoid,
        b"\x00" + pickle.dumps(_PLANETOID["x"], 2),
        tuple(f"ind.a.{name}" for name in (*_PLANETOID, "test.index")),
    ),
    "hgb": Target(_hgb, b"\x04" + _HGB["node.dat"].encode(), tuple(_HGB)),
    "hgb archive": _as_file("a.zip", _graph(read_hgb), _zipped(_HGB)),
    "tu": Target(_tu, b"\x00" + _TU["A"].encode(), tuple(f"a_{name}.txt" for name in _TU)),
    "pairs": _as_file(
        "a.csv",
        _pairs,
        b"source,target,t,y,w,split\na,b,2020-01-01 00:00:00,1,2.5,train\n"
        b"b,a,2021-01-01 00:00:00,0,-1,test\n",
    ),
    "seeds": _as_file(
        "a.csv", _seeds, b"id,t,y,yes,no,z,split\na,5,x,1,0,2.5,train\nb,6,w,0,0,-1.5,test\n"
    ),
    "ogb": Target(_ogb, b"\x01" + OGB_ONE["raw/node-feat"].encode(), ("raw", "split")),
    "schema": Target(_text(parse_schema), SCHEMA.encode()),
    "sampling spec": Target(
        _text(lambda text: plan_from_spec(parse_sampling_spec(text))),
        b'seed_op { op_name: "s" node_set_name: "n" } sampling_ops { op_name: "a" '
        b'input_op_names: "s" edge_set_name: "e" sample_size: 3 strategy: RANDOM_UNIFORM }',
    ),
    "config": _as_file("run.yaml", load_config, CONFIG.encode()),
    "saved graph": Target(_stored, b"\x05{}", ("graph",)),
}
