"""Drawing from one source's adjacency: the part of the kernel that every engine shares.

Each function takes a request's key and the length of the visible prefix of the source's edges (in
canonical order) and writes the chosen positions of that prefix, ascending, to `out`. They touch no
state, so a Beam worker that holds one block of edges draws what the in-memory engine draws.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tfgnn_ext.sampling.keys import below, draw, mix, unit

UNIFORM, WEIGHTED, TOP_K, LATEST_K, FULL = range(5)
REMAINDER = np.uint64(0x52454D41494E4452)  # A second stream of the same request: the remainder.
_LINEAR = 64  # Up to this fan-out, a membership test by scanning beats a hash set.


@njit(nogil=True, cache=True)
def visible(times, begin, end, time):  # type: ignore[no-untyped-def]
    """How many of the edges ``begin:end``, sorted by time, have ``times <= time``."""
    low, high = begin, end
    while low < high:
        middle = (low + high) >> 1
        if times[middle] <= time:
            low = middle + 1
        else:
            high = middle
    return low - begin


@njit(inline="always")
def _insert(out, count, position):  # type: ignore[no-untyped-def]
    """Inserts into the ascending ``out[:count]``; returns False if it is there already."""
    slot = count
    while slot > 0 and out[slot - 1] > position:
        slot -= 1
    if slot > 0 and out[slot - 1] == position:
        return False
    for move in range(count, slot, -1):
        out[move] = out[move - 1]
    out[slot] = position
    return True


@njit(inline="always")
def _free_slots(fanout):  # type: ignore[no-untyped-def]
    """An empty hash set for `fanout` positions; a fan-out that is searched linearly needs none."""
    size = 1
    if fanout > _LINEAR:
        while size < 2 * fanout:
            size *= 2
    return np.full(size, -1, np.int64)


@njit(inline="always")
def _add(slots, position):  # type: ignore[no-untyped-def]
    """Adds a position to a hash set; returns False if it is there already."""
    mask = slots.shape[0] - 1
    slot = (position * 0x9E3779B1) & mask
    while slots[slot] != -1 and slots[slot] != position:
        slot = (slot + 1) & mask
    if slots[slot] == position:
        return False
    slots[slot] = position
    return True


@njit(nogil=True, cache=True)
def _draw_uniform_many(key, length, fanout, out):  # type: ignore[no-untyped-def]
    """`draw_uniform` for large fan-outs: the same set, with a hash set for membership."""
    slots = _free_slots(fanout)
    for index in range(fanout):
        last = length - fanout + index
        choice = np.int64(below(draw(key, np.uint64(index)), np.uint64(last + 1)))
        if not _add(slots, choice):
            choice = last
            _add(slots, last)
        out[index] = choice
    out[:fanout].sort()
    return fanout


@njit(nogil=True, cache=True)
def draw_uniform(key, length, fanout, out):  # type: ignore[no-untyped-def]
    """A uniform `fanout`-subset of ``range(length)``, in O(fanout) draws.

    Floyd's algorithm (Bentley, Floyd: "Programming Pearls: A Sample of Brilliance", CACM 1987):
    for last = length - fanout .. length - 1 draw choice in [0, last]; take it, or `last` if it is
    taken already.
    """
    if fanout > _LINEAR:
        return _draw_uniform_many(key, length, fanout, out)
    for index in range(fanout):
        last = length - fanout + index
        choice = np.int64(below(draw(key, np.uint64(index)), np.uint64(last + 1)))
        if not _insert(out, index, choice):
            out[index] = last  # Larger than all before it: the order stays ascending.
    return fanout


@njit(nogil=True, cache=True)
def draw_weighted(key, cumulative, begin, length, fanout, out):  # type: ignore[no-untyped-def]
    """Successive weighted draws without replacement from ``range(length)``.

    ``cumulative[begin:begin + length]`` are the inclusive prefix sums of the integer weights of
    the prefix. A draw is a binary search of a uniform integer below the total; one that repeats is
    rejected, which leaves the others with their conditional probabilities. After ``4 * fanout``
    rejections the rest is drawn by exponential keys, ``-log(u) / weight``, smallest first: the
    same distribution (Efraimidis, Spirakis 2006), with u keyed by the position, in one pass.
    Zero weights are never drawn, so fewer than `fanout` positions may come out.
    """
    return _draw_weighted(key, cumulative, begin, length, fanout, 0, out)


@njit(nogil=True, cache=True)
def _draw_weighted(key, cumulative, begin, length, fanout, gaps, out):  # type: ignore[no-untyped-def]
    """`draw_weighted` as if the positions ``out[:gaps]``, ascending, had been drawn before.

    What successive draws make of the others is their distribution without those; `out` gets
    ``gaps`` positions more.
    """
    if length == 0:
        return 0
    count = 0
    if length <= fanout:  # Never with gaps: see `draw_edges_without`.
        before = np.int64(0)
        for position in range(length):
            total = cumulative[begin + position]
            if total > before:
                out[count] = position
                count += 1
            before = total
        return count
    total = np.uint64(cumulative[begin + length - 1])
    if total == np.uint64(0):
        return gaps
    count = gaps
    many = fanout + gaps > _LINEAR
    slots = _free_slots(fanout + gaps)
    if many:
        for index in range(gaps):
            _add(slots, out[index])
    rejected = 0
    attempt = np.uint64(0)
    while count < fanout + gaps and rejected < 4 * fanout:
        value = np.int64(below(draw(key, attempt), total))
        attempt += np.uint64(1)
        low, high = np.int64(0), np.int64(length - 1)
        while low < high:
            middle = (low + high) >> 1
            if cumulative[begin + middle] > value:
                high = middle
            else:
                low = middle + 1
        if _add(slots, low) if many else _insert(out, count, low):
            if many:
                out[count] = low
            count += 1
        else:
            rejected += 1
    if many:
        out[:count].sort()
    if count < fanout + gaps:
        count = _draw_remainder(
            mix(key, REMAINDER), cumulative, begin, length, fanout + gaps, count, out
        )
    return count


@njit(nogil=True, cache=True)
def _draw_remainder(key, cumulative, begin, length, fanout, count, out):  # type: ignore[no-untyped-def]
    wanted = fanout - count
    best = np.full(wanted, np.inf)
    chosen = np.full(wanted, -1, np.int64)
    found = 0
    taken = 0
    before = np.int64(0)
    for position in range(length):
        total = cumulative[begin + position]
        weight = total - before
        before = total
        if taken < count and out[taken] == position:
            taken += 1
            continue
        if weight <= 0:
            continue
        value = -math.log(unit(draw(key, np.uint64(position)))) / np.float64(weight)
        if found == wanted and value >= best[wanted - 1]:
            continue
        slot = min(found, wanted - 1)
        while slot > 0 and best[slot - 1] > value:
            best[slot] = best[slot - 1]
            chosen[slot] = chosen[slot - 1]
            slot -= 1
        best[slot] = value
        chosen[slot] = position
        found = min(found + 1, wanted)
    for index in range(found):
        out[count + index] = chosen[index]
    out[: count + found].sort()
    return count + found


@njit(nogil=True, cache=True)
def draw_edges(strategy, key, cumulative, order, begin, length, fanout, out):  # type: ignore[no-untyped-def]
    """Chooses positions of a source's visible prefix by `strategy`.

    Args:
      strategy: One of UNIFORM, WEIGHTED, TOP_K, LATEST_K, FULL.
      key: The request's key, uint64.
      cumulative: int64, prefix sums of integer weights, restarted at each source (WEIGHTED).
      order: int64, positions of the source's edges by falling feature value (TOP_K).
      begin: Where the source's edges begin in `cumulative` and `order`.
      length: The number of visible edges.
      fanout: The most that are drawn.
      out: int64 scratch of at least ``min(fanout, length)``.

    Returns:
      How many positions were written to `out`, ascending.
    """
    if strategy == WEIGHTED:
        return draw_weighted(key, cumulative, begin, length, fanout, out)
    if length <= fanout or strategy == FULL:
        for position in range(length):
            out[position] = position
        return length
    if strategy == UNIFORM:
        return draw_uniform(key, length, fanout, out)
    if strategy == LATEST_K:
        for index in range(fanout):
            out[index] = length - fanout + index
        return fanout
    for index in range(fanout):
        out[index] = order[begin + index]
    out[:fanout].sort()
    return fanout


@njit(nogil=True, cache=True)
def find_edges_to(targets, by_target, begin, end, length, target):  # type: ignore[no-untyped-def]
    """The positions, ascending, of a source's visible edges to one target.

    Args:
      targets: The targets of all edges, in canonical order.
      by_target: int64, each source's positions sorted by target, then position; [0] where the
        canonical order is that itself, as it is without times.
      begin, end: Where the source's edges are.
      length: How many of them are visible.
      target: The target.
    """
    sorted_already = by_target.shape[0] == 0
    low, high = begin, end
    while low < high:
        middle = (low + high) >> 1
        edge = middle if sorted_already else begin + by_target[middle]
        if targets[edge] < target:
            low = middle + 1
        else:
            high = middle
    found = np.empty(end - low, np.int64)
    count = 0
    for index in range(low, end):
        position = index - begin if sorted_already else by_target[index]
        if targets[begin + position] != target or position >= length:
            break
        found[count] = position
        count += 1
    return found[:count]


@njit(nogil=True, cache=True)
def draw_edges_without(  # type: ignore[no-untyped-def]
    strategy, key, cumulative, order, begin, length, fanout, gaps, out
):
    """`draw_edges` as if the edges at some positions were not there.

    Args:
      strategy, key, cumulative, order, begin, length, fanout: As for `draw_edges`.
      gaps: int64, the positions, ascending, at least one; all are below `length`.
      out: int64 scratch of at least ``min(fanout, length - len(gaps))``.

    Returns:
      How many positions were written to `out`, ascending.
    """
    left = length - gaps.shape[0]
    if strategy == WEIGHTED:
        if left <= fanout:
            count, gap, before = 0, 0, np.int64(0)
            for position in range(length):
                total = cumulative[begin + position]
                positive = total > before
                before = total
                if gap < gaps.shape[0] and gaps[gap] == position:
                    gap += 1
                elif positive:
                    out[count] = position
                    count += 1
            return count
        drawn = np.empty(fanout + gaps.shape[0], np.int64)
        drawn[: gaps.shape[0]] = gaps
        total = _draw_weighted(key, cumulative, begin, length, fanout, gaps.shape[0], drawn)
        count, gap = 0, 0
        for index in range(total):
            if gap < gaps.shape[0] and gaps[gap] == drawn[index]:
                gap += 1
            else:
                out[count] = drawn[index]
                count += 1
        return count
    if strategy == TOP_K and left > fanout:
        count, index = 0, 0
        while count < fanout:
            position = order[begin + index]
            index += 1
            if gaps[min(np.searchsorted(gaps, position), gaps.shape[0] - 1)] != position:
                out[count] = position
                count += 1
        out[:count].sort()
        return count
    # Positions among those that are left, then among all.
    count = draw_edges(strategy, key, cumulative, order, begin, left, fanout, out)
    gap = 0
    for index in range(count):
        while gap < gaps.shape[0] and gaps[gap] <= out[index] + gap:
            gap += 1
        out[index] += gap
    return count
