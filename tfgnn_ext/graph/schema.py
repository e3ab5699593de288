"""GraphSchema: the one description of a graph, with this package's conventions in `metadata.extra`.

TF-GNN reads the same file: it ignores keys of `extra` that it does not know. Conventions:

* node set: ``id`` names the id column (default ``id``); ``times`` lists time columns, separated by
  commas; ``known_at.<feature>`` names the time column at which a feature's value becomes known.
  ``id_type`` = ``string`` keeps ids such as 007 text where a CSV file holds them.
* edge set: ``source`` and ``target`` name the columns (defaults ``source`` and ``target``);
  ``edge_type`` = ``reversed`` (TF-GNN's own) swaps them, so that a reversed edge set needs no
  second file; ``time`` names the time column, ``id`` an edge id column; ``optional`` lists end
  columns that may be null (a null makes no edge), and ``weights`` features that must not be
  negative or missing, separated by commas (``#weight``, TF-GNN's own name, is always one).
* ``metadata.filename`` is a path, a glob or a sharded name, relative to the schema's file.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any, TypeAlias

from google.protobuf import text_format

from tfgnn_ext.graph import protos

GraphSchema: TypeAlias = Any  # The message class is made at run time: see `new_schema`.
SamplingSpec = protos.SamplingSpec


def new_schema() -> GraphSchema:
    """An empty GraphSchema message."""
    return protos.GraphSchema()


def parse_schema(text: str, name: str = "schema") -> GraphSchema:
    """Parses a GraphSchema in text format.

    Args:
      text: The text.
      name: What errors call it, such as its path.

    Raises:
      ValueError: With the line and column of the mistake.

    >>> sorted(parse_schema('node_sets { key: "paper" value {} }').node_sets)
    ['paper']
    """
    return parse_message(protos.GraphSchema, text, name)


def parse_message(kind: Any, text: str, name: str) -> Any:
    """Parses a message in text format.

    Args:
      kind: The message class.
      text: The text.
      name: What errors call it.

    Raises:
      ValueError: With the line and column of the mistake.
    """
    found = kind()
    try:
        text_format.Parse(text, found)
    except text_format.ParseError as error:
        message = re.sub(r"^\d+:\d+ ?: ?", "", str(error))
        where = f"{name}:{error.GetLine()}:{error.GetColumn()}"
        must = f"must be a {kind.DESCRIPTOR.name} in text format"
        raise ValueError(f"{where}: {must}. Got: {message}") from None
    return found


def read_schema(path: str | os.PathLike[str]) -> GraphSchema:
    """Reads a GraphSchema from a text file (`schema.pbtxt`)."""
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"`{file}` must be a schema file. Got no such file.")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: must be utf-8 text. Got: {error}.") from None
    return parse_schema(text, str(file))


def write_schema(schema: GraphSchema, path: str | os.PathLike[str]) -> None:
    """Writes a GraphSchema as text; the file appears whole or not at all."""
    write_message(schema, path)


def write_message(message: Any, path: str | os.PathLike[str]) -> None:
    """Writes a message as text; the file appears whole or not at all."""
    partial = Path(f"{os.fspath(path)}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(message))
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def extra(message: Any) -> dict[str, str]:
    """The `metadata.extra` of a node or edge set as a dictionary."""
    return {item.key: item.value for item in message.metadata.extra}


def set_extra(message: Any, values: dict[str, str]) -> None:
    """Appends to the `metadata.extra` of a node or edge set."""
    for key, value in values.items():
        message.metadata.extra.add(key=key, value=value)


# What TF-GNN's tables call the id and end columns: columns, not features.
_IMPLIED = frozenset({"#id", "#source", "#target"})


def _listed(values: dict[str, str], key: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in values.get(key, "").split(",") if name.strip())


@dataclasses.dataclass(frozen=True)
class NodeColumns:
    """Which columns of a node table mean what."""

    id: str
    features: tuple[str, ...]
    times: tuple[str, ...]
    known_at: dict[str, str]

    @classmethod
    def of(cls, message: Any) -> NodeColumns:
        """Reads them from a schema's node set; features in sorted order."""
        values = extra(message)
        times = _listed(values, "times")
        known = {
            key.removeprefix("known_at."): value
            for key, value in values.items()
            if key.startswith("known_at.")
        }
        features = tuple(sorted(name for name in message.features if name not in _IMPLIED))
        return cls(values.get("id", "id"), features, times, known)


@dataclasses.dataclass(frozen=True)
class EdgeColumns:
    """Which columns of an edge table mean what; a reversed edge set's ends are swapped already."""

    source: str
    target: str
    features: tuple[str, ...]
    time: str | None
    id: str | None
    optional: tuple[str, ...]
    weights: tuple[str, ...]

    @classmethod
    def of(cls, message: Any) -> EdgeColumns:
        """Reads them from a schema's edge set; features in sorted order."""
        values = extra(message)
        ends = values.get("source", "source"), values.get("target", "target")
        if values.get("edge_type") == "reversed":
            ends = ends[1], ends[0]
        features = tuple(sorted(name for name in message.features if name not in _IMPLIED))
        weights = [*_listed(values, "weights"), *(name for name in features if name == "#weight")]
        return cls(
            *ends,
            features,
            values.get("time"),
            values.get("id"),
            _listed(values, "optional"),
            tuple(dict.fromkeys(weights)),
        )


def feature_shape(feature: Any) -> tuple[int, ...]:
    """The shape of one item's value; -1 for a ragged dimension."""
    return tuple(dim.size for dim in feature.shape.dim)


def declare_feature(message: Any, name: str, dtype: str, shape: tuple[int, ...] = ()) -> None:
    """Adds a feature to a node or edge set.

    Args:
      message: The set.
      name: The feature.
      dtype: "DT_FLOAT", "DT_INT64" or "DT_STRING".
      shape: The shape of one item's value.
    """
    feature = message.features[name]
    feature.dtype = protos.DATA_TYPES[dtype]
    feature.shape.SetInParent()
    for size in shape:
        feature.shape.dim.add(size=size)
