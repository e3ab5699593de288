"""A graph on disk: schema, manifest and one .npy file an array."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfgnn_ext.graph.array_files import ArrayReader, ArrayWriter, new_directory
from tfgnn_ext.graph.edge_set import EdgeSet
from tfgnn_ext.graph.feature import Feature
from tfgnn_ext.graph.node_set import NodeSet
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.schema import GraphSchema, read_schema, write_schema

FORMAT = 3  # Raise it when the files or their meaning change.
_SCHEMA = "schema.pbtxt"


def save(
    schema: GraphSchema,
    node_sets: Mapping[str, NodeSet],
    edge_sets: Mapping[str, EdgeSet],
    directory: Path,
) -> None:
    """Writes a graph to a temporary directory beside the final one and renames it."""
    with new_directory(directory) as partial:
        writer = ArrayWriter(partial)
        write_schema(schema, partial / _SCHEMA)
        writer.finish(
            {
                "format": FORMAT,
                "schema": _checksum(partial / _SCHEMA),
                "node_sets": {
                    name: {
                        "ids": writer.write(part.ids),
                        # An int64 id is its own key; a string's takes a hash, so it is kept.
                        "keys": None if part.ids.dtype.kind == "i" else writer.write(part.keys),
                        "features": _write_features(writer, part.features),
                        "times": {t: writer.write(part.times[t]) for t in sorted(part.times)},
                    }
                    for name, part in sorted(node_sets.items())
                },
                "edge_sets": {
                    name: {
                        "source": part.source,
                        "target": part.target,
                        "indptr": writer.write(part.indptr),
                        "targets": writer.write(part.targets),
                        "times": None if part.times is None else writer.write(part.times),
                        "features": _write_features(writer, part.features),
                    }
                    for name, part in sorted(edge_sets.items())
                },
            }
        )


def load(
    directory: Path, *, verify: bool = False
) -> tuple[GraphSchema, dict[str, NodeSet], dict[str, EdgeSet]]:
    """Opens what `save` wrote.

    Raises:
      ValueError: No graph, another format, or a missing or damaged file.
    """
    reader = ArrayReader(directory, FORMAT, verify=verify)
    found = _checksum(directory / _SCHEMA)
    if found != reader.manifest["schema"]:
        raise ValueError(
            f"{directory / _SCHEMA}: must have checksum {reader.manifest['schema']}. Got {found}."
        )
    schema = read_schema(directory / _SCHEMA)
    node_sets = {}
    for name, part in reader.manifest["node_sets"].items():
        times = {time: reader.read(number) for time, number in part["times"].items()}
        features = _read_features(reader, part["features"])
        node_sets[name] = NodeSet(reader.read(part["ids"]), features, times)
        if part["keys"] is not None:
            node_sets[name].__dict__["keys"] = reader.read(part["keys"])  # The cached property.
    edge_sets = {
        name: EdgeSet(
            part["source"],
            part["target"],
            reader.read(part["indptr"]),
            reader.read(part["targets"]),
            None if part["times"] is None else reader.read(part["times"]),
            _read_features(reader, part["features"]),
        )
        for name, part in reader.manifest["edge_sets"].items()
    }
    return schema, node_sets, edge_sets


def _checksum(path: Path) -> int | None:
    return zlib.crc32(path.read_bytes()) if path.is_file() else None


def _is_ragged(feature: Feature) -> bool:
    return isinstance(feature.values, Ragged)


def _write_features(writer: ArrayWriter, features: Mapping[str, Feature]) -> dict[str, Any]:
    for feature in features.values():
        feature.check()
    return {
        name: {
            "values": writer.write(feature.flat if _is_ragged(feature) else feature.values),
            "splits": writer.write(feature.values.splits) if _is_ragged(feature) else None,
            "vocabulary": None if feature.vocabulary is None else writer.write(feature.vocabulary),
            "known_at": feature.known_at,
        }
        for name, feature in sorted(features.items())
    }


def _read_features(reader: ArrayReader, described: Mapping[str, Any]) -> dict[str, Feature]:
    features = {}
    for name, item in described.items():
        values: Any = reader.read(item["values"])
        if item["splits"] is not None:
            values = Ragged(values, reader.read(item["splits"]))
        vocabulary = None if item["vocabulary"] is None else reader.read(item["vocabulary"])
        features[name] = Feature(values, vocabulary, item["known_at"])
        if reader.verify:
            features[name].check()
    return features
