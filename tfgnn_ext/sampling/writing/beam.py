"""Writing samples on Beam: files that appear whole, and a manifest that comes last."""

from __future__ import annotations

import dataclasses
import os
import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from google.protobuf import text_format

from tfgnn_ext.graph.tfrecord import frame
from tfgnn_ext.sampling.blocks import pack, unpack
from tfgnn_ext.sampling.feature_store import store_name
from tfgnn_ext.sampling.manifest import MANIFEST, describe_sizes, encode_manifest
from tfgnn_ext.sampling.node_blocks import NodeBlock

if TYPE_CHECKING:
    from tfgnn_ext.sampling.beam import SampledShard, SampleSubgraphs


class WriteSamples(beam.PTransform):
    """Writes shards as TFRecord files, then the schema, then the manifest.

    Files appear under their final names when they are complete; ``manifest.json`` appears when all
    are there, and an older one goes before the first is written. A rerun writes the same bytes.

    Args:
      directory: On any of Beam's file systems.
      sampling: The transform whose shards are written.
    """

    def __init__(self, directory: str | os.PathLike[str], sampling: SampleSubgraphs) -> None:
        super().__init__()
        self.directory = os.fspath(directory)
        self.sampling = sampling

    def expand(self, shards: Any) -> Any:
        """Returns a collection with the path of the manifest."""
        begin = (
            shards.pipeline
            | "Directory" >> beam.Create([self.directory], reshuffle=False)
            | "Begin" >> beam.Map(_begin)
        )
        plan = self.sampling.plan
        fields: dict[str, Any] = {
            "epoch": self.sampling.epoch,
            "plan": {"seed": plan.seed, "ops": [dataclasses.asdict(op) for op in plan.ops]},
            "seed_node_set": plan.seed_node_set,
        }
        ready = beam.pvalue.AsSingleton(begin)
        stored = []
        if not self.sampling.inline:
            stores = shards.pipeline | "Stores" >> _Stores(self.sampling)
            fields["features"] = self.sampling.store_fields
            stored = [
                groups
                | f"Write {name}"
                >> beam.Map(_write_store, name, self.sampling.blocks_of(name), ready)
                for name, groups in stores.items()
            ]
        schema = text_format.MessageToString(self.sampling.sample_schema)
        return (
            shards
            | "Write" >> beam.Map(_write_shard, ready)
            | "All" >> beam.Map(lambda written: (0, written))
            | "Wait" >> beam.GroupByKey()
            | "Finish"
            >> beam.Map(
                _finish,
                self.directory,
                schema,
                fields,
                # The manifest waits for the stores.
                beam.pvalue.AsIter(stored | "Stored" >> beam.Flatten()) if stored else [],
            )
        )


class _Stores(beam.PTransform):
    """Groups nodes by block."""

    def __init__(self, sampling: SampleSubgraphs) -> None:
        super().__init__()
        self.sampling = sampling

    def expand(self, pbegin: Any) -> Any:
        groups, self.sampling.store_fields = self.sampling.store(pbegin)
        return groups


def _write_store(
    group: tuple[int, Iterable[bytes]], node_set: str, blocks: int, directory: str
) -> str:
    """Writes one block of a feature store, its nodes by id."""
    nodes = NodeBlock([unpack(part) for part in group[1]])
    path = FileSystems.join(directory, store_name(node_set, group[0], blocks))
    _write(path, [pack(nodes.rows(np.arange(len(nodes.ids))))])
    return str(path)


def _begin(directory: str) -> str:
    if not FileSystems.exists(directory):
        FileSystems.mkdirs(directory)
    old = FileSystems.join(directory, MANIFEST)
    if FileSystems.exists(old):
        FileSystems.delete([old])
    return directory


def _write(path: str, pieces: Iterable[bytes]) -> int:
    """Writes a file that appears whole or not at all; returns its size."""
    folder, _, name = path.rpartition("/")
    partial = f"{folder}/.{name}.{uuid.uuid4().hex}.partial"
    size = 0
    with FileSystems.create(
        partial, "application/octet-stream", compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        for piece in pieces:
            file.write(piece)
            size += len(piece)
    FileSystems.rename([partial], [path])
    return size


def _write_shard(shard: SampledShard, directory: str) -> dict[str, Any]:
    offsets = [0]

    def framed() -> Iterator[bytes]:
        for record in shard.records:
            piece = frame(record)
            offsets.append(offsets[-1] + len(piece))
            yield piece

    path = FileSystems.join(directory, f"{shard.name}.tfrecord")
    size = _write(path, framed())
    _write(f"{path}.offsets", [np.asarray(offsets, "<i8").tobytes()])
    return {
        "file": {"name": f"{shard.name}.tfrecord", "records": len(shard.records), "bytes": size},
        "nodes": shard.node_sizes,
        "edges": shard.edge_sizes,
    }


def _finish(
    group: tuple[int, Iterable[dict[str, Any]]],
    directory: str,
    schema: str,
    fields: dict[str, Any],
    stored: Iterable[str],
) -> str:
    shards = sorted(group[1], key=lambda item: str(item["file"]["name"]))
    _write(FileSystems.join(directory, "schema.pbtxt"), [schema.encode()])
    path = str(FileSystems.join(directory, MANIFEST))
    _write(
        path,
        [
            encode_manifest(
                {
                    **fields,
                    "components": sum(item["file"]["records"] for item in shards),
                    "files": [item["file"] for item in shards],
                    "nodes": describe_sizes(item["nodes"] for item in shards),
                    "edges": describe_sizes(item["edges"] for item in shards),
                }
            )
        ],
    )
    return path
