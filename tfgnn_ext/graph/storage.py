"""A graph on disk: one .npy file an array, a manifest, memory-mapped when read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.edge_set import EdgeSet
from tfgnn_ext.graph.feature import Feature
from tfgnn_ext.graph.node_set import NodeSet
from tfgnn_ext.graph.schema import GraphSchema, read_schema, write_schema

FORMAT = 1
_MANIFEST = "manifest.json"
Array = npt.NDArray[Any]


def save(
    schema: GraphSchema,
    node_sets: Mapping[str, NodeSet],
    edge_sets: Mapping[str, EdgeSet],
    directory: Path,
) -> None:
    """Writes to a temporary directory beside the final one and renames it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        arrays: list[dict[str, Any]] = []

        def keep(array: Array) -> int:
            index = len(arrays)
            path = partial / f"{index:04d}.npy"
            with open(path, "wb") as file:
                np.save(file, np.ascontiguousarray(array), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            arrays.append({"bytes": path.stat().st_size})
            return index

        def keep_features(features: Mapping[str, Feature]) -> dict[str, Any]:
            return {
                name: {
                    "values": keep(feature.values),
                    "vocabulary": None if feature.vocabulary is None else keep(feature.vocabulary),
                    "known_at": feature.known_at,
                }
                for name, feature in features.items()
            }

        manifest = {
            "format": FORMAT,
            "node_sets": {
                name: {
                    "ids": keep(part.ids),
                    "features": keep_features(part.features),
                    "times": {time: keep(values) for time, values in part.times.items()},
                }
                for name, part in node_sets.items()
            },
            "edge_sets": {
                name: {
                    "source": part.source,
                    "target": part.target,
                    "indptr": keep(part.indptr),
                    "targets": keep(part.targets),
                    "times": None if part.times is None else keep(part.times),
                    "features": keep_features(part.features),
                }
                for name, part in edge_sets.items()
            },
            "arrays": arrays,
        }
        write_schema(schema, partial / "schema.pbtxt")
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if directory.exists():
            if not (directory / _MANIFEST).is_file() and any(directory.iterdir()):
                raise ValueError(
                    f"`{directory}` must be a new or empty directory, or a saved graph to replace. "
                    "Got a directory with other files."
                )
            shutil.rmtree(directory)
        os.replace(partial, directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load(
    directory: Path,
) -> tuple[GraphSchema, dict[str, NodeSet], dict[str, EdgeSet]]:
    """Opens what `save` wrote.

    Raises:
      ValueError: No graph, another format, or a missing or cut-short file.
    """
    try:
        manifest = json.loads((directory / _MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"`{directory}` must be a saved graph. Got no {_MANIFEST} in it."
        ) from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{directory / _MANIFEST}: must be JSON. Got: {error}") from None
    if manifest.get("format") != FORMAT:
        raise ValueError(
            f"`{directory}` must have format {FORMAT}. Got {manifest.get('format')}: build it anew."
        )
    for index, array in enumerate(manifest["arrays"]):
        path = directory / f"{index:04d}.npy"
        size = path.stat().st_size if path.is_file() else -1
        if size != array["bytes"]:
            found = "no such file" if size < 0 else f"{size} bytes"
            raise ValueError(f"{path}: must have {array['bytes']} bytes. Got {found}.")

    def fetch(index: int) -> Array:
        array: Array = np.load(directory / f"{index:04d}.npy", mmap_mode="r", allow_pickle=False)
        # An empty array cannot be mapped; a plain view spares the kernel a subclass of ndarray.
        return array if array.size == 0 else array.view(np.ndarray)

    def features(described: Mapping[str, Any]) -> dict[str, Feature]:
        return {
            name: Feature(
                fetch(item["values"]),
                None if item["vocabulary"] is None else fetch(item["vocabulary"]),
                item["known_at"],
            )
            for name, item in described.items()
        }

    node_sets = {
        name: NodeSet(
            fetch(part["ids"]),
            features(part["features"]),
            {time: fetch(index) for time, index in part["times"].items()},
        )
        for name, part in manifest["node_sets"].items()
    }
    edge_sets = {
        name: EdgeSet(
            part["source"],
            part["target"],
            fetch(part["indptr"]),
            fetch(part["targets"]),
            None if part["times"] is None else fetch(part["times"]),
            features(part["features"]),
        )
        for name, part in manifest["edge_sets"].items()
    }
    return read_schema(directory / "schema.pbtxt"), node_sets, edge_sets
