"""Checks tables against their schema: every problem in one line, with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph.check_columns import (
    check_feature,
    check_ids,
    check_time,
    check_unique,
    check_weights,
)
from tfgnn_ext.graph.columns import is_string
from tfgnn_ext.graph.end_rows import EndRows
from tfgnn_ext.graph.schema import EdgeColumns, GraphSchema, NodeColumns, extra
from tfgnn_ext.graph.tables import TableFiles


class GraphError(ValueError):
    """Tables that do not make a graph.

    Attributes:
      problems: One line each; the message shows the first ten.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        shown = problems[:10]
        if len(problems) > len(shown):
            shown.append(f"... and {len(problems) - len(shown)} more problems.")
        super().__init__("\n".join(shown))


def check_graph(schema: GraphSchema, tables: Mapping[str, pa.Table | TableFiles]) -> list[str]:
    """Finds what is wrong with tables: columns, types, ids, edges, numbers and times.

    Args:
      schema: The description.
      tables: The table of each node and edge set; tables of other names are not looked at.

    Returns:
      One line a problem; empty if the tables make a graph.

    >>> from tfgnn_ext.graph.schema import parse_schema
    >>> schema = parse_schema('node_sets { key: "user" value {} }')
    >>> check_graph(schema, {"user": pa.table({"id": ["ann", "bob", "ann"]})})
    ["node set 'user': column 'id' must hold unique ids. Got 'ann' again at row 2 (1 repeats)."]
    """
    return find_problems(schema, with_files(tables), EndRows())


def with_files(tables: Mapping[str, pa.Table | TableFiles]) -> dict[str, TableFiles]:
    """Tables in memory, too, as `TableFiles`."""
    return {
        name: table if isinstance(table, TableFiles) else TableFiles(table)
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
    problems += _not_honoured(schema)
    for name, message in sorted(schema.node_sets.items()):
        problems += _check_node_set(name, message, tables, ends)
    for name, message in sorted(schema.edge_sets.items()):
        problems += _check_edge_set(name, message, schema, tables, ends)
    return problems


def _not_honoured(schema: GraphSchema) -> Iterator[str]:
    """What TF-GNN's message can say and a graph cannot hold."""
    if schema.context.features:
        names = ", ".join(sorted(schema.context.features))
        yield f"context: must have no features, since a graph has no table for them. Got {names}."
    sets = [(f"node set {name!r}", part) for name, part in sorted(schema.node_sets.items())]
    sets += [(f"edge set {name!r}", part) for name, part in sorted(schema.edge_sets.items())]
    for where, part in sets:
        if part.context:
            yield f"{where}: `context` must be empty. Got {', '.join(part.context)}."
        if part.metadata.HasField("bigquery"):
            yield (
                f"{where}: `metadata.bigquery` must not be set: export the table and name its file "
                "as `metadata.filename`. Got it."
            )
        kind = extra(part).get("edge_type", "reversed")
        if kind != "reversed":
            yield f"{where}: `edge_type` must be reversed if it is given. Got {kind!r}."


def _check_table(
    where: str, name: str, needed: list[str], tables: Mapping[str, TableFiles]
) -> Iterator[str]:
    if name not in tables:
        yield f"{where}: must have a table. Got tables {', '.join(sorted(tables)) or 'none'}."
        return
    have = tables[name].table.column_names
    for column in dict.fromkeys(needed):
        if have.count(column) != 1:
            number = "a column" if column not in have else "one column"
            yield f"{where}: must have {number} {column!r}. Got columns {', '.join(have)}."


def _check_node_set(
    name: str, message: Any, tables: Mapping[str, TableFiles], ends: EndRows
) -> Iterator[str]:
    where = f"node set {name!r}"
    columns = NodeColumns.of(message)
    for feature, time in columns.known_at.items():
        if feature not in columns.features:
            known = ", ".join(columns.features) or "none"
            yield (
                f"{where}: `known_at.{feature}` must name one of its features ({known}). "
                f"Got {feature!r}."
            )
        if time not in columns.times:
            known = ", ".join(columns.times) or "none"
            yield f"{where}: `known_at.{feature}` must be one of its times ({known}). Got {time!r}."
    for time in columns.times:
        if time in columns.features:
            yield f"{where}: time {time!r} must not be a feature too. Got both in its schema."
    missing = list(
        _check_table(where, name, [columns.id, *columns.times, *columns.features], tables)
    )
    yield from missing
    if name not in tables:
        return
    source = tables[name]
    for time in columns.times:
        yield from check_time(where, time, source)
    for feature in columns.features:
        yield from check_feature(where, feature, message.features[feature], source)
    if source.table.column_names.count(columns.id) != 1:
        return
    found = list(check_ids(where, columns.id, source, ""))
    if not found:
        order = ends.add(name, source.table[columns.id])
        found = list(check_unique(where, columns.id, source, order))
    yield from found


def _check_edge_set(
    name: str,
    message: Any,
    schema: GraphSchema,
    tables: Mapping[str, TableFiles],
    ends: EndRows,
) -> Iterator[str]:
    where = f"edge set {name!r}"
    columns = EdgeColumns.of(message)
    for key in extra(message):
        if key.startswith("known_at.") or key == "times":
            yield f"{where}: `{key}` must be given for node sets only (edges have `time`). Got it."
    if columns.time in columns.features:
        yield f"{where}: time {columns.time!r} must not be a feature too. Got both in its schema."
    for column in columns.optional:
        if column not in (columns.source, columns.target):
            yield (
                f"{where}: `optional` must name end columns ({columns.source}, {columns.target}). "
                f"Got {column!r}."
            )
    for column in columns.weights:
        if column not in columns.features:
            yield f"{where}: `weights` must name its features. Got {column!r}."
    needed = [columns.source, columns.target, *columns.features]
    needed += [column for column in (columns.time, columns.id) if column is not None]
    yield from _check_table(where, name, needed, tables)
    for role in ("source", "target"):
        if getattr(message, role) not in schema.node_sets:
            known = ", ".join(sorted(schema.node_sets)) or "none"
            got = getattr(message, role)
            yield f"{where}: `{role}` must name a node set ({known}). Got {got!r}."
    if name not in tables:
        return
    source = tables[name]
    if columns.time is not None:
        yield from check_time(where, columns.time, source)
    for feature in columns.features:
        yield from check_feature(where, feature, message.features[feature], source)
    for column in columns.weights:
        yield from check_weights(where, column, source)
    if columns.id is not None and source.table.column_names.count(columns.id) == 1:
        found = list(check_ids(where, columns.id, source, ""))
        yield from found or check_unique(where, columns.id, source)
    for column, node_set in ((columns.source, message.source), (columns.target, message.target)):
        if source.table.column_names.count(column) == 1 and node_set in schema.node_sets:
            yield from _check_end(where, column, node_set, column in columns.optional, source, ends)


def _check_end(
    where: str, column: str, node_set: str, optional: bool, source: TableFiles, ends: EndRows
) -> Iterator[str]:
    nulls = None if optional else " (or be named in `optional`)"
    found = list(check_ids(where, column, source, nulls))
    yield from found
    if found or node_set not in ends:
        return
    kind = "string" if is_string(source.table[column].type) else "int64"
    if kind != ends.kind(node_set):
        yield (
            f"{where}: column {column!r} must hold {ends.kind(node_set)} ids like node set "
            f"{node_set!r}. Got {kind}."
        )
        return
    valid = np.asarray(pc.is_valid(source.table[column]))
    dangling = np.flatnonzero(valid & (ends.rows(source.table, column, node_set) < 0))
    if len(dangling):
        row = int(dangling[0])
        yield (
            f"{where}: column {column!r} must hold ids of node set {node_set!r}. Got "
            f"{source.table[column][row].as_py()!r} at {source.where(row)} "
            f"({len(dangling)} dangling edges)."
        )
