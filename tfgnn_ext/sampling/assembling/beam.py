"""A shard's samples, from what its components drew and the nodes that they reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph import Graph
from tfgnn_ext.sampling.assembly import Assembly, Shard, block_of
from tfgnn_ext.sampling.blocks import Arrays, ascending, join, pack, split, take, unpack
from tfgnn_ext.sampling.catalog.beam import Layout
from tfgnn_ext.sampling.checking.beam import NODES
from tfgnn_ext.sampling.elements.beam import Block, count
from tfgnn_ext.sampling.examples import write_examples
from tfgnn_ext.sampling.manifest import count_sizes
from tfgnn_ext.sampling.node_blocks import NodeBlock, wanted_nodes
from tfgnn_ext.sampling.plan import SamplingPlan
from tfgnn_ext.sampling.table_blocks import READOUT_COLUMN
from tfgnn_ext.sampling.tables.beam import SEEDS


@dataclasses.dataclass
class SampledShard:
    """The samples of one shard.

    Attributes:
      name: Of its file, such as ``train-00000-of-00016``.
      records: Serialized tf.Examples, as `write_examples` makes them, by the seeds' ids and times.
      node_sizes, edge_sizes: By set, how many components have how many nodes or edges.
    """

    name: str
    records: list[bytes]
    node_sizes: dict[str, dict[int, int]]
    edge_sizes: dict[str, dict[int, int]]


class LookUpNodes(beam.PTransform):
    """Applied to `NODES` and ``requests``, sends each shard the nodes that its components hold."""

    def expand(self, tags: Any) -> Any:
        """Builds the graph of transforms."""
        look_up = beam.FlatMap(_look_up).with_output_types(Block)
        return tags | "Meet" >> beam.CoGroupByKey() | "Look up" >> look_up


def _look_up(group: tuple[int, Mapping[str, Iterable[bytes]]]) -> Iterable[Block]:
    _, found = group
    parts, requests = ([unpack(part) for part in found[tag]] for tag in (NODES, "requests"))
    if requests:
        nodes = NodeBlock(parts)
        wanted = wanted_nodes(requests)
        rows = nodes.find(wanted["id"])
        for shard, part in split({"row": rows}, wanted["component"]):
            yield shard, pack(nodes.rows(part["row"]))


@dataclasses.dataclass(frozen=True)
class Assemble:
    """Makes the samples of one shard; applied to a group of all that it was sent.

    Attributes:
      plan: What was drawn.
      layout: Of the tables.
      names: Of the files.
      labels: Features to mask on the seed's own row.
      inline: Whether samples hold nodes' features.
    """

    plan: SamplingPlan
    layout: Layout
    names: tuple[str, ...]
    labels: tuple[str, ...]
    inline: bool

    def _ids(
        self, seeds: Arrays, drawn: Mapping[str, Arrays | None], empty: Graph
    ) -> dict[str, Arrays]:
        """The nodes that occur, without their features."""
        ids = {self.plan.seed_node_set: [seeds["id"]]}
        if self.plan.link is not None:
            ids.setdefault(self.plan.link.node_set, []).append(seeds["second"])
        for op in self.plan.ops:
            target = empty.edge_sets[op.edge_set].target
            edges = drawn[op.name]
            none = empty.node_sets[target].ids
            ids.setdefault(target, []).append(none if edges is None else edges["target"])
        return {name: {"id": ascending(np.concatenate(parts))} for name, parts in ids.items()}

    def __call__(
        self, group: tuple[int, Mapping[str, Iterable[bytes]]], checked: Iterable[Any]
    ) -> SampledShard:
        """From all that the shard was sent to its records, once the tables are `checked`."""
        place, packed = group
        found = {tag: [unpack(part) for part in parts if part] for tag, parts in packed.items()}
        if not found[SEEDS]:
            return SampledShard(self.names[place], [], {}, {})
        empty = self.layout.empty_graph()
        parts = {op.name: found[f"o:{op.name}"] for op in self.plan.ops}
        drawn = {name: join(blocks) if blocks else None for name, blocks in parts.items()}
        seeds = join(found[SEEDS])
        nodes = self._ids(seeds, drawn, empty)
        for name in nodes if self.inline else ():
            block = join(found[f"n:{name}"] or [block_of(empty.node_sets[name])])
            nodes[name] = take(block, np.argsort(block["id"], kind="stable"))
        assembly = Assembly(self.plan, empty, Shard(seeds=seeds, drawn=drawn, nodes=nodes))
        records: list[bytes] = []
        node_sizes: dict[str, list[Any]] = {}
        edge_sizes: dict[str, list[Any]] = {}
        columns = {
            name.removeprefix(READOUT_COLUMN): values
            for name, values in seeds.items()
            if name.startswith(READOUT_COLUMN)
        }
        for batch in assembly.batches():
            size = batch.num_components
            readout = {name: values[:size] for name, values in columns.items()}
            columns = {name: values[size:] for name, values in columns.items()}
            records += write_examples(
                assembly.graph, batch, labels=self.labels, readout=readout or None
            )
            for sizes, totals in ((batch.node_sizes, node_sizes), (batch.edge_sizes, edge_sizes)):
                for name, counts in sizes.items():
                    totals.setdefault(name, []).append(counts)
        count("components", len(records))
        return SampledShard(
            self.names[place],
            records,
            {name: count_sizes(sizes) for name, sizes in node_sizes.items()},
            {name: count_sizes(sizes) for name, sizes in edge_sizes.items()},
        )
