"""Features once: the nodes of each set, a file a block, for `FeatureStore`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems

from tfgnn_ext.graph import NodeSet
from tfgnn_ext.sampling.assembly import block_of
from tfgnn_ext.sampling.blocks import pack, unpack
from tfgnn_ext.sampling.elements.beam import Block, given
from tfgnn_ext.sampling.feature_store import store_name
from tfgnn_ext.sampling.files.beam import write_file
from tfgnn_ext.sampling.node_blocks import NodeBlock
from tfgnn_ext.sampling.placing.beam import NodePlacing, PlaceTables
from tfgnn_ext.sampling.tables.beam import TableSource


class StoreNodes(beam.PTransform):
    """Reads the nodes of one set and writes them, a file a block; returns the files' paths.

    Args:
      empty: The set without nodes.
      name: Its name.
      source: Its table.
      blocks: Into how many blocks it is hashed.
      directory: The side input with the directory, once it may be written to.
    """

    def __init__(
        self, empty: NodeSet, name: str, source: TableSource, blocks: int, directory: Any
    ) -> None:
        super().__init__()
        self.empty, self.name, self.source = empty, name, source
        self.blocks, self.directory = blocks, directory

    def expand(self, pbegin: Any) -> Any:
        """Builds the graph of transforms."""
        # The first block is always there: it tells the types.
        none = given(pbegin.pipeline, [(0, pack(block_of(self.empty)))], "No nodes", Block)
        placing = {self.name: NodePlacing(self.source.table, self.blocks)}
        placed, _, _ = pbegin | "Nodes" >> PlaceTables({self.name: self.source}, placing)
        return (
            (placed[self.name].rows, none)
            | "All" >> beam.Flatten()
            | "Group" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.name, self.blocks, self.directory)
        )


def describe_store(empty: NodeSet, blocks: int, labels: tuple[str, ...]) -> dict[str, Any]:
    """What a `FeatureStore` must know of a set."""
    known = {n: f.known_at for n, f in empty.features.items() if f.known_at is not None}
    return {"blocks": blocks, "known_at": known, "labels": list(labels)}


def _write(group: tuple[int, Iterable[bytes]], node_set: str, blocks: int, directory: str) -> str:
    """Writes one block, its nodes by id."""
    nodes = NodeBlock([unpack(part) for part in group[1]])
    path = str(FileSystems.join(directory, store_name(node_set, group[0], blocks)))
    write_file(path, [pack(nodes.rows(np.arange(len(nodes.ids))), narrow=False)])
    return path
