"""Rows of tables, checked and sent to their blocks; seeds to their shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.sampling.adjacency import build_adjacency
from tfgnn_ext.sampling.blocks import by_id, pack, split, take, unpack
from tfgnn_ext.sampling.checking.beam import without
from tfgnn_ext.sampling.elements.beam import Block, count, typed
from tfgnn_ext.sampling.hub.beam import CutHubs, FindHubs, hub_ids
from tfgnn_ext.sampling.hub.finding import find_hubs
from tfgnn_ext.sampling.node_blocks import by_shard, distinct_ids, number_seeds, place_seeds
from tfgnn_ext.sampling.table_blocks import SeedColumns, Table
from tfgnn_ext.sampling.tables.beam import ReadTable, TableSource


class Placed(NamedTuple):
    """A table's rows in blocks.

    Attributes:
      rows: Blocks.
      ids: The ids of nodes and seeds, or of edges' targets, to be checked.
      sources: The ids of edges' sources, to be checked.
      hubs: The side input with an edge set's hubs, if it can have some.
      slices: Groups of hubs' edges.
    """

    rows: Any
    ids: Any
    sources: Any = None
    hubs: Any = None
    slices: Any = None


class PlaceNodes(beam.PTransform):
    """Reads nodes into blocks by their ids.

    Args:
      source: Their table.
      blocks: How many.
    """

    def __init__(self, source: TableSource, blocks: int) -> None:
        super().__init__()
        self.source, self.blocks = source, blocks

    def expand(self, pbegin: Any) -> Placed:
        """Returns the nodes."""
        table = self.source.table
        place = beam.FlatMap(_nodes, table, self.blocks).with_outputs("ids", main="rows")
        rows = pbegin | "Read" >> ReadTable(self.source, table.node_columns()) | "Place" >> place
        return Placed(typed(rows.rows), typed(rows.ids))


class PlaceEdges(beam.PTransform):
    """Reads edges into blocks by their sources, and those of hubs into slices.

    Args:
      source: Their table.
      column: Of the sources.
      blocks, target_blocks: How many the source and the target node set have.
      hub_edges: A source with more edges is a hub.
    """

    def __init__(
        self, source: TableSource, column: str, blocks: int, target_blocks: int, hub_edges: int
    ) -> None:
        super().__init__()
        self.source, self.column = source, column
        self.blocks, self.target_blocks, self.hub_edges = blocks, target_blocks, hub_edges

    def expand(self, pbegin: Any) -> Placed:
        """Returns the edges."""
        table = self.source.table
        read = "Read" >> ReadTable(self.source, table.edge_columns())
        known: list[Any] = [table, self.blocks, self.target_blocks]
        hubs = None
        if self.source.most_rows > self.hub_edges:
            found = (
                pbegin
                | "Sources" >> ReadTable(self.source, [self.column])
                | "Source ids" >> beam.Map(_ids, self.column)
                | "Find hubs" >> FindHubs(self.hub_edges)
            )
            hubs = beam.pvalue.AsIter(found)
            known.append(hubs)
        tags = ("sources", "targets", "hubs")
        place = beam.FlatMap(_edges, *known).with_outputs(*tags, main="rows")
        rows = pbegin | read | "Place" >> place
        slices = None
        if hubs is not None:
            slices = typed(rows.hubs) | "Cut hubs" >> CutHubs(self.hub_edges)
        return Placed(typed(rows.rows), typed(rows.targets), typed(rows.sources), hubs, slices)


class PlaceSeeds(beam.PTransform):
    """Reads seeds into shards.

    Args:
      source: Their table.
      columns: Which of its columns mean what.
      timed: Whether samples have a time.
      shards: How many a split has.
      blocks: How many the seed node set has.
    """

    def __init__(
        self, source: TableSource, columns: SeedColumns, *, timed: bool, shards: int, blocks: int
    ) -> None:
        super().__init__()
        self.source, self.columns, self.timed = source, columns, timed
        self.shards, self.blocks = shards, blocks

    def expand(self, pbegin: Any) -> Placed:
        """Returns the seeds."""
        known = (self.source.table, self.columns, self.timed, self.shards, self.blocks)
        place = beam.FlatMap(_seeds, *known).with_outputs("ids", main="rows")
        rows = pbegin | "Read" >> ReadTable(self.source, self.columns.columns) | "Place" >> place
        return Placed(typed(rows.rows), typed(rows.ids))


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
        every = seeds.pipeline | "Every shard" >> beam.Create(
            empty, reshuffle=False
        ).with_output_types(tuple[int, bytes])
        number = beam.FlatMap(_number, self.blocks, self.tag, self.missing)
        return (
            (seeds, every)
            | "All shards" >> beam.Flatten()
            | "Group" >> beam.GroupByKey()
            | "Number" >> number.with_outputs("reached", main="seeds")
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


def _nodes(source: Any, table: Table, blocks: int) -> Iterator[Any]:
    block, dropped = table.nodes(source)
    count("dropped_nodes", dropped)
    yield from by_id("id", block, blocks)
    for row in by_id("id", {"id": block["id"]}, blocks):
        yield beam.pvalue.TaggedOutput("ids", row)


def _edges(
    source: Any, table: Table, blocks: int, target_blocks: int, hubs: Iterable[bytes] = ()
) -> Iterator[Any]:
    block, dropped = table.edges(source)
    count("dropped_edges", dropped)
    for end, places in (("source", blocks), ("target", target_blocks)):
        for row in by_id("id", {"id": distinct_ids(block[end])}, places):
            yield beam.pvalue.TaggedOutput(f"{end}s", row)
    ids = hub_ids(hubs)
    if len(ids):
        numbers = find_hubs(block["source"], ids)
        for hub, rows in split(take(block, numbers >= 0), numbers[numbers >= 0]):
            yield beam.pvalue.TaggedOutput("hubs", (hub, pack(rows)))
        block = take(block, numbers < 0)
    yield from by_id("source", block, blocks)


def _ids(source: Any, column: str) -> np.ndarray[Any, Any]:
    return to_ids(source.table[column].drop_null())


def _seeds(
    source: Any, table: Table, columns: SeedColumns, timed: bool, shards: int, blocks: int
) -> Iterator[Any]:
    block, dropped = table.seeds(source, columns, timed=timed)
    count("dropped_seeds", dropped)
    for shard, rows in place_seeds(block, shards):
        yield shard, pack(rows)
    for row in by_id("id", {"id": block["id"]}, blocks):
        yield beam.pvalue.TaggedOutput("ids", row)


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
