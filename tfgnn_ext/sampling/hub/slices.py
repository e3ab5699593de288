"""Hubs: sources with more edges than a block should hold, cut in slices of their canonical order.

A hub's edges do not go to a block. They are cut at splitters, taken from a sample of them, so that
each slice is a contiguous run of the canonical order and holds about `slice_edges` edges. A small
table says for each slice how many edges, how much weight and which first time it has; with it, what
a request draws is turned into (slice, position) without looking at the edges, and only then asked
of the slices. So no place holds a hub, nor all requests for it.

On an edge set with a time, the slice in which a seed's time falls is asked for the rank first.
Weighted draws are asked as values below the total; which are rejected as repeats shows when their
positions are known, so a few more values than the fan-out are asked, and the first ``5 * fanout``
if those are not enough: these decide how `draws.draw_weighted` ends. What then remains is drawn
from every slice by the same exponential keys.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.sampling.adjacency import FEATURE
from tfgnn_ext.sampling.blocks import Arrays, join, route, split, take
from tfgnn_ext.sampling.draws import (
    FULL,
    REMAINDER,
    TOP_K,
    UNIFORM,
    WEIGHTED,
    draw_uniform,
)
from tfgnn_ext.sampling.keys import below, draw, mix, name_key, operation_key, unit
from tfgnn_ext.sampling.plan import STRATEGIES, SamplingOp
from tfgnn_ext.sampling.weights import slice_scale, slice_weights

SLICE = 20  # A slice is numbered ``hub << SLICE | index``.
_SKETCH = 1 << 12
_SAMPLES = 64  # Of a slice.
_LARGEST = np.iinfo(np.int64).max
_MORE = 4  # Values asked beyond the fan-out, before all of them are.
Int64 = npt.NDArray[np.int64]


def heavy_sources(sources: npt.NDArray[Any]) -> Arrays:
    """The sources with at least one in `_SKETCH` of some rows, and how many rows each has.

    A source with D of E edges in all is found with a count of at least ``D - E / _SKETCH``.

    >>> heavy_sources(np.array([3, 3, 7])) == {} or sorted(heavy_sources(np.array([3, 3, 7])))
    ['count', 'id']
    """
    cells = route(sources, _SKETCH)
    full = np.bincount(cells, minlength=_SKETCH) * _SKETCH >= len(sources)
    ids, counts = np.unique(sources[full[cells]], return_counts=True)
    enough = counts * _SKETCH >= len(sources)
    return {"id": ids[enough], "count": counts[enough]}


def hubs_of(found: Iterable[Arrays], slice_edges: int) -> npt.NDArray[Any]:
    """The ids of the hubs, ascending: sources with more than `slice_edges` edges."""
    parts = [part for part in found if len(part["id"])]
    if not parts:
        return np.empty(0, np.int64)
    heavy = join(parts)
    ids, inverse = np.unique(heavy["id"], return_inverse=True)
    hubs: npt.NDArray[Any] = ids[np.bincount(inverse, heavy["count"]) > slice_edges]
    return hubs


def find_hubs(ids: npt.NDArray[Any], hubs: npt.NDArray[Any]) -> Int64:
    """The number of the hub that each id is, or -1."""
    if not len(hubs):
        return np.full(len(ids), -1)
    rows = np.searchsorted(hubs, ids)
    rows[rows == len(hubs)] = 0
    return np.where(hubs[rows] == ids, rows, -1)


def _order_columns(edges: Arrays) -> list[npt.NDArray[Any]]:
    """The canonical order's columns, the first one last, as `lexsort` takes them."""
    return [edges["target"], *([edges["time"]] if "time" in edges else [])]


def sample_edges(edges: Arrays, slice_edges: int) -> Arrays:
    """Every so many of a hub's edges in canonical order: what splitters are chosen from."""
    order = np.lexsort(_order_columns(edges))
    every = max(slice_edges // _SAMPLES, 1)
    kept: Arrays = {name: edges[name] for name in ("target", "time") if name in edges}
    return take(kept, order[every // 2 :: every])


def choose_splitters(samples: Sequence[Arrays]) -> Arrays:
    """The first edges of all slices but the first: each once."""
    joined = join(samples)
    order = np.lexsort(_order_columns(joined))
    cuts = take(joined, order[_SAMPLES::_SAMPLES])
    new = np.ones(len(cuts["target"]), np.bool_)
    new[1:] = np.any([column[1:] != column[:-1] for column in _order_columns(cuts)], axis=0)
    return take(cuts, new)


def slices_of(edges: Arrays, splitters: Arrays) -> Int64:
    """The slice of each edge: how many splitters are not behind it."""
    cuts, count = len(splitters["target"]), len(edges["target"])
    columns = zip(_order_columns(splitters), _order_columns(edges), strict=True)
    behind = np.concatenate([np.zeros(cuts, np.int8), np.ones(count, np.int8)])
    order = np.lexsort((behind, *(np.concatenate(pair) for pair in columns)))
    passed = np.cumsum(order < cuts)
    found = np.empty(cuts + count, np.int64)
    found[order] = passed
    return found[cuts:]


@dataclasses.dataclass(frozen=True)
class Hub:
    """What is known of a hub without its edges.

    Attributes:
      id: The source.
      starts: int64 ``[num_slices + 1]``, positions at which slices begin.
      first_times: int64 ``[num_slices]``, or empty.
      scale: What weights are multiplied with before they are rounded.
      weights: int64 ``[num_slices + 1]``, the weight before each slice.
      order: int64, the positions with the largest values, largest first (top_k).
    """

    id: Any
    starts: Int64
    first_times: Int64
    scale: float
    weights: Int64
    order: Int64


@dataclasses.dataclass(frozen=True)
class HubDrawing:
    """One operation, ready to be drawn on hubs; see `adjacency.Drawing`."""

    op: SamplingOp
    timed: bool
    seed: int
    epoch: int

    @property
    def weighted(self) -> bool:
        """Whether requests are settled after their values became positions."""
        return self.op.strategy == "weighted"

    @property
    def fanout(self) -> int:
        """The most that are drawn."""
        return _LARGEST if self.op.fanout is None else self.op.fanout

    @property
    def attempts(self) -> tuple[int, int]:
        """How many values are asked at first, and if those are not enough."""
        return (self.fanout + _MORE, 5 * self.fanout) if self.weighted else (0, 0)

    # What is known of slices.

    def describe(self, edges: Arrays) -> Arrays:
        """What one slice tells of itself."""
        count = int(edges["begin"][-1])
        told: Arrays = {"count": np.array([count])}
        if self.timed:
            told["first_time"] = edges["time"][:1]
        if self.op.by is not None:
            values = np.asarray(edges[FEATURE + self.op.by])
            if self.weighted:
                told["scale"] = np.array([slice_scale(values, timed=self.timed, name=self._by)])
            else:
                falling = ~values if values.dtype.kind in "iu" else -values
                top = np.lexsort((np.arange(count), falling))[: self.fanout]
                told |= {"top": top, "falling": falling[top]}
        return told

    def weigh(self, edges: Arrays, hub: Hub) -> int:
        """The weight of one slice."""
        return int(self._cumulative(edges, hub)[-1])

    def _cumulative(self, edges: Arrays, hub: Hub) -> Int64:
        values = edges[FEATURE + str(self.op.by)]
        cumulative: Int64 = np.cumsum(slice_weights(values, hub.scale, name=self._by))
        return cumulative

    @property
    def _by(self) -> str:
        return f"`by` of `SamplingOp` {self.op.name!r}, feature {self.op.by!r},"

    def hubs(
        self, ids: npt.NDArray[Any], told: dict[int, Arrays], weights: dict[int, int]
    ) -> list[Hub]:
        """Puts together what the slices told.

        Args:
          ids: Of the hubs.
          told: By slice, what `describe` returned.
          weights: By slice, its weight, once it is known.
        """
        hubs = []
        for number, id_ in enumerate(ids):
            names = sorted(name for name in told if name >> SLICE == number)
            parts = [told[name] for name in names]
            if names and names[0] != number << SLICE:  # No edge is before the first splitter.
                nothing: Arrays = {"count": np.array([0])}
                if self.timed:
                    nothing["first_time"] = np.array([np.iinfo(np.int64).min])
                names, parts = [number << SLICE, *names], [nothing, *parts]
            starts = np.cumsum([0, *(int(part["count"][0]) for part in parts)])
            scales = [float(part["scale"][0]) for part in parts if "scale" in part]
            # Timed: the scale of the first slice with a weight; else of the largest weight.
            real = [scale for scale in scales if scale > 0]
            scale = (real[0] if self.timed else min(real)) if real else 1.0
            order = np.empty(0, np.int64)
            if parts and "top" in parts[-1]:
                pairs = zip(parts, starts[:-1], strict=True)
                top = np.concatenate([p["top"] + start for p, start in pairs if "top" in p])
                falling = np.concatenate([part["falling"] for part in parts if "top" in part])
                order = top[np.lexsort((top, falling))][: self.fanout]
            hubs.append(
                Hub(
                    id_,
                    starts,
                    np.concatenate([p["first_time"] for p in parts]) if self.timed else starts[:0],
                    scale,
                    np.cumsum([0, *(weights.get(name, 0) for name in names)]),
                    order,
                )
            )
        return hubs

    # From requests to slices.

    def rank(self, hubs: Sequence[Hub], requests: Arrays) -> Iterator[tuple[int, Arrays]]:
        """Asks the slice in which each seed's time falls for the rank; timed edge sets only."""
        slices = np.full(len(requests["hub"]), -1)
        for number, hub in enumerate(hubs):
            rows = np.flatnonzero(requests["hub"] == number)
            times = requests["time"][rows]
            slices[rows] = np.searchsorted(hub.first_times, times, side="right") - 1
        seen = slices >= 0  # Others see nothing of the hub.
        places = requests["hub"].astype(np.int64) << SLICE | slices
        yield from split(take(requests, seen), places[seen])

    def ranked(self, edges: Arrays, place: int, hubs: Sequence[Hub], requests: Arrays) -> Arrays:
        """The requests with ``length`` and ``total``: what each sees of the hub."""
        hub, index = hubs[place >> SLICE], place & ((1 << SLICE) - 1)
        within = np.asarray(np.searchsorted(edges["time"], requests["time"], side="right"))
        totals = np.zeros(len(within), np.int64)
        if self.weighted:
            cumulative = np.concatenate([[0], self._cumulative(edges, hub)])
            totals = hub.weights[index] + cumulative[within]
        return {**requests, "length": hub.starts[index] + within, "total": totals}

    def measured(self, hubs: Sequence[Hub], requests: Arrays) -> Arrays:
        """`ranked` where there is no time: all of the hub is seen."""
        lengths = np.array([hub.starts[-1] for hub in hubs])[requests["hub"]]
        totals = np.array([hub.weights[-1] for hub in hubs])[requests["hub"]]
        return {**requests, "length": lengths, "total": totals}

    def ask(
        self, hubs: Sequence[Hub], requests: Arrays, attempts: int
    ) -> Iterator[tuple[int, Arrays]]:
        """Draws for requests with ``length`` and ``total``; yields what to ask of which slice.

        A row asks for one edge: by ``value``, a position if ``attempt`` is -1, else a weight.
        """
        key = operation_key(self.seed, self.epoch, name_key(self.op.name))
        keys = np.array([id_keys(np.array([hub.id]))[0] for hub in hubs], np.uint64)
        widest = max((len(hub.order) for hub in hubs), default=0)
        orders = np.full((len(hubs), widest), -1)
        for number, hub in enumerate(hubs):
            orders[number, : len(hub.order)] = hub.order
        strategy = STRATEGIES.index(self.op.strategy)
        most = np.minimum(requests["length"], self.fanout)
        if self.weighted:
            most = np.where(requests["length"] > self.fanout, attempts, most)
        values, tries = np.empty((2, int(most.sum())), np.int64)
        counts = np.empty(len(most), np.int64)
        total = _ask(
            strategy,
            self.fanout,
            attempts,
            key,
            np.array(requests["key"]),
            keys[requests["hub"]],
            np.array(requests["hub"], np.int64),
            np.array(requests["length"]),
            np.array(requests["total"]),
            orders,
            values,
            tries,
            counts,
        )
        asked = {name: np.repeat(column, counts) for name, column in requests.items()}
        asked |= {"value": values[:total], "attempt": tries[:total]}
        slices = np.empty(total, np.int64)
        for number, hub in enumerate(hubs):
            mine = asked["hub"] == number
            by_value = asked["attempt"] >= 0
            for chosen, bounds in ((mine & ~by_value, hub.starts), (mine & by_value, hub.weights)):
                found = np.searchsorted(bounds, asked["value"][chosen], side="right") - 1
                slices[chosen] = found
        yield from split(asked, asked["hub"].astype(np.int64) << SLICE | slices)

    def fetch(self, edges: Arrays, place: int, hubs: Sequence[Hub], asked: Arrays) -> Arrays:
        """The edges that were asked of one slice, as `adjacency.Drawing` returns them."""
        hub, index = hubs[place >> SLICE], place & ((1 << SLICE) - 1)
        rows = asked["value"] - hub.starts[index]
        weight = np.ones(len(rows), np.int64)
        if self.weighted:
            cumulative = self._cumulative(edges, hub)
            by_value = asked["attempt"] >= 0
            below_ = asked["value"] - hub.weights[index]
            rows = np.where(by_value, np.searchsorted(cumulative, below_, side="right"), rows)
            weight = np.diff(cumulative, prepend=0)[rows]
        drawn = {name: values for name, values in asked.items() if name != "value"}
        return self._edges(edges, hub, index, rows, {**drawn, "weight": weight})

    def _edges(self, edges: Arrays, hub: Hub, index: int, rows: Int64, drawn: Arrays) -> Arrays:
        drawn["source"] = np.repeat(np.array([hub.id]), len(rows))
        drawn["target"] = edges["target"][rows]
        drawn["position"] = (hub.starts[index] + rows).astype(np.int32)
        if self.timed:
            drawn["edge_time"] = edges["time"][rows]
        features = {name: v for name, v in edges.items() if name.startswith(FEATURE)}
        return {**drawn, **take(features, rows)}

    # Weighted: which values repeat shows now.

    def settle(self, fetched: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        """Rejects repeats, as `draws.draw_weighted` does.

        Args:
          fetched: All that was fetched for some requests.

        Returns:
          The edges that are drawn; the requests that need more attempts; and, for those whose
          remainder is to be drawn, a row for each edge that they have: its ``taken`` position.
        """
        order = np.lexsort((fetched["attempt"], fetched["hub"], fetched["component"]))
        fetched = take(fetched, order)
        kept, ends = np.empty(len(order), np.bool_), np.empty(len(order), np.int8)
        _settle(
            self.fanout,
            np.array(fetched["component"]),
            np.array(fetched["hub"], np.int64),
            np.array(fetched["attempt"]),
            np.array(fetched["position"], np.int64),
            np.array(fetched["weight"]),
            kept,
            ends,
        )
        columns = ("component", "key", "time", "hub", "length", "total")
        again = {name: fetched[name] for name in columns if name in fetched}
        first = np.ones(len(order), np.bool_)
        first[1:] = (np.diff(fetched["component"]) != 0) | (np.diff(fetched["hub"]) != 0)
        rest = {**again, "taken": fetched["position"].astype(np.int64)}
        return (
            take(fetched, kept & (ends != 1)),
            take(again, first & (ends == 1)),
            take(rest, kept & (ends == 2)),
        )

    def spread(self, hubs: Sequence[Hub], rest: Arrays) -> Iterator[tuple[int, Arrays]]:
        """Sends requests whose remainder is to be drawn to every slice that they see."""
        for number, hub in enumerate(hubs):
            mine = take(rest, rest["hub"] == number)
            for index, start in enumerate(hub.starts[:-1].tolist()):
                seen = mine["length"] > start
                if seen.any():
                    yield number << SLICE | index, take(mine, seen)

    def remain(self, edges: Arrays, place: int, hubs: Sequence[Hub], rest: Arrays) -> Arrays:
        """The candidates of one slice for remainders, with their ``rate`` (smallest first)."""
        hub, index = hubs[place >> SLICE], place & ((1 << SLICE) - 1)
        start = int(hub.starts[index])
        rest = take(rest, np.lexsort((rest["taken"], rest["component"])))
        first = np.concatenate([[True], np.diff(rest["component"]) != 0])
        starts = np.append(np.flatnonzero(first), len(first))
        key = operation_key(self.seed, self.epoch, name_key(self.op.name))
        source = id_keys(np.array([hub.id]))[0]
        weights = np.diff(self._cumulative(edges, hub), prepend=0)
        rows, rates, owners = [], [], []
        for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            visible = min(int(rest["length"][begin]) - start, len(weights))
            found, found_rates = _remain(
                key,
                rest["key"][begin],
                source,
                weights,
                visible,
                start,
                np.array(rest["taken"][begin:end]),
                self.fanout - (end - begin),
            )
            rows.append(found)
            rates.append(found_rates)
            owners.append(np.full(len(found), begin))
        chosen = np.concatenate(rows)
        columns = ("component", "key", "time", "hub")
        owner = np.concatenate(owners)
        drawn = {name: rest[name][owner] for name in columns if name in rest}
        counts = np.diff(starts)[np.searchsorted(starts, owner, side="right") - 1]
        drawn |= {"rate": np.concatenate(rates), "wanted": self.fanout - counts}
        return self._edges(edges, hub, index, chosen, drawn)

    def smallest(self, candidates: Arrays) -> Arrays:
        """The candidates that are drawn: of each request, as many as it lacks."""
        by = (candidates["position"], candidates["rate"], candidates["hub"])
        candidates = take(candidates, np.lexsort((*by, candidates["component"])))
        new = np.ones(len(candidates["hub"]), np.bool_)
        new[1:] = (np.diff(candidates["component"]) != 0) | (np.diff(candidates["hub"]) != 0)
        starts = np.flatnonzero(new)
        rank = np.arange(len(new)) - np.repeat(starts, np.diff(np.append(starts, len(new))))
        return take(candidates, rank < candidates["wanted"])


@njit(nogil=True, cache=True)
def _ask(  # type: ignore[no-untyped-def]
    strategy,
    fanout,
    attempts,
    operation_key,
    seed_keys,
    source_keys,
    hubs,
    lengths,
    totals,
    orders,
    values,
    tries,
    counts,
):
    end = 0
    scratch = np.empty(max(min(fanout, values.shape[0]), 1), np.int64)
    for request in range(lengths.shape[0]):
        begin = end
        length = lengths[request]
        key = mix(mix(operation_key, seed_keys[request]), source_keys[request])
        if length <= fanout or strategy == FULL:
            for position in range(length):
                values[end] = position
                tries[end] = -1
                end += 1
        elif strategy == WEIGHTED:
            if totals[request] > 0:
                for attempt in range(attempts):
                    word = draw(key, np.uint64(attempt))
                    values[end] = np.int64(below(word, np.uint64(totals[request])))
                    tries[end] = attempt
                    end += 1
        else:
            if strategy == UNIFORM:
                draw_uniform(key, length, fanout, scratch)
            for index in range(fanout):
                position = length - fanout + index
                if strategy == UNIFORM:
                    position = scratch[index]
                elif strategy == TOP_K:
                    position = orders[hubs[request], index]
                values[end] = position
                tries[end] = -1
                end += 1
        counts[request] = end - begin
    return end


@njit(nogil=True, cache=True)
def _settle(fanout, components, hubs, attempts, positions, weights, kept, ends):  # type: ignore[no-untyped-def]
    """Marks the rows that are drawn; `ends` is 0 for settled requests, 1: more, 2: remainder."""
    begin = 0
    number = components.shape[0]
    while begin < number:
        end = begin + 1
        while end < number and components[end] == components[begin] and hubs[end] == hubs[begin]:
            end += 1
        count = rejected = 0
        for row in range(begin, end):
            kept[row] = False
            if attempts[row] < 0:
                kept[row] = weights[row] > 0
            elif count < fanout and rejected < 4 * fanout:
                repeated = False
                for other in range(begin, row):
                    if kept[other] and positions[other] == positions[row]:
                        repeated = True
                        break
                if repeated:
                    rejected += 1
                else:
                    kept[row] = True
                    count += 1
        state = 0
        if attempts[begin] >= 0 and count < fanout:
            state = 2 if rejected >= 4 * fanout else 1
        for row in range(begin, end):
            ends[row] = state
        begin = end


@njit(nogil=True, cache=True)
def _remain(operation_key, seed_key, source_key, weights, visible, start, taken, wanted):  # type: ignore[no-untyped-def]
    """As `draws._draw_remainder`, for the edges of one slice; positions are those of the hub."""
    key = mix(mix(mix(operation_key, seed_key), source_key), REMAINDER)
    best, chosen = np.full(wanted, np.inf), np.full(wanted, -1, np.int64)
    found = 0
    for row in range(visible):
        position = start + row
        slot = np.searchsorted(taken, position)
        if weights[row] <= 0 or (slot < taken.shape[0] and taken[slot] == position):
            continue
        word = draw(key, np.uint64(position))
        rate = -math.log(unit(word)) / np.float64(weights[row])
        if found == wanted and rate >= best[wanted - 1]:
            continue
        slot = min(found, wanted - 1)
        while slot > 0 and best[slot - 1] > rate:
            best[slot] = best[slot - 1]
            chosen[slot] = chosen[slot - 1]
            slot -= 1
        best[slot] = rate
        chosen[slot] = row
        found = min(found + 1, wanted)
    return chosen[:found], best[:found]
