"""Parts of tables as blocks: checked against the schema, or without the rows that are invalid."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph import SPLITS, GraphError, GraphSchema, TableFiles, protos
from tfgnn_ext.graph.check_columns import (
    check_feature,
    check_ids,
    check_time,
    check_weights,
    dtype_name,
)
from tfgnn_ext.graph.columns import inner, is_string, lists, to_feature, to_ids, to_times
from tfgnn_ext.graph.link_seeds import to_column
from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns, feature_shape
from tfgnn_ext.sampling.adjacency import FEATURE
from tfgnn_ext.sampling.assembly import TIME
from tfgnn_ext.sampling.blocks import WORDS, Arrays, take

READOUT_COLUMN = "r:"  # Begins the columns of what is known of a pair.


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedColumns:
    """Which columns of a table of seeds mean what.

    Attributes:
      id, time: The ids, and the times up to which each seed sees.
      split: The column that says "train", "validation" or "test"; None puts all seeds together.
      splits: The splits that are sampled.
      target: Of seeds that are pairs, the ids of the second nodes.
      label: Of pairs, what samples hold as their label; None: 1.
      readout: Of pairs, columns that samples keep.
    """

    id: str = "id"
    time: str | None = None
    split: str | None = None
    splits: tuple[str, ...] = SPLITS
    target: str | None = None
    label: str | None = None
    readout: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [name for name in self.splits if name not in SPLITS]
        if wrong or not self.splits:
            raise ValueError(
                f"`splits` of `SeedColumns` must be some of {', '.join(SPLITS)}. "
                f"Got {wrong[0] if wrong else 'none'!r}."
            )

    @property
    def places(self) -> list[int]:
        """The number of each split."""
        return list(range(len(self.splits)))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the names of files begin with."""
        return ("samples",) if self.split is None else self.splits

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        named = [self.id, self.time, self.split, self.target, self.label, *self.readout]
        return [c for c in dict.fromkeys(named) if c is not None]


@dataclasses.dataclass(frozen=True)
class Table:
    """What a worker must know of the table of one set.

    Attributes:
      name: The set's name.
      schema: The serialized GraphSchema.
      strings: Columns that a CSV file must not take for numbers.
      kinds: For each id column, the kind of its ids: "int64" or "string".
      drop: Whether invalid rows are dropped; else they are an error.
    """

    name: str
    schema: bytes
    strings: frozenset[str]
    kinds: tuple[tuple[str, str], ...]
    drop: bool

    def _message(self, sets: str) -> Any:
        schema: GraphSchema = protos.GraphSchema.FromString(self.schema)
        return getattr(schema, sets)[self.name]

    def nodes(self, source: TableFiles) -> tuple[Arrays, int]:
        """A part of a node table: ``id``, times and features; and how many rows were dropped."""
        message = self._message("node_sets")
        columns = NodeColumns.of(message)
        where = f"node set {self.name!r}"
        source, dropped = self._valid(source, [columns.id], columns.features, (), message)
        problems = self._id_problems(where, columns.id, source, "")
        for time in columns.times:
            problems += check_time(where, time, source)
        block, more = self._features(where, columns.features, message, source)
        if problems or more:
            raise GraphError([*problems, *more])
        block["id"] = to_ids(source.table[columns.id])
        block.update({TIME + name: to_times(source.table[name]) for name in columns.times})
        return block, dropped

    def node_columns(self) -> list[str]:
        """The columns that `nodes` reads."""
        columns = NodeColumns.of(self._message("node_sets"))
        return list(dict.fromkeys([columns.id, *columns.times, *columns.features]))

    def edge_columns(self) -> list[str]:
        """The columns that `edges` reads."""
        columns = EdgeColumns.of(self._message("edge_sets"))
        extra = [name for name in (columns.time, columns.id) if name is not None]
        return list(dict.fromkeys([columns.source, columns.target, *extra, *columns.features]))

    def edges(self, source: TableFiles) -> tuple[Arrays, int]:
        """A part of an edge table: ends, ``time``, ``key`` and features; and the rows dropped."""
        message = self._message("edge_sets")
        columns = EdgeColumns.of(message)
        where = f"edge set {self.name!r}"
        ends = [columns.source, columns.target]
        ids = [column for column in ends if column not in columns.optional]
        ids += [] if columns.id is None else [columns.id]
        source, dropped = self._valid(source, ids, columns.features, columns.weights, message)
        problems: list[str] = []
        for column in ends:
            nulls = None if column in columns.optional else " (or be named in `optional`)"
            problems += self._id_problems(where, column, source, nulls)
        if columns.id is not None:
            problems += self._id_problems(where, columns.id, source, "")
        if columns.time is not None:
            problems += check_time(where, columns.time, source)
        for column in columns.weights:
            problems += check_weights(where, column, source)
        if problems:
            raise GraphError(problems)
        table = source.table
        real = pc.and_(pc.is_valid(table[columns.source]), pc.is_valid(table[columns.target]))
        if not pc.all(real).as_py() and len(table):
            source = dataclasses.replace(source, table=table.filter(real))
            table = source.table
        block, problems = self._features(where, columns.features, message, source)
        if problems:
            raise GraphError(problems)
        block["source"], block["target"] = (to_ids(table[column]) for column in ends)
        if columns.time is not None:
            block["time"] = to_times(table[columns.time])
        if columns.id is not None:
            block["key"] = id_keys(to_ids(table[columns.id]))
        return block, dropped

    def seeds(self, source: TableFiles, columns: SeedColumns, *, timed: bool) -> tuple[Arrays, int]:
        """A part of a table of seeds: ``id``, ``time``, ``split``; and the rows dropped."""
        where = "seeds table"
        time = columns.time if timed else None
        second = [] if columns.target is None else [columns.target]
        needed = [columns.id, *second, *([] if time is None else [time])]
        source, dropped = self._valid(source, needed, (), (), None)
        problems = self._id_problems(where, columns.id, source, "")
        for column in second:
            problems += self._id_problems(where, column, source, "")
        for column in [] if columns.label is None else [columns.label, *columns.readout]:
            problems += _null_problems(where, column, source)
        if time is not None:
            problems += check_time(where, time, source)
            problems += _null_problems(where, time, source)
        names = np.zeros(len(source.table), np.int8)
        if columns.split is not None:
            texts = np.asarray(source.table[columns.split].cast(pa.string()).to_pylist(), object)
            wrong = np.flatnonzero(~np.isin(texts, SPLITS))
            if len(wrong):
                problems.append(
                    f"{where}: column {columns.split!r} must be one of {', '.join(SPLITS)}. "
                    f"Got {texts[wrong[0]]!r} at {source.where(int(wrong[0]))}."
                )
            names = np.select([texts == name for name in columns.splits], columns.places, -1)
        if problems:
            raise GraphError(problems)
        block: Arrays = {"id": to_ids(source.table[columns.id]), "split": names.astype(np.int8)}
        if columns.target is not None:
            block["second"] = to_ids(source.table[columns.target])
            block[READOUT_COLUMN + "label"] = (
                np.ones(len(source.table), np.float32)
                if columns.label is None
                else np.asarray(source.table[columns.label].cast(pa.float32()))
            )
            for column in columns.readout:
                block[READOUT_COLUMN + column] = to_column(source.table[column], column)
        if time is not None:
            block["time"] = to_times(source.table[time], round_up=False)
        return take(block, np.flatnonzero(names >= 0)), dropped

    def _id_problems(
        self, where: str, column: str, source: TableFiles, nulls: str | None
    ) -> list[str]:
        problems = list(check_ids(where, column, source, nulls))
        kind = "string" if is_string(source.table[column].type) else "int64"
        wanted = dict(self.kinds).get(column, kind)
        if not problems and kind != wanted and source.table.num_rows:
            path = source.files[0][0] if source.files else "the table"
            problems.append(
                f"{where}: column {column!r} must hold {wanted} ids. Got {kind} at {path}, "
                f"row {source.first_row}."
            )
        return problems

    def _features(
        self, where: str, names: tuple[str, ...], message: Any, source: TableFiles
    ) -> tuple[Arrays, list[str]]:
        block: Arrays = {}
        problems: list[str] = []
        for name in names:
            declared = message.features[name]
            found = list(check_feature(where, name, declared, source))
            problems += found
            if not found:
                shape = feature_shape(declared)
                feature = to_feature(source.table[name], dtype_name(declared), shape)
                block[FEATURE + name] = feature.values
                if feature.vocabulary is not None:
                    block[FEATURE + name + WORDS] = feature.vocabulary
        return block, problems

    def _valid(
        self,
        source: TableFiles,
        ids: list[str],
        features: tuple[str, ...],
        weights: tuple[str, ...],
        message: Any,
    ) -> tuple[TableFiles, int]:
        """Without the rows that the checks would refuse, if those are to be dropped."""
        if not self.drop:
            return source, 0
        valid = np.ones(source.table.num_rows, np.bool_)
        for column in ids:
            valid &= np.asarray(pc.is_valid(source.table[column]))
        for name in features:
            dtype = dtype_name(message.features[name])
            lengths = None
            if feature_shape(message.features[name]) == (-1,):
                array, lengths = lists(source.table[name])
            else:
                array, shape = inner(source.table[name])
            fine = np.ones(len(array), np.bool_)
            if dtype == "DT_FLOAT" and pa.types.is_floating(array.type):
                with np.errstate(over="ignore"):
                    floats = np.asarray(pc.fill_null(array.cast(pa.float64()), 0.0))
                    fine = np.isfinite(floats.astype(np.float32))
            elif dtype == "DT_INT64":
                fine = np.asarray(pc.is_valid(array))
            if lengths is None:
                valid &= fine.reshape(-1, max(int(np.prod(shape)), 1)).all(axis=1)
            else:
                owners = np.repeat(np.arange(len(lengths)), lengths)
                valid[owners[~fine]] = False
        for name in weights:
            values = pc.fill_null(source.table[name].cast(pa.float64(), safe=False), float("nan"))
            valid &= np.asarray(values) >= 0
        if valid.all():
            return source, 0
        table = source.table.filter(pa.array(valid))
        return dataclasses.replace(source, table=table), int((~valid).sum())


def _null_problems(where: str, column: str, source: TableFiles) -> Iterator[str]:
    nulls: npt.NDArray[np.bool_] = np.asarray(pc.is_null(source.table[column]))
    if nulls.any():
        row = int(np.flatnonzero(nulls)[0])
        yield f"{where}: column {column!r} must have no nulls. Got one at {source.where(row)}."
