"""From requests for hubs to what is asked of which slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numba import njit

from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.sampling.adjacency import Drawing
from tfgnn_ext.sampling.blocks import Arrays, split, take
from tfgnn_ext.sampling.draws import FULL, TOP_K, UNIFORM, WEIGHTED, draw_uniform
from tfgnn_ext.sampling.hub.hub import SLICE, Hub, cumulative_in
from tfgnn_ext.sampling.keys import below, draw, mix, name_key, operation_key
from tfgnn_ext.sampling.plan import STRATEGIES


def rank_requests(hubs: Sequence[Hub], requests: Arrays) -> Iterator[tuple[int, Arrays]]:
    """Asks the slice in which each seed's time falls for the rank; timed edge sets only."""
    slices = np.full(len(requests["hub"]), -1)
    for number, hub in enumerate(hubs):
        rows = np.flatnonzero(requests["hub"] == number)
        times = requests["time"][rows]
        slices[rows] = np.searchsorted(hub.first_times, times, side="right") - 1
    seen = slices >= 0  # Others see nothing of the hub.
    places = requests["hub"].astype(np.int64) << SLICE | slices
    yield from split(take(requests, seen), places[seen])


def ranked_in(
    drawing: Drawing, edges: Arrays, place: int, hubs: Sequence[Hub], requests: Arrays
) -> Arrays:
    """The requests with ``length`` and ``total``: what each sees of the hub."""
    hub, index = hubs[place >> SLICE], place & ((1 << SLICE) - 1)
    within = np.asarray(np.searchsorted(edges["time"], requests["time"], side="right"))
    totals = np.zeros(len(within), np.int64)
    if drawing.weighted:
        cumulative = np.concatenate([[0], cumulative_in(drawing, edges, hub)])
        totals = hub.weights[index] + cumulative[within]
    return {**requests, "length": hub.starts[index] + within, "total": totals}


def measure(hubs: Sequence[Hub], requests: Arrays) -> Arrays:
    """`ranked_in` where there is no time: all of the hub is seen."""
    lengths = np.array([hub.starts[-1] for hub in hubs])[requests["hub"]]
    totals = np.array([hub.weights[-1] for hub in hubs])[requests["hub"]]
    return {**requests, "length": lengths, "total": totals}


def ask_slices(
    drawing: Drawing, hubs: Sequence[Hub], requests: Arrays, attempts: int
) -> Iterator[tuple[int, Arrays]]:
    """Draws for requests with ``length`` and ``total``; yields what to ask of which slice.

    A row asks for one edge: by ``value``, a position if ``attempt`` is -1, else a weight.
    """
    key = operation_key(drawing.seed, drawing.epoch, name_key(drawing.op.name))
    keys = np.array([id_keys(np.array([hub.id]))[0] for hub in hubs], np.uint64)
    widest = max((len(hub.order) for hub in hubs), default=0)
    orders = np.full((len(hubs), widest), -1)
    for number, hub in enumerate(hubs):
        orders[number, : len(hub.order)] = hub.order
    strategy = STRATEGIES.index(drawing.op.strategy)
    most = np.minimum(requests["length"], drawing.fanout)
    if drawing.weighted:
        most = np.where(requests["length"] > drawing.fanout, attempts, most)
    values, tries = np.empty((2, int(most.sum())), np.int64)
    counts = np.empty(len(most), np.int64)
    total = _ask(
        strategy,
        drawing.fanout,
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
