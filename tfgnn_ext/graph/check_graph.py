"""Checks tables against their schema: every problem in one line, with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph import protos
from tfgnn_ext.graph.columns import inner, is_string, to_ids
from tfgnn_ext.graph.end_rows import EndRows
from tfgnn_ext.graph.node_set import display_id
from tfgnn_ext.graph.schema import EdgeColumns, GraphSchema, NodeColumns, feature_shape
from tfgnn_ext.graph.tables import TableFiles

_DTYPE_NAMES = {number: name for name, number in protos.DATA_TYPES.items()}
SUPPORTED = {"DT_FLOAT", "DT_INT64", "DT_STRING"}


class GraphError(ValueError):
    """Tables that do not make a graph; the message holds one line a problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        shown = problems[:10]
        if len(problems) > len(shown):
            shown.append(f"... and {len(problems) - len(shown)} more problems.")
        super().__init__("\n".join(shown))


def dtype_name(feature: Any) -> str:
    """The name of a schema feature's dtype, such as "DT_FLOAT"."""
    return _DTYPE_NAMES.get(feature.dtype, str(feature.dtype))


def check_graph(schema: GraphSchema, tables: Mapping[str, pa.Table | TableFiles]) -> list[str]:
    """Finds what is wrong with tables: columns, types, ids, edges, numbers and times.

    Args:
      schema: The description.
      tables: The table of each node and edge set.

    Returns:
      One line a problem; empty if the tables make a graph.
    """
    return find_problems(schema, with_files(tables), EndRows())


def with_files(tables: Mapping[str, pa.Table | TableFiles]) -> dict[str, TableFiles]:
    """Tables in memory, too, as `TableFiles`."""
    return {
        name: table if isinstance(table, TableFiles) else TableFiles(table, ())
        for name, table in tables.items()
    }


def find_problems(
    schema: GraphSchema, tables: Mapping[str, TableFiles], ends: EndRows
) -> list[str]:
    """`check_graph` with a look-up of ids that the caller goes on to use."""
    problems = [
        f"set {name!r}: must be a node set or an edge set. Got both of this name."
        for name in sorted(set(schema.node_sets) & set(schema.edge_sets))
    ]
    for name, message in schema.node_sets.items():
        problems += _check_node_set(name, message, tables, ends)
    for name, message in schema.edge_sets.items():
        problems += _check_edge_set(name, message, schema, tables, ends)
    return problems


def _missing(kind: str, name: str, columns: list[str], table: pa.Table) -> list[str]:
    have = ", ".join(table.column_names)
    return [
        f"{kind} {name!r}: must have a column {column!r}. Got columns {have}."
        for column in columns
        if column not in table.column_names
    ]


def _check_node_set(
    name: str, message: Any, tables: Mapping[str, TableFiles], ends: EndRows
) -> list[str]:
    if name not in tables:
        return [f"node set {name!r}: must have a table. Got tables {', '.join(sorted(tables))}."]
    source = tables[name]
    table = source.table
    columns = NodeColumns.of(message)
    problems = [
        f"node set {name!r}: `known_at.{feature}` must name a feature. "
        f"Got no feature {feature!r} in the schema."
        for feature in columns.known_at
        if feature not in columns.features
    ]
    problems += [
        f"node set {name!r}: `known_at.{feature}` must name one of its times "
        f"({', '.join(columns.times) or 'none'}). Got {time!r}."
        for feature, time in columns.known_at.items()
        if time not in columns.times
    ]
    needed = list(dict.fromkeys([columns.id, *columns.times, *columns.features]))
    problems += _missing("node set", name, needed, table)
    for time in columns.times:
        problems += _check_time("node set", name, time, source)
    for feature in columns.features:
        problems += _check_feature("node set", name, feature, message.features[feature], source)
    if columns.id not in table.column_names:
        return problems
    found = _check_ids("node set", name, columns.id, source)
    if found:
        return problems + found
    ids = to_ids(table[columns.id])
    order = ends.add(name, table[columns.id])
    ordered = ids[order]
    repeats = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(repeats):
        row = int(order[repeats[0] + 1])
        problems.append(
            f"node set {name!r}: ids must be unique. Got {display_id(ids[row])!r} again at "
            f"{source.where(row)} ({len(repeats)} repeats)."
        )
    return problems


def _check_ids(kind: str, name: str, column: str, source: TableFiles) -> list[str]:
    array = source.table[column]
    if not (is_string(array.type) or pa.types.is_integer(array.type)):
        return [
            f"{kind} {name!r}: column {column!r} must hold int64 or string ids. Got {array.type}."
        ]
    if array.null_count:
        row = int(np.flatnonzero(np.asarray(pc.is_null(array)))[0])
        return [
            f"{kind} {name!r}: column {column!r} must have no nulls. Got {array.null_count}, the "
            f"first at {source.where(row)}."
        ]
    return []


def _check_time(kind: str, name: str, column: str, source: TableFiles) -> list[str]:
    if column not in source.table.column_names:
        return []
    found = source.table[column].type
    if (
        pa.types.is_integer(found)
        or pa.types.is_timestamp(found)
        or pa.types.is_date(found)
        or pa.types.is_null(found)
    ):
        return []
    return [
        f"{kind} {name!r}: time column {column!r} must hold integers or timestamps. Got {found}."
    ]


def _check_feature(
    kind: str, name: str, column: str, declared: Any, source: TableFiles
) -> Iterator[str]:
    if column not in source.table.column_names:
        return
    where = f"{kind} {name!r}: feature {column!r}"
    dtype = dtype_name(declared)
    if dtype not in SUPPORTED:
        yield f"{where} must be of dtype {', '.join(sorted(SUPPORTED))}. Got {dtype}."
        return
    try:
        array, shape = inner(source.table[column])
    except ValueError as error:
        yield f"{where} must hold {error}."
        return
    if shape != feature_shape(declared) and source.table.num_rows:
        yield f"{where} must have shape {list(feature_shape(declared))} by its schema. Got {list(shape)}."
        return
    numeric = pa.types.is_integer(array.type) or pa.types.is_floating(array.type)
    numeric = numeric or pa.types.is_boolean(array.type) or pa.types.is_null(array.type)
    right = {
        "DT_STRING": is_string(array.type) or pa.types.is_null(array.type),
        "DT_INT64": pa.types.is_integer(array.type) or pa.types.is_boolean(array.type),
        "DT_FLOAT": numeric,
    }[dtype]
    if not right:
        yield f"{where} must be {dtype} by its schema. Got {array.type}."
        return
    width = int(np.prod(shape)) if shape else 1
    if dtype == "DT_INT64" and array.null_count:
        row = int(np.flatnonzero(np.asarray(pc.is_null(array)))[0]) // width
        yield (
            f"{where} must have no nulls, since it is DT_INT64 (DT_FLOAT may have them). "
            f"Got {array.null_count}, the first at {source.where(row)}."
        )
    if pa.types.is_floating(array.type):
        values = np.asarray(pc.fill_null(array, 0.0))
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            yield (
                f"{where} must be finite (a missing value is null). Got {values[wrong[0]]} at "
                f"{source.where(int(wrong[0]) // width)} ({len(wrong)} such values)."
            )


def _check_edge_set(
    name: str,
    message: Any,
    schema: GraphSchema,
    tables: Mapping[str, TableFiles],
    ends: EndRows,
) -> Iterator[str]:
    if name not in tables:
        yield f"edge set {name!r}: must have a table. Got tables {', '.join(sorted(tables))}."
        return
    source = tables[name]
    columns = EdgeColumns.of(message)
    needed = [columns.source, columns.target, *columns.features]
    needed += [column for column in (columns.time, columns.id) if column is not None]
    yield from _missing("edge set", name, list(dict.fromkeys(needed)), source.table)
    if columns.time is not None:
        yield from _check_time("edge set", name, columns.time, source)
    for feature in columns.features:
        yield from _check_feature("edge set", name, feature, message.features[feature], source)
    for role, column, node_set in (
        ("source", columns.source, message.source),
        ("target", columns.target, message.target),
    ):
        if node_set not in schema.node_sets:
            yield (
                f"edge set {name!r}: `{role}` must name a node set "
                f"({', '.join(sorted(schema.node_sets))}). Got {node_set!r}."
            )
            continue
        if column not in source.table.column_names:
            continue
        found = _check_ends(name, column, source, column in columns.optional)
        yield from found
        if found or node_set not in ends:
            continue
        kind = "string" if is_string(source.table[column].type) else "int64"
        if kind != ends.kind(node_set):
            yield (
                f"edge set {name!r}: column {column!r} must hold {ends.kind(node_set)} ids like "
                f"node set {node_set!r}. Got {kind}."
            )
            continue
        valid = np.asarray(pc.is_valid(source.table[column]))
        dangling = np.flatnonzero(valid & (ends.rows(source.table, column, node_set) < 0))
        if len(dangling):
            row = int(dangling[0])
            yield (
                f"edge set {name!r}: column {column!r} must hold ids of node set {node_set!r}. Got "
                f"{source.table[column][row].as_py()!r} at {source.where(row)} "
                f"({len(dangling)} dangling edges)."
            )


def _check_ends(name: str, column: str, source: TableFiles, optional: bool) -> list[str]:
    """Like `_check_ids`, but nulls are fine in an optional column."""
    array = source.table[column]
    if not (is_string(array.type) or pa.types.is_integer(array.type)):
        return [
            f"edge set {name!r}: column {column!r} must hold int64 or string ids. Got {array.type}."
        ]
    if array.null_count and not optional:
        row = int(np.flatnonzero(np.asarray(pc.is_null(array)))[0])
        return [
            f"edge set {name!r}: column {column!r} must have no nulls (or be named in `optional`). "
            f"Got {array.null_count}, the first at {source.where(row)}."
        ]
    return []
