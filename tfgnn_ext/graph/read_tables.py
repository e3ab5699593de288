"""The tables that a schema names."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tfgnn_ext.graph.check_columns import dtype_name
from tfgnn_ext.graph.check_graph import GraphError
from tfgnn_ext.graph.schema import EdgeColumns, GraphSchema, NodeColumns, extra, feature_shape
from tfgnn_ext.graph.tables import TableFiles, read_table


def read_tables(schema: GraphSchema, folder: Path) -> dict[str, TableFiles]:
    """Reads the tables that a schema names, each file once however many sets share it.

    Args:
      schema: With a `metadata.filename` in every set.
      folder: What the names are relative to.

    Raises:
      GraphError: A set names no file.
      FileNotFoundError: A file does not exist.
      ValueError: A file cannot be read.
    """
    sets = [*sorted(schema.node_sets.items()), *sorted(schema.edge_sets.items())]
    nameless = [name for name, message in sets if not message.metadata.filename]
    if nameless:
        raise GraphError(
            [f"set {name!r}: must have a `metadata.filename`. Got none." for name in nameless]
        )
    texts = text_columns(schema)
    shapes: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for _, message in sets:
        shapes[message.metadata.filename] |= {
            column: feature_shape(feature) for column, feature in message.features.items()
        }
    read: dict[str, TableFiles] = {}
    tables = {}
    for name, message in sets:
        filename = message.metadata.filename
        if filename not in read:
            read[filename] = read_table(
                folder / filename, strings=texts[filename], shapes=shapes[filename]
            )
        tables[name] = read[filename]
    return tables


def text_columns(schema: GraphSchema) -> dict[str, set[str]]:
    """For each file, the columns that a CSV reader must not take for numbers.

    These are the features of DT_STRING, and the ids of node sets with ``id_type`` = ``string`` in
    their `metadata.extra`, wherever they occur.
    """
    found: dict[str, set[str]] = defaultdict(set)
    textual = {n for n, m in schema.node_sets.items() if extra(m).get("id_type") == "string"}
    for name, message in schema.node_sets.items():
        if name in textual:
            found[message.metadata.filename].add(NodeColumns.of(message).id)
    for message in schema.edge_sets.values():
        columns = EdgeColumns.of(message)
        ends = ((columns.source, message.source), (columns.target, message.target))
        found[message.metadata.filename] |= {column for column, end in ends if end in textual}
    for message in (*schema.node_sets.values(), *schema.edge_sets.values()):
        found[message.metadata.filename] |= {
            name for name, feature in message.features.items() if dtype_name(feature) == "DT_STRING"
        }
    return found
