"""Hubs on Beam: finding them, cutting them in slices, drawing from the slices."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.sampling.adjacency import Drawing, distinct
from tfgnn_ext.sampling.blocks import Arrays, by_id, join, pack, split, take, unpack
from tfgnn_ext.sampling.elements.beam import Block, count, given, typed
from tfgnn_ext.sampling.hub.asking import ask_slices, measure, rank_requests, ranked_in
from tfgnn_ext.sampling.hub.fetching import fetch_edges
from tfgnn_ext.sampling.hub.finding import find_hubs, heavy_sources, hubs_of
from tfgnn_ext.sampling.hub.hub import SLICE, Hub, describe_slice, know_hubs, weigh_slice
from tfgnn_ext.sampling.hub.settling import (
    remain_in,
    settle_draws,
    smallest_rates,
    spread_requests,
)
from tfgnn_ext.sampling.hub.splitters import choose_splitters, sample_edges, slices_of
from tfgnn_ext.sampling.node_blocks import by_shard, reached_nodes, replies, shard_of

Told = Iterable[tuple[int, bytes]]
_MORE = 4  # Values asked beyond the fan-out, before all of them are.


def drawn_edges(drawn: Arrays, blocks: int) -> Iterator[Any]:
    """Sends drawn edges to their shards and, as "reached", what they lead to to its blocks."""
    if len(drawn["target"]):
        for shard, rows in by_shard(replies(drawn)):
            yield shard, pack(rows)
        for row in by_id("id", reached_nodes(drawn), blocks):
            yield beam.pvalue.TaggedOutput("reached", row)


class FindHubs(beam.PTransform):
    """From ``(edge set, sources)`` to the hubs: ``(edge set, packed ids)``, for a side input."""

    def __init__(self, slice_edges: int) -> None:
        super().__init__()
        self.slice_edges = slice_edges

    def expand(self, sources: Any) -> Any:
        """Builds the graph of transforms."""
        return (
            sources
            | "Heavy" >> beam.Map(_heavy).with_output_types(tuple[str, bytes])
            | "Together" >> beam.GroupByKey()
            | "Hubs" >> beam.Map(_hubs, self.slice_edges).with_output_types(tuple[str, bytes])
        )


def _heavy(row: tuple[str, Any]) -> tuple[str, bytes]:
    return row[0], pack(heavy_sources(row[1]))


def _hubs(group: tuple[str, Iterable[bytes]], slice_edges: int) -> tuple[str, bytes]:
    return group[0], pack({"id": hubs_of([unpack(part) for part in group[1]], slice_edges)})


def hub_ids(hubs: Iterable[tuple[str, bytes]], edge_set: str) -> np.ndarray[Any, Any]:
    """The ids of an edge set's hubs, from the side input."""
    found = [unpack(part)["id"] for name, part in hubs if name == edge_set]
    return found[0] if found else np.empty(0, np.int64)


class CutHubs(beam.PTransform):
    """From blocks of hubs' edges, keyed by the hubs' numbers, to groups of one slice's edges."""

    def __init__(self, slice_edges: int) -> None:
        super().__init__()
        self.slice_edges = slice_edges

    def expand(self, edges: Any) -> Any:
        """Builds the graph of transforms."""
        splitters = (
            edges
            | "Sample" >> beam.Map(_sampled, self.slice_edges).with_output_types(Block)
            | "Together" >> beam.GroupByKey()
            | "Splitters" >> beam.Map(_splitters).with_output_types(Block)
        )
        return (
            edges
            | "Cut" >> beam.FlatMap(_cut, beam.pvalue.AsIter(splitters)).with_output_types(Block)
            | "Slices" >> beam.GroupByKey()
        )


def _sampled(row: Block, slice_edges: int) -> Block:
    return row[0], pack(sample_edges(unpack(row[1]), slice_edges))


def _splitters(group: tuple[int, Iterable[bytes]]) -> Block:
    return group[0], pack(choose_splitters([unpack(part) for part in group[1]]))


def _cut(row: Block, splitters: Told) -> Iterator[Block]:
    hub, edges = row[0], unpack(row[1])
    (cuts,) = (unpack(packed) for number, packed in splitters if number == hub)
    for place, rows in split(edges, hub << SLICE | slices_of(edges, cuts)):
        yield place, pack(rows)


def divert(row: Block, edge_set: str, hubs: Iterable[tuple[str, bytes]]) -> Iterator[Any]:
    """Sends requests for hubs another way, spread by the shards of their components."""
    ids = hub_ids(hubs, edge_set)
    if not len(ids):
        yield row
    else:
        requests = unpack(row[1])
        numbers = find_hubs(requests["id"], ids)
        usual = numbers < 0
        if usual.any():
            yield row[0], pack(take(requests, usual))
        rows = take(requests, ~usual)
        rows["hub"] = numbers[~usual].astype(np.int32)
        for place in _by_component(rows):
            yield beam.pvalue.TaggedOutput("hubs", place)


@dataclasses.dataclass(frozen=True)
class _Known:
    """The side inputs of every step: the hubs, and what their slices told."""

    drawing: Drawing

    def hubs(
        self, ids: Iterable[tuple[str, bytes]], told: Told, weights: Iterable[Any]
    ) -> list[Hub]:
        described = {place: unpack(packed) for place, packed in told}
        return know_hubs(
            self.drawing, hub_ids(ids, self.drawing.op.edge_set), described, dict(weights)
        )


class DrawHubs(beam.PTransform):
    """Draws one operation from hubs; applied to slices and requests, see `divert`.

    Args:
      drawing: The operation.
      hubs: The side input with the hubs' ids.
      blocks: Of the target node set.

    Returns:
      What `drawn_edges` yields, with the tag "reached".
    """

    def __init__(self, drawing: Drawing, hubs: Any, blocks: int) -> None:
        super().__init__()
        self.drawing, self.hubs, self.blocks = drawing, hubs, blocks

    def expand(self, inputs: tuple[Any, Any]) -> Any:
        """Builds the graph of transforms."""
        slices, requests = inputs
        drawing, known = self.drawing, _Known(self.drawing)
        told = beam.pvalue.AsIter(
            slices | "Describe" >> beam.Map(_describe, drawing).with_output_types(Block)
        )
        empty = given(slices.pipeline, [], "No weights")
        weights = beam.pvalue.AsIter(empty)
        sides = (self.hubs, told, weights)
        if drawing.weighted:
            weighed = slices | "Weigh" >> beam.FlatMap(_weigh, known, *sides).with_output_types(
                tuple[int, int]
            )
            sides = (self.hubs, told, beam.pvalue.AsIter(weighed))
        once = (
            requests
            | "Meet" >> beam.GroupByKey()
            | "Once" >> beam.Map(_once).with_output_types(Block)
        )
        if drawing.timed:
            ranks = once | "Rank" >> beam.FlatMap(_rank, known, *sides).with_output_types(Block)
            measured = self._at_slices("Ranked", slices, ranks, _ranked, known, *sides)
        else:
            measured = once | "Measure" >> beam.Map(_measure, known, *sides).with_output_types(
                Block
            )
        first = last = 0  # Values below the total, which only weighted draws ask.
        if drawing.weighted:
            first, last = drawing.fanout + _MORE, 5 * drawing.fanout
        fetched = self._fetch("First", slices, measured, first, known, sides)
        if not drawing.weighted:
            drawn = [fetched]
        else:
            settled = self._settle("First", fetched)
            again = typed(settled.again)
            fetched = self._fetch("Again", slices, again, last, known, sides)
            all_settled = self._settle("Again", fetched)
            rest = (typed(settled.rest), typed(all_settled.rest)) | "Rest" >> beam.Flatten()
            asked = rest | "Spread" >> beam.FlatMap(_spread, known, *sides).with_output_types(Block)
            candidates = (
                self._at_slices("Remain", slices, asked, _remain, known, *sides)
                | "Candidates" >> beam.FlatMap(_collected).with_output_types(Block)
                | "Together" >> beam.GroupByKey()
                | "Smallest" >> beam.Map(_smallest).with_output_types(Block)
            )
            drawn = [typed(settled.drawn), typed(all_settled.drawn), candidates]
        together = drawn[0] if len(drawn) == 1 else drawn | "Drawn" >> beam.Flatten()
        return together | "Send" >> beam.FlatMap(_send, self.blocks).with_outputs(
            "reached", main="replies"
        )

    def _at_slices(self, label: str, slices: Any, asked: Any, function: Any, *sides: Any) -> Any:
        return (
            {"edges": slices, "asked": asked}
            | f"{label} meet" >> beam.CoGroupByKey()
            | f"{label} slice" >> beam.FlatMap(function, *sides).with_output_types(Block)
        )

    def _fetch(
        self, label: str, slices: Any, requests: Any, attempts: int, known: _Known, sides: Any
    ) -> Any:
        ask = beam.FlatMap(_ask, known, attempts, *sides).with_output_types(Block)
        asked = requests | f"{label} ask" >> ask
        return self._at_slices(f"{label} fetch", slices, asked, _fetch, known, *sides)

    def _settle(self, label: str, fetched: Any) -> Any:
        return (
            fetched
            | f"{label} by component" >> beam.FlatMap(_collected).with_output_types(Block)
            | f"{label} together" >> beam.GroupByKey()
            | f"{label} settle"
            >> beam.FlatMap(_settle, self.drawing).with_outputs("again", "rest", main="drawn")
        )


def _describe(row: Block, drawing: Drawing) -> Block:
    return row[0], pack(describe_slice(drawing, unpack(row[1])))


def _weigh(
    row: Block, known: _Known, ids: Iterable[tuple[str, bytes]], told: Told, weights: Iterable[Any]
) -> Iterator[tuple[int, int]]:
    hub = known.hubs(ids, told, weights)[row[0] >> SLICE]
    yield row[0], weigh_slice(known.drawing, unpack(row[1]), hub)


def _once(group: tuple[int, Iterable[bytes]]) -> Block:
    return group[0], pack(distinct(join([unpack(part) for part in group[1]])))


def _rank(row: Block, known: _Known, *sides: Any) -> Iterator[Block]:
    for place, rows in rank_requests(known.hubs(*sides), unpack(row[1])):
        yield place, pack(rows)


def _measure(row: Block, known: _Known, *sides: Any) -> Block:
    return row[0], pack(measure(known.hubs(*sides), unpack(row[1])))


def _ask(row: Block, known: _Known, attempts: int, *sides: Any) -> Iterator[Block]:
    for place, rows in ask_slices(known.drawing, known.hubs(*sides), unpack(row[1]), attempts):
        yield place, pack(rows)


def _met(
    group: tuple[int, Mapping[str, Iterable[bytes]]],
) -> Iterator[tuple[int, Arrays, Arrays]]:
    """A slice and what is asked of it, a part at a time: all of it may not fit in memory."""
    place, found = group
    edges = [unpack(part) for part in found["edges"]]
    for asked in found["asked"] if edges else ():
        yield place, edges[0], unpack(asked)


def _ranked(group: Any, known: _Known, *sides: Any) -> Iterator[Block]:
    for place, edges, asked in _met(group):
        yield place, pack(ranked_in(known.drawing, edges, place, known.hubs(*sides), asked))


def _fetch(group: Any, known: _Known, *sides: Any) -> Iterator[Block]:
    for place, edges, asked in _met(group):
        yield place, pack(fetch_edges(known.drawing, edges, place, known.hubs(*sides), asked))


def _remain(group: Any, known: _Known, *sides: Any) -> Iterator[Block]:
    for place, edges, asked in _met(group):
        yield place, pack(remain_in(known.drawing, edges, place, known.hubs(*sides), asked))


def _by_component(rows: Arrays) -> Iterator[Block]:
    """All that one component asks or is told is at the place of its shard, with its seeds'."""
    for place, part in split(rows, shard_of(rows["component"])):
        yield place, pack(part)


def _collected(row: Block) -> Iterator[Block]:
    yield from _by_component(unpack(row[1]))


def _settle(group: tuple[int, Iterable[bytes]], drawing: Drawing) -> Iterator[Any]:
    drawn, again, rest = settle_draws(drawing.fanout, join([unpack(part) for part in group[1]]))
    yield group[0], pack(drawn)
    for tag, rows in (("again", again), ("rest", rest)):
        if len(rows["hub"]):
            count(f"weighted_{tag}", len(rows["hub"]))
            yield beam.pvalue.TaggedOutput(tag, (group[0], pack(rows)))


def _spread(row: Block, known: _Known, *sides: Any) -> Iterator[Block]:
    for place, rows in spread_requests(known.hubs(*sides), unpack(row[1])):
        yield place, pack(rows)


def _smallest(group: tuple[int, Iterable[bytes]]) -> Block:
    return group[0], pack(smallest_rates(join([unpack(part) for part in group[1]])))


def _send(row: Block, blocks: int) -> Iterator[Any]:
    yield from drawn_edges(unpack(row[1]), blocks)
