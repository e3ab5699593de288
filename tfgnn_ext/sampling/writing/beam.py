"""Writing samples on Beam: files that appear whole, and a manifest that comes last."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from google.protobuf import text_format

from tfgnn_ext.graph.tfrecord import frame
from tfgnn_ext.sampling.elements.beam import given
from tfgnn_ext.sampling.files.beam import write_file
from tfgnn_ext.sampling.manifest import MANIFEST, describe_sizes, encode_manifest
from tfgnn_ext.sampling.storing.beam import StoreNodes, describe_store

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
        begin = given(shards.pipeline, [self.directory], "Directory") | "Begin" >> beam.Map(_begin)
        plan = self.sampling.plan
        fields: dict[str, Any] = {
            "epoch": self.sampling.epoch,
            "plan": {"seed": plan.seed, "ops": [dataclasses.asdict(op) for op in plan.ops]},
            "seed_node_set": plan.seed_node_set,
        }
        ready = beam.pvalue.AsSingleton(begin)
        stored = []
        if not self.sampling.inline:
            fields["features"] = {}
            stored = self._store(shards.pipeline, ready, fields["features"])
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

    def _store(self, pbegin: Any, ready: Any, described: dict[str, Any]) -> list[Any]:
        """Writes the features of nodes, and says what a `FeatureStore` must know of them."""
        sampling, catalog, stored = self.sampling, self.sampling.catalog, []
        for name in sampling.node_sets:
            empty, blocks = catalog.empty.node_sets[name], catalog.blocks_of(name)
            if empty.features or empty.times:
                labels = sampling.labels if name == sampling.plan.seed_node_set else ()
                described[name] = describe_store(empty, blocks, labels)
                store = StoreNodes(empty, name, catalog.sources[name], blocks, ready)
                stored.append(pbegin | f"Store {name}" >> store)
        return stored


def _begin(directory: str) -> str:
    if not FileSystems.exists(directory):
        FileSystems.mkdirs(directory)
    old = FileSystems.join(directory, MANIFEST)
    if FileSystems.exists(old):
        FileSystems.delete([old])
    return directory


def _write_shard(shard: SampledShard, directory: str) -> dict[str, Any]:
    offsets = [0]

    def framed() -> Iterator[bytes]:
        for record in shard.records:
            piece = frame(record)
            offsets.append(offsets[-1] + len(piece))
            yield piece

    path = FileSystems.join(directory, f"{shard.name}.tfrecord")
    size = write_file(path, framed())
    write_file(f"{path}.offsets", [np.asarray(offsets, "<i8").tobytes()])
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
    write_file(FileSystems.join(directory, "schema.pbtxt"), [schema.encode()])
    path = str(FileSystems.join(directory, MANIFEST))
    write_file(
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
