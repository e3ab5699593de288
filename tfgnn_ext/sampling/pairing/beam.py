"""Pairs on Beam: read, joined by negatives, sent to their shards and numbered.

A first node's neighbours are in one block, and its pairs are sent there: candidates are drawn and
rejected where the neighbours are, so that no list of neighbours leaves its block. What is drawn
from, the second nodes' ids and their degrees, is a side input.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph.link_seeds import GIVEN
from tfgnn_ext.graph.node_set import display_id
from tfgnn_ext.sampling.assembly import TIME
from tfgnn_ext.sampling.blocks import Arrays, by_id, join, pack, take, unpack
from tfgnn_ext.sampling.checking.beam import SendIds, without
from tfgnn_ext.sampling.elements.beam import Block, count, given
from tfgnn_ext.sampling.negatives import Negatives
from tfgnn_ext.sampling.node_blocks import by_shard
from tfgnn_ext.sampling.pairs import (
    LABEL,
    Pool,
    draw_for_block,
    number_pairs,
    place_pairs,
    with_keys,
)
from tfgnn_ext.sampling.table_blocks import SeedColumns, Table

SECONDS = "seconds"


@dataclasses.dataclass(frozen=True)
class PairPlacing:
    """Pairs, by the blocks of their first nodes.

    Attributes:
      table: Their table.
      seeds: Which of its columns mean what.
      timed: Whether samples have a time.
      ids, seconds: Where the ids of both ends are checked.
    """

    table: Table
    seeds: SeedColumns
    timed: bool
    ids: SendIds
    seconds: SendIds

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return self.seeds.columns

    def __call__(self, source: Any, hubs: Iterable[Any]) -> Iterator[Any]:
        """Blocks, and ids."""
        block, dropped = self.table.seeds(source, self.seeds, timed=self.timed)
        count("dropped_seeds", dropped)
        block["slot"] = np.full(len(block["id"]), GIVEN, np.int32)
        block["linked"] = block["second"]
        for row in by_id("id", block, self.ids.blocks):
            yield beam.pvalue.TaggedOutput("rows", row)
        yield from self.ids(block["id"])
        yield from self.seconds(block["second"])


class FillPool(beam.PTransform):
    """From a part of what is drawn from, ids or edges, to one packed block with all of it.

    Args:
      columns: Those that are kept, by the names that they get.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        super().__init__()
        self.columns = dict(columns)

    def expand(self, blocks: Any) -> Any:
        """Builds the graph of transforms."""
        return (
            blocks
            | "Keep" >> beam.Map(_kept, self.columns).with_output_types(Block)
            | "Together" >> beam.GroupByKey()
            | "Fill" >> beam.Map(_filled).with_output_types(bytes)
        )


def _kept(row: Block, columns: Mapping[str, str]) -> Block:
    block = unpack(row[1])
    return 0, pack({name: block[column] for name, column in columns.items()})


def _filled(group: tuple[int, Iterable[bytes]]) -> bytes:
    return pack(join([unpack(part) for part in group[1]]))


@dataclasses.dataclass(frozen=True)
class _Drawing:
    """What a worker must know to draw negatives."""

    parts: tuple[Negatives, ...]
    edges: Mapping[str, tuple[str, ...]]
    seed: int
    epoch: int
    one_set: bool
    drop: bool
    node_set: str
    shards: int
    missing: Mapping[str, str]

    def __call__(
        self,
        group: tuple[int, Mapping[str, Iterable[bytes]]],
        missing: Iterable[tuple[str, bytes]],
        ids: Iterable[bytes],
        *entries: Iterable[bytes],
    ) -> Iterator[Block]:
        _, found = group
        parts = [
            without(unpack(part), self.missing, missing, "unknown_seeds") for part in found["pairs"]
        ]
        if not parts:
            return
        every = [with_keys(join(parts))]
        positive = take(every[0], every[0][LABEL] == 1)
        for part, filled in zip(self.parts, entries, strict=True):
            if not len(positive["id"]):
                break
            pool = None
            if part.strategy != "table":
                nodes = [unpack(packed)["id"] for packed in ids]
                pool = Pool.of(
                    np.concatenate(nodes) if nodes else positive["second"][:0],
                    next((unpack(packed) for packed in filled), None),
                )
            edges = [unpack(part) for name in self.edges[part.name] for part in found[name]]
            drawn, lacking = draw_for_block(
                part,
                positive,
                edges,
                pool,
                plan_seed=self.seed,
                epoch=self.epoch,
                one_set=self.one_set,
            )
            if len(lacking["id"]) and not self.drop:
                raise ValueError(
                    f"negatives {part.name!r}: each first node must leave a node that is no "
                    f"neighbour, or have enough in its table. Got too few for "
                    f"{display_id(lacking['id'][0])!r} of node set {self.node_set!r} (policy drop "
                    "leaves them out)."
                )
            count("dropped_negatives", len(lacking["id"]))
            every.append(drawn)
        for shard, rows in place_pairs(join(every), self.shards):
            yield shard, pack(rows)


class DrawNegatives(beam.PTransform):
    """Adds negative pairs to positive ones, and sends all to their shards.

    Applied to a dictionary of the ``pairs`` and of what rejects, by the names in `edges`.

    Args:
      parts: What is drawn.
      edges: For each of `parts`, by name, the tags of what rejects, or of the user's table.
      pools: The side inputs: the second nodes' ids, and for each of `parts` the entries that are
        drawn from, where those are not the nodes.
      seed, epoch: Of the plan.
      node_sets: Of the first and of the second nodes.
      drop: Whether negatives that cannot be drawn are left out.
      shards: How many a split has.
      missing: The tags of missing ids of both ends, and the side input with them.
    """

    def __init__(
        self,
        parts: tuple[Negatives, ...],
        edges: Mapping[str, tuple[str, ...]],
        pools: tuple[Any, ...],
        *,
        seed: int,
        epoch: int,
        node_sets: tuple[str, str],
        drop: bool,
        shards: int,
        missing: tuple[Mapping[str, str], Any],
    ) -> None:
        super().__init__()
        one_set = node_sets[0] == node_sets[1]
        tags, self.missing = missing
        self.drawing = _Drawing(
            parts, dict(edges), seed, epoch, one_set, drop, node_sets[0], shards, dict(tags)
        )
        self.pools = pools

    def expand(self, tags: Any) -> Any:
        """Builds the graph of transforms."""
        draw = beam.FlatMap(_draw, self.drawing, self.missing, *self.pools)
        return tags | "Meet" >> beam.CoGroupByKey() | "Draw" >> draw.with_output_types(Block)


def _draw(group: Any, drawing: _Drawing, missing: Any, *pools: Any) -> Iterator[Block]:
    yield from drawing(group, missing, *pools)


class NumberPairs(beam.PTransform):
    """From pairs to those of each shard; with the tags "first" and "second" as requests.

    Args:
      shards: How many there are in all; each has a file, be it empty.
      blocks: How many the node sets of the first and of the second nodes have.
      seeds: The name of the main output.
      timed: Whether samples have a time.
    """

    def __init__(self, shards: int, blocks: tuple[int, int], seeds: str, *, timed: bool) -> None:
        super().__init__()
        self.shards, self.blocks, self.seeds, self.timed = shards, blocks, seeds, timed

    def expand(self, pairs: Any) -> Any:
        """Builds the graph of transforms."""
        empty = [(shard, b"") for shard in range(self.shards)]
        every = given(pairs.pipeline, empty, "Every shard", Block)
        number = beam.FlatMap(_number, self.blocks, self.timed)
        return (
            (pairs, every)
            | "All shards" >> beam.Flatten()
            | "Group" >> beam.GroupByKey()
            | "Number" >> number.with_outputs("first", "second", main=self.seeds)
        )


def _number(
    group: tuple[int, Iterable[bytes]], blocks: tuple[int, int], timed: bool
) -> Iterator[Any]:
    shard, parts = group
    found = [unpack(part) for part in parts if part]
    if not sum(len(part["id"]) for part in found):
        yield shard, b""
        return
    pairs = number_pairs(shard, found)
    if not timed:  # Only negatives depended on it.
        pairs.pop("time", None)
    kept = [name for name in ("component", "key", "time") if name in pairs]
    ends = {"first": pairs["id"], "second": pairs["second"]}
    requests: Arrays = {**{name: pairs[name] for name in (*kept, "linked")}, **ends}
    for (tag, ids), places in zip(ends.items(), blocks, strict=True):
        for row in by_id("id", {**requests, "id": ids}, places):
            yield beam.pvalue.TaggedOutput(tag, row)
    known = {name: v for name, v in pairs.items() if name not in ("key", "slot", "linked")}
    for _, rows in by_shard(known):
        yield shard, pack(rows)


def node_times(name: str) -> dict[str, str]:
    """The columns of nodes that `FillPool` keeps where nodes appear at a time."""
    return {"id": "id", "time": TIME + name}
