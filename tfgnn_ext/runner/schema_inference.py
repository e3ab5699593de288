"""A first schema from tables on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format

from tfgnn_ext.graph import infer_schema, read_table, write_schema
from tfgnn_ext.graph.tables import TableFiles
from tfgnn_ext.runner.input_error import InputError


def infer_schema_text(
    nodes: Sequence[str],
    edges: Sequence[str] = (),
    *,
    id_column: str = "id",
    out: str | os.PathLike[str] | None = None,
) -> str:
    """Infers a schema.

    Args:
      nodes: ``set=file`` for each node set.
      edges: ``set=source:target:file`` for each edge set.
      id_column: The id column of the node tables.
      out: Where to write the schema; files are named relative to it.

    Returns:
      The schema as text.

    Raises:
      InputError: An argument or a table cannot be used.
    """
    folder = Path(out).absolute().parent if out is not None else Path.cwd()
    filenames: dict[str, str] = {}
    node_tables: dict[str, TableFiles] = {}
    edge_tables: dict[str, tuple[str, str, TableFiles]] = {}

    def read(option: str, argument: str, name: str, file: str) -> TableFiles:
        if not name or not file or name in filenames:
            state = "a set twice" if name in filenames else repr(argument)
            shape = "SET=FILE" if option == "--nodes" else "SET=SOURCE:TARGET:FILE"
            raise InputError([f"{option} {argument}: must be {shape}, each set once. Got {state}."])
        filenames[name] = os.path.relpath(Path(file).absolute(), folder)
        try:
            return read_table(file)
        except (ValueError, OSError) as error:
            raise InputError([f"{option} {argument}: {error}"]) from None

    for argument in nodes:
        name, _, file = argument.partition("=")
        node_tables[name] = read("--nodes", argument, name, file)
    for argument in edges:
        name, _, rest = argument.partition("=")
        source, _, rest = rest.partition(":")
        target, _, file = rest.partition(":")
        edge_tables[name] = (source, target, read("--edges", argument, name, file))
    if out is not None and not folder.is_dir():
        raise InputError([f"--out {out}: must be in a folder that exists. Got no {folder}."])
    try:
        schema = infer_schema(node_tables, edge_tables, id_column=id_column, filenames=filenames)
    except ValueError as error:
        raise InputError([str(error)]) from None
    if out is not None:
        write_schema(schema, out)
    text: str = text_format.MessageToString(schema)
    return text
