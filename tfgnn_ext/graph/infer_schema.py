"""A first schema from tables."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pyarrow as pa

from tfgnn_ext.graph.columns import inner, is_string, lists
from tfgnn_ext.graph.schema import GraphSchema, declare_feature, new_schema, set_extra
from tfgnn_ext.graph.tables import TableFiles


def infer_schema(
    node_tables: Mapping[str, pa.Table | TableFiles],
    edge_tables: Mapping[str, tuple[str, str, pa.Table | TableFiles]],
    *,
    id_column: str = "id",
    filenames: Mapping[str, str | os.PathLike[str]] | None = None,
) -> GraphSchema:
    """Writes down what the tables hold; edit the result where they say too little.

    Numbers become DT_INT64 or, with nulls or fractions, DT_FLOAT; text DT_STRING; lists of one
    length a shape, lists of several lengths the shape [-1]. Timestamp columns become `times` of a
    node set, or the `time` of an edge set (its first such column).

    Args:
      node_tables: By node set.
      edge_tables: By edge set, the source and target node sets and the table.
      id_column: The id column of the node tables.
      filenames: By set, what to write as `metadata.filename`.

    Raises:
      ValueError: A column is of a type that no feature can have, or an id column is missing.

    >>> table = pa.table({"id": [1, 2], "age": [3.5, None], "name": ["x", "y"]})
    >>> sorted(infer_schema({"user": table}, {}).node_sets["user"].features)
    ['age', 'name']
    """
    schema = new_schema()
    for name, source in node_tables.items():
        table = _table(source)
        _require(f"node set {name!r}", [id_column], table)
        message = schema.node_sets[name]
        message.metadata.cardinality = table.num_rows
        if id_column != "id":
            set_extra(message, {"id": id_column})
        times = _declare(message, f"node set {name!r}", table, {id_column})
        if times:
            set_extra(message, {"times": ",".join(times)})
    for name, (start, end, source) in edge_tables.items():
        table = _table(source)
        _require(f"edge set {name!r}", ["source", "target"], table)
        for node_set in (start, end):
            if node_set not in node_tables:
                raise ValueError(
                    f"edge set {name!r}: must join node sets of `node_tables` "
                    f"({', '.join(sorted(node_tables))}). Got {node_set!r}."
                )
        message = schema.edge_sets[name]
        message.source, message.target = start, end
        message.metadata.cardinality = table.num_rows
        times = _declare(message, f"edge set {name!r}", table, {"source", "target"})
        if times:
            set_extra(message, {"time": times[0]})
    for name, filename in (filenames or {}).items():
        if name not in schema.node_sets and name not in schema.edge_sets:
            raise ValueError(f"`filenames` of `infer_schema` must name sets. Got {name!r}.")
        sets = schema.node_sets if name in schema.node_sets else schema.edge_sets
        sets[name].metadata.filename = os.fspath(filename)
    return schema


def _table(source: pa.Table | TableFiles) -> pa.Table:
    return source.table if isinstance(source, TableFiles) else source


def _require(where: str, columns: list[str], table: pa.Table) -> None:
    for column in columns:
        if column not in table.column_names:
            raise ValueError(
                f"{where}: must have a column {column!r}. "
                f"Got columns {', '.join(table.column_names)}."
            )


def _values(column: pa.ChunkedArray) -> tuple[pa.Array, tuple[int, ...]]:
    try:
        return inner(column)
    except ValueError:
        values, _ = lists(column)
        return values, (-1,)


def _declare(message: object, where: str, table: pa.Table, skipped: set[str]) -> list[str]:
    times = []
    for column in table.column_names:
        if column in skipped:
            continue
        kind = table[column].type
        if pa.types.is_timestamp(kind):
            times.append(column)
            continue
        try:
            values, shape = _values(table[column])
        except ValueError as error:
            raise ValueError(f"{where}: column {column!r} must hold {error}.") from None
        if is_string(values.type):
            dtype = "DT_STRING"
        elif pa.types.is_integer(values.type) or pa.types.is_boolean(values.type):
            dtype = "DT_FLOAT" if values.null_count else "DT_INT64"
        elif pa.types.is_floating(values.type) or pa.types.is_null(values.type):
            dtype = "DT_FLOAT"
        else:
            raise ValueError(
                f"{where}: column {column!r} must hold numbers, strings or timestamps. "
                f"Got {values.type}."
            )
        declare_feature(message, column, dtype, shape)
    return times
