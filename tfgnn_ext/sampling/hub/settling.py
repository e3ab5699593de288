"""Weighted draws from hubs: which values are repeats, and what is drawn of the remainder.

Weighted draws are asked as values below the total; which are rejected as repeats shows when their
positions are known, so a few more values than the fan-out are asked, and the first ``5 * fanout``
if those are not enough: these decide how `draws.draw_weighted` ends. What then remains is drawn
from every slice by the same exponential keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numba import njit

from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.sampling.adjacency import Drawing
from tfgnn_ext.sampling.blocks import Arrays, take
from tfgnn_ext.sampling.draws import REMAINDER
from tfgnn_ext.sampling.hub.fetching import edges_at
from tfgnn_ext.sampling.hub.hub import SLICE, Hub, cumulative_in
from tfgnn_ext.sampling.keys import draw, mix, name_key, operation_key, unit


def settle_draws(fanout: int, fetched: Arrays) -> tuple[Arrays, Arrays, Arrays]:
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
        fanout,
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


def spread_requests(hubs: Sequence[Hub], rest: Arrays) -> Iterator[tuple[int, Arrays]]:
    """Sends requests whose remainder is to be drawn to every slice that they see."""
    for number, hub in enumerate(hubs):
        mine = take(rest, rest["hub"] == number)
        for index, start in enumerate(hub.starts[:-1].tolist()):
            seen = mine["length"] > start
            if seen.any():
                yield number << SLICE | index, take(mine, seen)


def remain_in(
    drawing: Drawing, edges: Arrays, place: int, hubs: Sequence[Hub], rest: Arrays
) -> Arrays:
    """The candidates of one slice for remainders, with their ``rate`` (smallest first)."""
    hub, index = hubs[place >> SLICE], place & ((1 << SLICE) - 1)
    start = int(hub.starts[index])
    rest = take(rest, np.lexsort((rest["taken"], rest["component"])))
    first = np.concatenate([[True], np.diff(rest["component"]) != 0])
    starts = np.append(np.flatnonzero(first), len(first))
    key = operation_key(drawing.seed, drawing.epoch, name_key(drawing.op.name))
    source = id_keys(np.array([hub.id]))[0]
    weights = np.diff(cumulative_in(drawing, edges, hub), prepend=0)
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
            drawing.fanout - (end - begin),
        )
        rows.append(found)
        rates.append(found_rates)
        owners.append(np.full(len(found), begin))
    chosen = np.concatenate(rows)
    columns = ("component", "key", "time", "hub")
    owner = np.concatenate(owners)
    drawn = {name: rest[name][owner] for name in columns if name in rest}
    counts = np.diff(starts)[np.searchsorted(starts, owner, side="right") - 1]
    drawn |= {"rate": np.concatenate(rates), "wanted": drawing.fanout - counts}
    return edges_at(drawing, edges, hub, index, chosen, drawn)


def smallest_rates(candidates: Arrays) -> Arrays:
    """The candidates that are drawn: of each request, as many as it lacks."""
    by = (candidates["position"], candidates["rate"], candidates["hub"])
    candidates = take(candidates, np.lexsort((*by, candidates["component"])))
    new = np.ones(len(candidates["hub"]), np.bool_)
    new[1:] = (np.diff(candidates["component"]) != 0) | (np.diff(candidates["hub"]) != 0)
    starts = np.flatnonzero(new)
    rank = np.arange(len(new)) - np.repeat(starts, np.diff(np.append(starts, len(new))))
    return take(candidates, rank < candidates["wanted"])


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
