"""Reads the directories of the Open Graph Benchmark's node classification sets, such as ogbn-mag.

Compressed CSV files without headers. Of one node type: ``raw/edge.csv.gz``,
``raw/node-feat.csv.gz``, ``raw/node-label.csv.gz`` and ``raw/num-node-list.csv.gz``. Of several:
``raw/num-node-dict.csv.gz``, ``raw/triplet-type-list.csv.gz``,
``raw/relations/<a>___<r>___<b>/edge.csv.gz`` and, by type, ``raw/node-feat/<a>/node-feat.csv.gz``
and ``raw/node-label/<a>/node-label.csv.gz``. The one split lies in
``split/<name>/[<a>/]{train,valid,test}.csv.gz``.

Source: Hu et al., "Open Graph Benchmark", NeurIPS 2020.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from tfgnn_ext.graph.datasets.graph_tables import FEATURE, Tables, both_directions, vectors
from tfgnn_ext.graph.schema import declare_feature, new_schema

_PARTS = {"train": "train", "valid": "validation", "test": "test"}
Numbers = npt.NDArray[Any]


def read_ogb(
    path: str | os.PathLike[str],
    *,
    node_set: str = "node",
    edge_set: str = "edge",
    undirected: bool = False,
) -> Tables:
    """Reads a data set as OGB unpacks it.

    Args:
      path: Its directory, which holds ``raw`` and ``split``.
      node_set, edge_set: What to call the sets of a graph with one node type.
      undirected: Whether to hold every edge of such a graph in both directions, once each and
        without loops.

    Returns:
      The schema, and the tables of all sets and of the seeds (columns id, label, split). Of several
      node types, the sets have OGB's names, an edge set that of its relation, or ``a_r_b`` where
      several share it.

    Raises:
      ValueError: A file is missing or damaged, or does not fit the others.
    """
    root = Path(path)
    raw = root / "raw"
    if (raw / "num-node-dict.csv.gz").is_file():
        counts = _counts(raw / "num-node-dict.csv.gz")
        triplets = _triplets(raw / "triplet-type-list.csv.gz")
        shared = Counter(relation for _, relation, _ in triplets)
        edges = {
            (a, r if shared[r] == 1 else f"{a}_{r}_{b}", b): raw / "relations" / f"{a}___{r}___{b}"
            for a, r, b in triplets
        }
        features = {name: raw / "node-feat" / name for name in counts}
        labelled = sorted(name for name in counts if (raw / "node-label" / name).is_dir())
        labels, inner = raw / "node-label", True
    else:
        counts = {node_set: int(_column(raw / "num-node-list.csv.gz")[0])}
        edges = {(node_set, edge_set, node_set): raw}
        features, labelled, labels, inner = {node_set: raw}, [node_set], raw, False
    if len(labelled) != 1:
        raise ValueError(f"{root}: must have labels of one node type. Got {len(labelled)}.")
    schema = new_schema()
    schema.info.graph_type = 1  # FULL
    schema.info.root_set.append(labelled[0])
    tables: dict[str, pa.Table] = {}
    for name, count in counts.items():
        message = schema.node_sets[name]
        message.metadata.filename = f"{name}.parquet"
        message.metadata.cardinality = count
        columns: dict[str, Any] = {"id": np.arange(count)}
        file = features[name] / "node-feat.csv.gz"
        if file.is_file():
            rows = _numbers(file).astype(np.float32)
            if len(rows) != count:
                raise ValueError(f"{file}: must have {count} rows. Got {len(rows)}.")
            declare_feature(message, FEATURE, "DT_FLOAT", (rows.shape[1],))
            columns[FEATURE] = vectors(rows)
        tables[name] = pa.table(columns)
    for (source, name, target), folder in edges.items():
        if source not in counts or target not in counts:
            raise ValueError(
                f"{root}: relations must join node types ({', '.join(counts)}). "
                f"Got {source} and {target}."
            )
        pairs = _whole(folder / "edge.csv.gz")
        if pairs.shape[1] != 2:
            raise ValueError(
                f"{folder / 'edge.csv.gz'}: must have 2 columns. Got {pairs.shape[1]}."
            )
        ends = pairs[:, 0], pairs[:, 1]
        if undirected and not inner:
            ends = both_directions(*ends, counts[source])
        message = schema.edge_sets[name]
        message.source, message.target = source, target
        message.metadata.filename = f"{name}.parquet"
        message.metadata.cardinality = len(ends[0])
        tables[name] = pa.table({"source": ends[0], "target": ends[1]})
    name = labelled[0]
    classes = _numbers((labels / name if inner else labels) / "node-label.csv.gz")
    tables["seeds"] = _seeds(root / "split", name if inner else "", classes, counts[name])
    return schema, tables


def _seeds(folder: Path, inner: str, classes: Numbers, count: int) -> pa.Table:
    names = sorted(part.name for part in folder.iterdir()) if folder.is_dir() else []
    if len(names) != 1:
        raise ValueError(f"{folder}: must hold one split. Got {', '.join(names) or 'none'}.")
    if len(classes) != count or classes.shape[1] != 1:
        raise ValueError(
            f"{folder.parent}: labels must be one a node, {count}. Got {list(classes.shape)}."
        )
    ids, splits = [], []
    for part, split in _PARTS.items():
        file = folder / names[0] / inner / f"{part}.csv.gz"
        rows = _whole(file)[:, 0]
        wrong = rows[(rows < 0) | (rows >= count)]
        if len(wrong):
            raise ValueError(f"{file}: must hold nodes in [0, {count}). Got {wrong[0]}.")
        ids.append(rows)
        splits += [split] * len(rows)
    chosen = np.concatenate(ids)
    labels = classes[chosen, 0]
    known = np.isfinite(labels)
    table = pa.table(
        {"id": chosen, "label": np.where(known, labels, -1).astype(np.int64), "split": splits}
    )
    return table.filter(pa.array(known))


def _table(file: Path) -> pa.Table:
    """A CSV file without a header; pyarrow unpacks it by its name."""
    try:
        return pa.csv.read_csv(
            file,
            read_options=pa.csv.ReadOptions(autogenerate_column_names=True),
            convert_options=pa.csv.ConvertOptions(null_values=["", "nan"]),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        shown = " ".join(str(error).split())
        raise ValueError(f"{file}: must be a compressed CSV file. Got: {shown}.") from None


def _numbers(file: Path) -> Numbers:
    """``[num_rows, num_columns]``; what is missing is NaN."""
    table = _table(file)
    for column in table.columns:
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
            raise ValueError(f"{file}: must hold numbers. Got {kind}.")
    columns = [np.asarray(column.cast(pa.float64()), np.float64) for column in table.columns]
    return np.stack(columns, axis=1)


def _whole(file: Path) -> Numbers:
    numbers = _numbers(file)
    if not np.all(np.isfinite(numbers)) or np.any(numbers != np.floor(numbers)):
        raise ValueError(f"{file}: must hold whole numbers. Got others.")
    return numbers.astype(np.int64)


def _column(file: Path) -> Numbers:
    return _whole(file)[:, 0]


def _counts(file: Path) -> dict[str, int]:
    """Names in the first row, the number of nodes of each in the second."""
    rows = _table(file).to_pylist()
    if len(rows) != 2:
        raise ValueError(f"{file}: must have two rows, names and numbers. Got {len(rows)}.")
    try:
        return {
            str(name): int(number) for name, number in zip(*map(dict.values, rows), strict=True)
        }
    except (TypeError, ValueError):
        raise ValueError(f"{file}: must hold names and numbers of nodes. Got others.") from None


def _triplets(file: Path) -> list[tuple[str, str, str]]:
    rows = [tuple(map(str, row.values())) for row in _table(file).to_pylist()]
    if any(len(row) != 3 for row in rows):
        raise ValueError(f"{file}: must have three columns. Got {len(rows[0])}.")
    return [(a, r, b) for a, r, b in rows]
