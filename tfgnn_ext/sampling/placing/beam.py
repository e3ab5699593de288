"""Rows of tables, checked and sent to their blocks; seeds to their shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import apache_beam as beam

from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.sampling.adjacency import build_adjacency
from tfgnn_ext.sampling.blocks import ascending_by_id, by_id, pack, split, take, unpack
from tfgnn_ext.sampling.checking.beam import SendIds, without
from tfgnn_ext.sampling.elements.beam import Block, count, given, typed
from tfgnn_ext.sampling.hub.beam import CutHubs, FindHubs, hub_ids
from tfgnn_ext.sampling.hub.finding import find_hubs
from tfgnn_ext.sampling.node_blocks import by_shard, distinct_ids, number_seeds, place_seeds
from tfgnn_ext.sampling.table_blocks import SeedColumns, Table
from tfgnn_ext.sampling.tables.beam import SEEDS, ReadTables, TableSource


class Placing(Protocol):
    """Sends the rows of a part of one table to their places."""

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""

    def __call__(self, source: Any, hubs: Iterable[Any]) -> Iterator[Any]:
        """Blocks in the outputs "rows" and "hubs", ids to be checked in "ids"."""


class Placed(NamedTuple):
    """A table's rows in blocks.

    Attributes:
      rows: Blocks.
      slices: Groups of hubs' edges, where an edge set can have hubs.
    """

    rows: Any
    slices: Any = None


@dataclasses.dataclass(frozen=True)
class NodePlacing:
    """Nodes, by the blocks of their ids.

    Attributes:
      table: Their table.
      blocks: How many.
      own: Where their ids are checked, if they are.
    """

    table: Table
    blocks: int
    own: SendIds | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return self.table.node_columns()

    def __call__(self, source: Any, hubs: Iterable[Any]) -> Iterator[Any]:
        """Blocks, and ids."""
        block, dropped = self.table.nodes(source)
        count("dropped_nodes", dropped)
        for row in by_id("id", block, self.blocks):
            yield beam.pvalue.TaggedOutput("rows", row)
        if self.own is not None:
            yield from self.own(block["id"])


@dataclasses.dataclass(frozen=True)
class EdgePlacing:
    """Edges, by the blocks of their sources, and those of hubs by the hubs' numbers.

    Attributes:
      table: Their table.
      blocks: How many the source node set has.
      ends: By end, "source" and "target", where its ids are checked.
    """

    table: Table
    blocks: int
    ends: Mapping[str, SendIds]

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return self.table.edge_columns()

    def __call__(self, source: Any, hubs: Iterable[Any]) -> Iterator[Any]:
        """Blocks, and ids."""
        block, dropped = self.table.edges(source)
        count("dropped_edges", dropped)
        for end, send in self.ends.items():
            yield from send(distinct_ids(block[end]))
        ids = hub_ids(hubs, self.table.name)
        if len(ids):
            numbers = find_hubs(block["source"], ids)
            for hub, rows in split(take(block, numbers >= 0), numbers[numbers >= 0]):
                yield beam.pvalue.TaggedOutput("hubs", (hub, pack(rows)))
            block = take(block, numbers < 0)
        for row in ascending_by_id("source", block, self.blocks):
            yield beam.pvalue.TaggedOutput("rows", row)


@dataclasses.dataclass(frozen=True)
class SeedPlacing:
    """Seeds, by their shards.

    Attributes:
      table: Their table.
      seeds: Which of its columns mean what.
      timed: Whether samples have a time.
      shards: How many a split has.
      ids: Where their ids are checked.
    """

    table: Table
    seeds: SeedColumns
    timed: bool
    shards: int
    ids: SendIds

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return self.seeds.columns

    def __call__(self, source: Any, hubs: Iterable[Any]) -> Iterator[Any]:
        """Blocks, and ids."""
        block, dropped = self.table.seeds(source, self.seeds, timed=self.timed)
        count("dropped_seeds", dropped)
        for shard, rows in place_seeds(block, self.shards):
            yield beam.pvalue.TaggedOutput("rows", (shard, pack(rows)))
        yield from self.ids(block["id"])


class PlaceTables(beam.PTransform):
    """Reads tables into blocks.

    Args:
      sources: The tables by name.
      placings: What to do with those that are read.
      ends: For each edge set that may have hubs, the column of its sources.
      hub_edges: A source with more edges is a hub.
    """

    def __init__(
        self,
        sources: Mapping[str, TableSource],
        placings: Mapping[str, Placing],
        *,
        ends: Mapping[str, str] | None = None,
        hub_edges: int = 0,
    ) -> None:
        super().__init__()
        self.sources, self.placings = sources, dict(placings)
        self.ends, self.hub_edges = dict(ends or {}), hub_edges

    def expand(self, pbegin: Any) -> tuple[dict[str, Placed], Any, Any]:
        """Returns what was placed of each table, the ids to be checked, the side input of hubs."""
        hubs = None
        if self.ends:
            read = ReadTables(self.sources, {name: [end] for name, end in self.ends.items()})
            found = (
                pbegin
                | "Sources" >> read
                | "Source ids" >> beam.Map(_ids, self.ends).with_output_types(tuple[str, Any])
                | "Find hubs" >> FindHubs(self.hub_edges)
            )
            hubs = beam.pvalue.AsIter(found)
        # Outputs are numbered: names of sets can be anything.
        numbers = {name: number for number, name in enumerate(self.placings)}
        tags = [f"rows{number}" for number in numbers.values()]
        tags += [f"hubs{numbers[name]}" for name in self.ends]
        columns = {name: placing.columns for name, placing in self.placings.items()}
        place = beam.FlatMap(_place, self.placings, numbers, *([] if hubs is None else [hubs]))
        outputs = (
            pbegin
            | "Read" >> ReadTables(self.sources, columns)
            | "Place" >> place.with_outputs(*tags, main="ids")
        )
        placed = {}
        for name, number in numbers.items():
            slices = None
            if name in self.ends:
                cut = f"Cut hubs of {name}" >> CutHubs(self.hub_edges)
                slices = typed(outputs[f"hubs{number}"]) | cut
            placed[name] = Placed(typed(outputs[f"rows{number}"]), slices)
        return placed, typed(outputs.ids, tuple[int, tuple[str, bytes]]), hubs


def _place(
    row: tuple[str, Any],
    placings: Mapping[str, Placing],
    numbers: Mapping[str, int],
    hubs: Iterable[tuple[str, bytes]] = (),
) -> Iterator[Any]:
    name, source = row
    for output in placings[name](source, hubs):
        if output.tag == "ids":
            yield output.value
        else:
            yield beam.pvalue.TaggedOutput(f"{output.tag}{numbers[name]}", output.value)


def _ids(row: tuple[str, Any], ends: Mapping[str, str]) -> tuple[str, Any]:
    name, source = row
    return name, to_ids(source.table[ends[name]].drop_null())


class NumberSeeds(beam.PTransform):
    """From seeds to the seeds of each shard, with tag "reached" as the first requests.

    Args:
      shards: How many there are in all; each has a file, be it empty.
      blocks: How many the seed node set has.
      tag: Of missing seeds.
      missing: The side input with missing ids.
    """

    def __init__(self, shards: int, blocks: int, tag: str, missing: Any) -> None:
        super().__init__()
        self.shards, self.blocks, self.tag, self.missing = shards, blocks, tag, missing

    def expand(self, seeds: Any) -> Any:
        """Builds the graph of transforms."""
        empty = [(shard, b"") for shard in range(self.shards)]
        every = given(seeds.pipeline, empty, "Every shard", Block)
        number = beam.FlatMap(_number, self.blocks, self.tag, self.missing)
        return (
            (seeds, every)
            | "All shards" >> beam.Flatten()
            | "Group" >> beam.GroupByKey()
            | "Number" >> number.with_outputs("reached", main=SEEDS)
        )


class BuildAdjacency(beam.PTransform):
    """From groups of edges to blocks in canonical order.

    Args:
      ends: The tags of missing sources and targets.
      missing: The side input with missing ids.
    """

    def __init__(self, ends: Mapping[str, str], missing: Any) -> None:
        super().__init__()
        self.ends, self.missing = ends, missing

    def expand(self, groups: Any) -> Any:
        """Builds the graph of transforms."""
        build = beam.Map(_build, self.ends, self.missing).with_output_types(Block)
        return groups | "Build" >> build


def _number(
    group: tuple[int, Iterable[bytes]], blocks: int, tag: str, missing: Iterable[tuple[str, bytes]]
) -> Iterator[Any]:
    """Numbers the seeds of a shard; they are the first requests."""
    shard, parts = group
    found = [without(unpack(p), {"id": tag}, missing, "unknown_seeds") for p in parts if p]
    if sum(len(part["id"]) for part in found):
        seeds = number_seeds(shard, found)
        for row in by_id("id", seeds, blocks):
            yield beam.pvalue.TaggedOutput("reached", row)
        for _, rows in by_shard({name: v for name, v in seeds.items() if name != "key"}):
            yield shard, pack(rows)
    else:
        yield shard, b""


def _build(
    group: tuple[int, Iterable[bytes]], ends: Mapping[str, str], missing: Iterable[Any]
) -> Block:
    """Sorts the edges of one block or slice, without those that name a missing node."""
    block, packed = group
    parts = [without(unpack(part), ends, missing, "dangling_edges") for part in packed]
    return block, pack(build_adjacency(parts))
