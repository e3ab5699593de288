"""The Beam engine: the same plan, the same kernel and the same bytes on any Beam runner.

The unit of work is a block of rows, not a row (see `blocks`):

* *adjacency*: all edges of the sources whose ids hash to one block, in canonical order, built once
  an edge set and shared by its operations (`placing`);
* *requests*: (component, seed key, source) rows, routed to the source's block, where one call of
  the kernel draws for all of them; what it reaches is routed on, to the next operations and to the
  nodes' features (`drawing`, `hub`);
* *shards*: seeds by a hash of their id and time; a shard's components are assembled, encoded and
  written in one place, its seeds in the order of their ids (`assembling`, `writing`).

Nothing of this depends on the order or the sharding of the input, on bundles or on retries: files,
not just examples, are equal byte for byte. A worker never loads TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from tfgnn_ext.graph import GraphSchema
from tfgnn_ext.sampling.adjacency import Drawing
from tfgnn_ext.sampling.assembling.beam import SEEDS, Assemble, LookUpNodes, SampledShard
from tfgnn_ext.sampling.catalog.beam import Catalog, Layout
from tfgnn_ext.sampling.checking.beam import NODES, CheckIds, Named
from tfgnn_ext.sampling.drawing.beam import DrawEdges
from tfgnn_ext.sampling.elements.beam import typed, united
from tfgnn_ext.sampling.files.beam import read_samples, read_text
from tfgnn_ext.sampling.memory import InMemorySampler
from tfgnn_ext.sampling.placing.beam import (
    BuildAdjacency,
    NumberSeeds,
    Placed,
    PlaceEdges,
    PlaceNodes,
    PlaceSeeds,
)
from tfgnn_ext.sampling.plan import SamplingPlan
from tfgnn_ext.sampling.sample_schema import sample_schema
from tfgnn_ext.sampling.table_blocks import SeedColumns
from tfgnn_ext.sampling.writing.beam import WriteSamples


class SampleSubgraphs(beam.PTransform):
    """Samples a component for each seed: the in-memory engine's bytes from tables of any size.

    Applied to a pipeline it returns a collection with one `SampledShard` a file. Tables are read
    where they lie: local paths, ``gs://`` and every other file system that Beam knows.

    Args:
      schema: A path of a GraphSchema whose sets name their tables, relative to it.
      plan: What to draw.
      seeds: A table with a row a seed, in the plan's seed node set.
      seed_columns: Which of its columns mean what.
      shards: Files a split. A worker holds the samples of one shard at a time: take about a
        thousand seeds a shard.
      blocks: Into how many blocks each table is cut; default: one for 16 MiB of files.
      epoch: Enters every key: another epoch gives fresh draws.
      hub_edges: A source with more edges is cut in slices of about so many.
      policy: What to do with a row that is invalid: "error", or "drop" it and count it.
      labels: Features to mask on the seed's own row.
      features: "inline" writes nodes' features into every sample; "once" writes them once, beside
        samples that hold ids, for `FeatureStore` to join.

    Raises:
      ValueError: The plan does not fit the schema, or the tables lack a column.
    """

    def __init__(
        self,
        *,
        schema: str | os.PathLike[str],
        plan: SamplingPlan,
        seeds: str | os.PathLike[str],
        seed_columns: SeedColumns | None = None,
        shards: int = 16,
        blocks: int | None = None,
        epoch: int = 0,
        hub_edges: int = 1 << 20,
        policy: str = "error",
        labels: tuple[str, ...] = (),
        features: str = "inline",
    ) -> None:
        super().__init__()
        numbers = {"shards": shards, "blocks": 1 if blocks is None else blocks}
        for name, number in {**numbers, "hub_edges": hub_edges}.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(
                    f"`{name}` of `SampleSubgraphs` must be an int >= 1. Got {number!r}."
                )
        if policy not in ("error", "drop"):
            raise ValueError(
                f"`policy` of `SampleSubgraphs` must be error or drop. Got {policy!r}."
            )
        if features not in ("inline", "once"):
            raise ValueError(
                f"`features` of `SampleSubgraphs` must be inline or once. Got {features!r}."
            )
        self.inline = features == "inline"
        self.plan, self.epoch, self.labels = plan, epoch, tuple(labels)
        self.columns = seed_columns or SeedColumns()
        self.shards, self.drop, self.hub_edges = shards, policy == "drop", hub_edges
        self.catalog = Catalog(schema, blocks=blocks, drop=self.drop)
        self.sampler = InMemorySampler(self.catalog.empty, plan)
        if not self.sampler.timed:
            self.columns = dataclasses.replace(self.columns, time=None)
        elif self.columns.time is None:
            raise ValueError(
                "`time` of `SeedColumns` must be given: the plan reaches edges with a time, or "
                "features that become known at a time. Got None."
            )
        self.catalog.add_seeds(SEEDS, os.fspath(seeds), self.columns.id, plan.seed_node_set)

    @property
    def sample_schema(self) -> GraphSchema:
        """The schema of the samples."""
        return sample_schema(self.sampler, labels=self.labels)

    @property
    def node_sets(self) -> tuple[str, ...]:
        """The node sets that samples hold."""
        return self.sampler.layout.node_sets

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, without suffix."""
        return tuple(
            f"{prefix}-{shard:05d}-of-{self.shards:05d}"
            for prefix in self.columns.prefixes
            for shard in range(self.shards)
        )

    def expand(self, pbegin: Any) -> Any:
        """Builds the graph of transforms."""
        plan, sampler, seed_set = self.plan, self.sampler, self.plan.seed_node_set
        ends, places = self.catalog.empty.edge_sets, len(self.names)
        nodes = {name: self._place_nodes(pbegin, name) for name in self.node_sets}
        edges = {name: self._place_edges(pbegin, name) for name in plan.edge_sets()}
        seeds = self._place_seeds(pbegin)
        named: dict[str, dict[str, Any]] = {name: {} for name in nodes}
        named[seed_set][SEEDS] = seeds.ids
        for name, placed in edges.items():
            for end, ids in (("source", placed.sources), ("target", placed.ids)):
                node_set = getattr(ends[name], end)
                if node_set in named:
                    named[node_set][f"{end}s of {name}"] = ids
        missing = self._check(nodes, named)
        adjacency = {name: self._build(name, placed, missing) for name, placed in edges.items()}
        number = NumberSeeds(places, self.catalog.blocks_of(seed_set), SEEDS, missing)
        numbered = seeds.rows | "Seeds of shards" >> number
        requests = {plan.seed_op: typed(numbered.reached)}
        tags = {SEEDS: typed(numbered.seeds)}
        for op, operation in zip(plan.ops, sampler.operations, strict=True):
            wanted = united([requests[name] for name in op.inputs], f"Unite {op.name}")
            drawing = Drawing(op, operation.timed, plan.seed, self.epoch)
            blocks = self.catalog.blocks_of(operation.target)
            draw = DrawEdges(drawing, edges[op.edge_set].hubs, blocks)
            drawn = {**adjacency[op.edge_set], "requests": wanted} | f"Draw {op.name}" >> draw
            requests[op.name], tags[f"o:{op.name}"] = drawn["reached"], drawn["replies"]
        for name in self.node_sets if self.inline else ():
            leading = [requests[plan.seed_op]] if name == seed_set else []
            leading += [requests[op.name] for op in sampler.operations if op.target == name]
            wanted = united(leading, f"Want nodes {name}")
            tags[f"n:{name}"] = {
                NODES: nodes[name].rows,
                "requests": wanted,
            } | f"Nodes {name} of shards" >> LookUpNodes()
        layout = Layout(self.catalog.schema.SerializeToString(), self.catalog.types)
        labels = self.labels if self.inline else ()
        assemble = Assemble(plan, layout, self.names, labels, self.inline)
        return tags | "Gather" >> beam.CoGroupByKey() | "Assemble" >> beam.Map(assemble, missing)

    def _place_nodes(self, pbegin: Any, name: str) -> Placed:
        place = PlaceNodes(self.catalog.sources[name], self.catalog.blocks_of(name))
        placed: Placed = pbegin | f"Nodes {name}" >> place
        return placed

    def _place_edges(self, pbegin: Any, name: str) -> Placed:
        catalog, ends = self.catalog, self.catalog.empty.edge_sets[name]
        place = PlaceEdges(
            catalog.sources[name],
            catalog.end_column(name, "source"),
            catalog.blocks_of(ends.source),
            catalog.blocks_of(ends.target),
            self.hub_edges,
        )
        placed: Placed = pbegin | f"Edges {name}" >> place
        return placed

    def _place_seeds(self, pbegin: Any) -> Placed:
        place = PlaceSeeds(
            self.catalog.sources[SEEDS],
            self.columns,
            timed=self.sampler.timed,
            shards=self.shards,
            blocks=self.catalog.blocks_of(self.plan.seed_node_set),
        )
        placed: Placed = pbegin | "Seeds" >> place
        return placed

    def _build(self, name: str, placed: Placed, missing: Any) -> dict[str, Any]:
        """The blocks of an edge set, and the slices of its hubs."""
        build = BuildAdjacency({end: f"{end}s of {name}" for end in ("source", "target")}, missing)
        built = {
            "edges": placed.rows
            | f"Group edges {name}" >> beam.GroupByKey()
            | f"Build blocks {name}" >> build
        }
        if placed.slices is not None:
            built["slices"] = placed.slices | f"Build slices {name}" >> build
        return built

    def _check(self, nodes: Mapping[str, Placed], named: Mapping[str, Mapping[str, Any]]) -> Any:
        """Compares the ids that tables name with the nodes; returns those that are missing."""
        missing = []
        for name, tags in named.items():
            if tags:
                columns = {tag: self._named(tag) for tag in tags} | {NODES: self._own(name)}
                check = CheckIds(name, columns, drop=self.drop)
                missing.append({NODES: nodes[name].ids, **tags} | f"Ids of {name}" >> check)
        return beam.pvalue.AsIter(united(missing, "Missing"))

    def _own(self, name: str) -> Named:
        """The ids of a node set itself."""
        source, column = self.catalog.sources[name], self.catalog.id_column(name)
        return Named(source, column, f"node set {name!r}", "repeats")

    def _named(self, tag: str) -> Named:
        """The ids that a tag stands for: "seeds", "sources of cites", "targets of cites"."""
        if tag == SEEDS:
            source = self.catalog.sources[SEEDS]
            return Named(source, self.columns.id, "seeds table", "unknown ids")
        end, _, name = tag.partition("s of ")
        source, column = self.catalog.sources[name], self.catalog.end_column(name, end)
        return Named(source, column, f"edge set {name!r}", "unknown ids")


__all__ = ["SampleSubgraphs", "SampledShard", "WriteSamples", "read_samples", "read_text"]
