"""Reads the format of TU Dortmund's graph collections: MUTAG, PROTEINS, ZINC and their like.

A folder of text files that begin with the name DS of the set: ``DS_A.txt`` (an edge a line, two
node numbers from 1), ``DS_graph_indicator.txt`` (each node's graph), ``DS_graph_labels.txt`` (each
graph's class) or ``DS_graph_attributes.txt`` (its numbers), and, if there are such,
``DS_node_labels.txt``, ``DS_node_attributes.txt``, ``DS_edge_labels.txt`` and
``DS_edge_attributes.txt``.

Source: Morris et al., "TUDataset: A collection of benchmark datasets for learning with graphs",
2020.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from tfgnn_ext.graph.datasets.choose_split import drawn_order
from tfgnn_ext.graph.datasets.graph_tables import FEATURE, Tables, vectors
from tfgnn_ext.graph.schema import declare_feature, new_schema

_FOLDS = 10
_LABEL = "label"


def read_tu(path: str | os.PathLike[str]) -> Tables:
    """Reads a collection of graphs as one graph, in which each of them is a node too.

    The node set "graph" has an edge of the set "has" to each of its nodes in "node"; "edge" joins
    nodes. Labels of nodes and edges are categories, ``label`` (of several columns, ``label_0`` and
    so on); their attributes are one vector of numbers.

    Args:
      path: The folder, whose name is DS, or what the files' names begin with: ``data/MUTAG/MUTAG``.

    Returns:
      The schema, and the tables of all sets and of the seeds: columns id, label (a class; without
      classes, numbers ``label_0`` and so on, or ``label`` alone) and ``split_0`` to ``split_9``, of
      ten folds with equal shares of each class: fold k tests, the next one validates.

    Raises:
      ValueError: A file is missing or damaged, or the files disagree.
    """
    prefix = Path(path).absolute()  # "." has no name.
    if prefix.is_dir():
        prefix = prefix / prefix.name
    files = _Files(prefix)
    ends = files.numbers("A", width=2)
    graph_of = files.numbers("graph_indicator", width=1)[:, 0]
    classes = files.find("graph_labels")
    targets = (
        files.numbers("graph_labels", width=1) if classes else files.floats("graph_attributes")
    )
    num_graphs, num_nodes = len(targets), len(graph_of)
    files.within("graph_indicator", graph_of, num_graphs)
    files.within("A", ends, num_nodes)
    graphs, nodes = np.arange(1, num_graphs + 1), np.arange(1, num_nodes + 1)
    schema = new_schema()
    schema.info.graph_type = 1  # FULL
    schema.info.root_set.append("graph")
    tables = {
        "graph": pa.table({"id": graphs}),
        "node": pa.table({"id": nodes, **files.features("node", num_nodes, schema.node_sets)}),
        "has": pa.table({"source": graph_of, "target": nodes}),
        "edge": pa.table(
            {
                "source": ends[:, 0],
                "target": ends[:, 1],
                **files.features("edge", len(ends), schema.edge_sets),
            }
        ),
    }
    for name in ("graph", "node"):
        schema.node_sets[name].metadata.filename = f"{name}.parquet"
        schema.node_sets[name].metadata.cardinality = len(tables[name])
    for name, source in (("has", "graph"), ("edge", "node")):
        message = schema.edge_sets[name]
        message.source, message.target = source, "node"
        message.metadata.filename = f"{name}.parquet"
        message.metadata.cardinality = len(tables[name])
    columns: dict[str, Any] = {"id": graphs}
    for name, column in zip(_names(_LABEL, targets.shape[1]), targets.T, strict=True):
        columns[name] = column
    folds = _folds(pa.table({"id": graphs}), targets[:, 0] if classes else np.zeros(num_graphs))
    for k in range(_FOLDS):
        parts = np.full(num_graphs, "train", object)
        parts[folds == (k + 1) % _FOLDS] = "validation"
        parts[folds == k] = "test"
        columns[f"split_{k}"] = pa.array(parts.tolist(), pa.string())
    tables["seeds"] = pa.table(columns)
    return schema, tables


def _names(name: str, number: int) -> list[str]:
    return [name] if number == 1 else [f"{name}_{k}" for k in range(number)]


def _folds(graphs: pa.Table, strata: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The fold of each graph: those of one stratum take turns, in an order that looks random."""
    folds = np.zeros(len(graphs), np.int64)
    order = drawn_order(graphs, 0)
    turn = 0
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        # Small strata begin where the last one ended, so that folds stay of one size.
        folds[members] = (turn + np.arange(len(members))) % _FOLDS
        turn += len(members)
    return folds


class _Files:
    """The files of a set, by the ends of their names."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def path(self, part: str) -> Path:
        return self._prefix.with_name(f"{self._prefix.name}_{part}.txt")

    def find(self, part: str) -> bool:
        return self.path(part).is_file()

    def numbers(self, part: str, *, width: int | None = None) -> npt.NDArray[np.int64]:
        """Ints ``[num_lines, width]``."""
        return self._read(part, pa.int64(), width).astype(np.int64)

    def floats(self, part: str) -> npt.NDArray[np.float32]:
        """Numbers ``[num_lines, width]``."""
        values = self._read(part, pa.float64(), None).astype(np.float32)
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(wrong):
            raise ValueError(f"{self.path(part)}:{wrong[0] + 1}: must hold finite numbers.")
        return values

    def within(self, part: str, values: npt.NDArray[np.int64], most: int) -> None:
        """Checks that `values` are in [1, most]."""
        wrong = np.argwhere((values < 1) | (values > most))
        if len(wrong):
            raise ValueError(
                f"{self.path(part)}:{wrong[0][0] + 1}: must hold numbers in [1, {most}]. "
                f"Got {values[tuple(wrong[0])]}."
            )

    def features(self, what: str, number: int, sets: Any) -> dict[str, Any]:
        """The columns of nodes or edges, declared in their set of the schema."""
        columns: dict[str, Any] = {}
        if self.find(f"{what}_labels"):
            labels = self.numbers(f"{what}_labels")
            self._of_number(f"{what}_labels", len(labels), number)
            for name, column in zip(_names(_LABEL, labels.shape[1]), labels.T, strict=True):
                columns[name] = pa.array(column).cast(pa.string())
                declare_feature(sets[what], name, "DT_STRING")
        if self.find(f"{what}_attributes"):
            rows = self.floats(f"{what}_attributes")
            self._of_number(f"{what}_attributes", len(rows), number)
            columns[FEATURE] = vectors(rows)
            declare_feature(sets[what], FEATURE, "DT_FLOAT", (rows.shape[1],))
        return columns

    def _of_number(self, part: str, got: int, number: int) -> None:
        if got != number:
            raise ValueError(f"{self.path(part)}: must have {number} lines. Got {got}.")

    def _read(self, part: str, kind: pa.DataType, width: int | None) -> npt.NDArray[Any]:
        path = self.path(part)
        if not path.is_file():
            raise ValueError(f"{path}: must be a file of the TU format. Got none.")
        try:
            with open(path, "rb") as file:
                fields = file.readline().count(b",") + 1
            names = [str(k) for k in range(fields)]
            table = pa.csv.read_csv(
                path,
                read_options=pa.csv.ReadOptions(column_names=names),
                # Numbers follow a comma and a blank: they are cut out as text, then read.
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
            columns = [
                pa.compute.utf8_trim_whitespace(table[name]).cast(kind).to_numpy() for name in names
            ]
        except (pa.ArrowException, OSError) as error:
            shown = " ".join(str(error).split())
            raise ValueError(f"{path}: must hold rows of numbers. Got: {shown}.") from None
        if not len(table) or (width is not None and fields != width):
            raise ValueError(
                f"{path}: must hold rows of {width or 'some'} numbers. Got {len(table)} rows of "
                f"{fields}."
            )
        return np.column_stack(columns)
