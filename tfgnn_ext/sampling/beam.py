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
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph import GraphSchema
from tfgnn_ext.graph.link_seeds import to_column
from tfgnn_ext.sampling.adjacency import Drawing
from tfgnn_ext.sampling.assembling.beam import Assemble, LookUpNodes, SampledShard
from tfgnn_ext.sampling.catalog.beam import Catalog, Layout
from tfgnn_ext.sampling.checking.beam import (
    NODES,
    CheckIds,
    Named,
    SendIds,
    own_tag,
)
from tfgnn_ext.sampling.drawing.beam import DrawEdges
from tfgnn_ext.sampling.elements.beam import given, typed, united
from tfgnn_ext.sampling.files.beam import read_samples, read_text
from tfgnn_ext.sampling.memory import InMemorySampler
from tfgnn_ext.sampling.negatives import Negatives
from tfgnn_ext.sampling.pairing.beam import (
    SECONDS,
    DrawNegatives,
    FillPool,
    NumberPairs,
    PairPlacing,
    node_times,
)
from tfgnn_ext.sampling.placing.beam import (
    BuildAdjacency,
    EdgePlacing,
    NodePlacing,
    NumberSeeds,
    Placed,
    PlaceTables,
    Placing,
    SeedPlacing,
)
from tfgnn_ext.sampling.plan import SamplingPlan
from tfgnn_ext.sampling.sample_schema import sample_schema
from tfgnn_ext.sampling.table_blocks import SeedColumns
from tfgnn_ext.sampling.tables.beam import SEEDS
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
      negatives: Of a plan with a link: what is drawn for each positive pair.
      tables: By name of `Negatives` with strategy "table", the user's table: an edge set of the
        schema from the first to the second nodes' set.
      negatives_policy: What to do with negatives that cannot be drawn; default: `policy`.
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
        negatives: Sequence[Negatives] = (),
        tables: Mapping[str, str] | None = None,
        negatives_policy: str | None = None,
    ) -> None:
        super().__init__()
        numbers = {"shards": shards, "blocks": 1 if blocks is None else blocks}
        for name, number in {**numbers, "hub_edges": hub_edges}.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(
                    f"`{name}` of `SampleSubgraphs` must be an int >= 1. Got {number!r}."
                )
        negatives_policy = negatives_policy or policy
        for name, chosen in (("policy", policy), ("negatives_policy", negatives_policy)):
            if chosen not in ("error", "drop"):
                raise ValueError(
                    f"`{name}` of `SampleSubgraphs` must be error or drop. Got {chosen!r}."
                )
        self._drop_negatives = negatives_policy == "drop"
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
        if self.sampler.timed and self.columns.time is None:
            raise ValueError(
                "`time` of `SeedColumns` must be given: the plan reaches edges with a time, or "
                "features that become known at a time. Got None."
            )
        ends = {self.columns.id: plan.seed_node_set}
        if (plan.link is None) != (self.columns.target is None):
            need = "left out" if plan.link is None else "given"
            raise ValueError(f"`target` of `SeedColumns` must be {need} with this plan's seeds.")
        if plan.link is not None and self.columns.target is not None:
            ends[self.columns.target] = plan.link.node_set
        self.negatives, self.tables = tuple(negatives), dict(tables or {})
        for part in self.negatives:
            part.validate(plan.seed_node_set, plan.link, self.sampler.endpoints)
            if (part.strategy == "table") != (part.name in self.tables):
                raise ValueError(
                    f"`tables` of `SampleSubgraphs` must name a table for negatives of strategy "
                    f"'table', and no others. Got {part.name!r} of strategy {part.strategy!r}."
                )
        if self._negatives_are_timed() and self.columns.time is None:
            raise ValueError(
                "`time` of `SeedColumns` must be given: which nodes are negatives depends on it. "
                "Got None."
            )
        self.catalog.add_seeds(SEEDS, os.fspath(seeds), ends)

    def _rejecting(self, part: Negatives) -> tuple[str, ...]:
        """The edge sets whose edges reject, or the user's table."""
        assert self.plan.link is not None
        if part.strategy == "table":
            return (self.tables[part.name],)
        return part.rejected_edge_sets(self.plan.link)

    def _negatives_are_timed(self) -> bool:
        edges, link = self.catalog.empty.edge_sets, self.plan.link
        names = [name for part in self.negatives for name in self._rejecting(part)]
        if link is not None and link.edge_set is not None:
            names += [link.edge_set for part in self.negatives if part.strategy == "degree"]
        return any(part.time is not None for part in self.negatives) or any(
            edges[name].times is not None for name in names
        )

    @property
    def _timed(self) -> bool:
        """Whether seeds' times are read."""
        return self.sampler.timed or self._negatives_are_timed()

    @property
    def sample_schema(self) -> GraphSchema:
        """The schema of the samples."""
        return sample_schema(self.sampler, labels=self.labels, readout=self._readout())

    def _readout(self) -> dict[str, Any] | None:
        """What samples say of pairs: empty columns."""
        if self.plan.link is None:
            return None
        table = self.catalog.columns_of(SEEDS, self.columns.readout)
        empty = {name: to_column(table[name], name) for name in self.columns.readout}
        return {"label": np.empty(0, np.float32), **empty}

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
        places = len(self.names)
        tables, ids, hubs = pbegin | "Tables" >> self._place_tables()
        missing = beam.pvalue.AsIter(ids | "Ids" >> self._check())
        adjacency = {name: self._build(name, tables[name], missing) for name in plan.edge_sets()}
        if plan.link is None:
            number = NumberSeeds(places, self.catalog.blocks_of(seed_set), SEEDS, missing)
            numbered = tables[SEEDS].rows | "Seeds of shards" >> number
            requests = {plan.seed_op: [typed(numbered.reached)]}
        else:
            pairs = self._add_negatives(tables, missing)
            numbered = pairs | "Seeds of shards" >> NumberPairs(
                places, self._end_blocks, SEEDS, timed=sampler.timed
            )
            requests = {
                plan.seed_op: [typed(numbered.first)],
                plan.link.op: [typed(numbered.second)],
            }
        tags = {SEEDS: typed(numbered[SEEDS])}
        for op, operation in zip(plan.ops, sampler.operations, strict=True):
            parts = [part for name in op.inputs for part in requests[name]]
            wanted = united(parts, f"Unite {op.name}")
            drawing = Drawing(op, operation.timed, plan.seed, self.epoch, plan.link)
            blocks = self.catalog.blocks_of(operation.target)
            sliced = hubs if tables[op.edge_set].slices is not None else None
            draw = DrawEdges(drawing, sliced, blocks)
            drawn = {**adjacency[op.edge_set], "requests": wanted} | f"Draw {op.name}" >> draw
            requests[op.name], tags[f"o:{op.name}"] = drawn["reached"], drawn["replies"]
        for name in self.node_sets if self.inline else ():
            leading = list(requests[plan.seed_op]) if name == seed_set else []
            if plan.link is not None and name == plan.link.node_set:
                leading += requests[plan.link.op]
            for reached in sampler.operations:
                leading += requests[reached.name] if reached.target == name else []
            wanted = united(leading, f"Want nodes {name}")
            tags[f"n:{name}"] = {
                NODES: tables[name].rows,
                "requests": wanted,
            } | f"Nodes {name} of shards" >> LookUpNodes()
        layout = Layout(self.catalog.schema.SerializeToString(), self.catalog.types)
        labels = self.labels if self.inline else ()
        assemble = Assemble(plan, layout, self.names, labels, self.inline)
        return tags | "Gather" >> beam.CoGroupByKey() | "Assemble" >> beam.Map(assemble, missing)

    @property
    def _edge_sets(self) -> tuple[str, ...]:
        """The edge sets that are read."""
        plan = self.plan
        counted = [plan.link.edge_set] if plan.link is not None and plan.link.edge_set else []
        more = [name for part in self.negatives for name in (*self._rejecting(part), *counted)]
        return tuple(dict.fromkeys([*plan.edge_sets(), *more]))

    def _sending(self, tag: str, node_set: str) -> SendIds:
        """Where the ids of a node set that a tag stands for are checked."""
        return SendIds(tag, self.node_sets.index(node_set), self.catalog.blocks_of(node_set))

    def _place_tables(self) -> PlaceTables:
        """Every table is read once; edge sets that can have hubs once more before."""
        catalog, plan = self.catalog, self.plan
        placings: dict[str, Placing] = {}
        for name in self.node_sets:
            own = self._sending(own_tag(name), name)
            placings[name] = NodePlacing(catalog.sources[name].table, own.blocks, own)
        for name in self._edge_sets:
            ends = {}
            for end in ("source", "target"):
                node_set = getattr(catalog.empty.edge_sets[name], end)
                if node_set in self.node_sets:
                    ends[end] = self._sending(f"{end}s of {name}", node_set)
            blocks = catalog.blocks_of(catalog.empty.edge_sets[name].source)
            placings[name] = EdgePlacing(catalog.sources[name].table, blocks, ends)
        placings[SEEDS] = self._seed_placing()
        heavy = {
            name: catalog.end_column(name, "source")
            for name in plan.edge_sets()
            # A pair's edges are looked for, and its negatives drawn, where all of a source's
            # edges are.
            if catalog.sources[name].most_rows > self.hub_edges and name not in self._whole
        }
        return PlaceTables(catalog.sources, placings, ends=heavy, hub_edges=self.hub_edges)

    def _seed_placing(self) -> Placing:
        plan, table = self.plan, self.catalog.sources[SEEDS].table
        columns = self.columns if self._timed else dataclasses.replace(self.columns, time=None)
        ids = self._sending(SEEDS, plan.seed_node_set)
        if plan.link is None:
            return SeedPlacing(table, columns, self.sampler.timed, self.shards, ids)
        seconds = self._sending(SECONDS, plan.link.node_set)
        return PairPlacing(table, columns, self._timed, ids, seconds)

    @property
    def _whole(self) -> set[str | None]:
        """The edge sets whose sources are not cut in slices."""
        link = self.plan.link
        found: set[str | None] = set() if link is None else {link.edge_set, link.reverse}
        return found.union(*(self._rejecting(part) for part in self.negatives))

    @property
    def _end_blocks(self) -> tuple[int, int]:
        """How many blocks the node sets of both ends of pairs have."""
        assert self.plan.link is not None
        first, second = self.plan.seed_node_set, self.plan.link.node_set
        return self.catalog.blocks_of(first), self.catalog.blocks_of(second)

    def _add_negatives(self, tables: Mapping[str, Placed], missing: Any) -> Any:
        """The pairs and their negatives, in shards."""
        link = self.plan.link
        assert link is not None
        rejecting = {part.name: self._rejecting(part) for part in self.negatives}
        pairs = tables[SEEDS].rows
        every = nothing = given(pairs.pipeline, [], "No pool")
        if self.negatives:
            every = tables[link.node_set].rows | "All second nodes" >> FillPool({"id": "id"})
        pools = [beam.pvalue.AsIter(every)]
        for part in self.negatives:
            label, entries = f"Pool of {part.name}", nothing
            if part.strategy == "degree" and link.edge_set is not None:
                timed = self.catalog.empty.edge_sets[link.edge_set].times is not None
                columns = {"id": "target", **({"time": "time"} if timed else {})}
                entries = tables[link.edge_set].rows | label >> FillPool(columns)
            elif part.time is not None:
                entries = tables[link.node_set].rows | label >> FillPool(node_times(part.time))
            pools.append(beam.pvalue.AsIter(entries))
        tags = {"pairs": pairs}
        tags.update({name: tables[name].rows for names in rejecting.values() for name in names})
        return tags | "Negatives" >> DrawNegatives(
            self.negatives,
            rejecting,
            tuple(pools),
            seed=self.plan.seed,
            epoch=self.epoch,
            node_sets=(self.plan.seed_node_set, link.node_set),
            drop=self._drop_negatives,
            shards=self.shards,
            missing=({"id": SEEDS, "second": SECONDS}, missing),
        )

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

    def _check(self) -> CheckIds:
        """Compares the ids that tables name with the nodes."""
        tags = [SEEDS, *([] if self.plan.link is None else [SECONDS])]
        tags += [f"{end}s of {name}" for name in self._edge_sets for end in ("source", "target")]
        named = {tag: self._named(tag) for tag in tags}
        named |= {own_tag(name): self._own(name) for name in self.node_sets}
        return CheckIds([(n, own_tag(n)) for n in self.node_sets], named, drop=self.drop)

    def _own(self, name: str) -> Named:
        """The ids of a node set itself."""
        source, column = self.catalog.sources[name], self.catalog.id_column(name)
        return Named(source, column, f"node set {name!r}", "repeats")

    def _named(self, tag: str) -> Named:
        """The ids that a tag stands for: "seeds", "sources of cites", "targets of cites"."""
        if tag == SEEDS:
            source = self.catalog.sources[SEEDS]
            return Named(source, self.columns.id, "seeds table", "unknown ids")
        if tag == SECONDS:
            source, column = self.catalog.sources[SEEDS], self.columns.target
            return Named(source, str(column), "seeds table", "unknown ids")
        end, _, name = tag.partition("s of ")
        source, column = self.catalog.sources[name], self.catalog.end_column(name, end)
        return Named(source, column, f"edge set {name!r}", "unknown ids")


__all__ = ["SampleSubgraphs", "SampledShard", "WriteSamples", "read_samples", "read_text"]
