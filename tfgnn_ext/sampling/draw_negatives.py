"""Drawing the second nodes of negative pairs: the part that every engine shares.

Candidates stand in a *pool*, a list of nodes in which a node stands as often as it counts: once
each, or once an edge that leads to it. A candidate is an entry of the pool (its visible prefix, if
entries have times) chosen uniformly; one that is linked, or is an end of the pair, is rejected, and
the next draw of the request's stream is taken. After `ATTEMPTS` rejections the entries that are
left without the rejected ones are counted, and one is chosen: the same distribution, for a pass.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tfgnn_ext.sampling.draws import REMAINDER, visible
from tfgnn_ext.sampling.keys import below, draw, mix

ATTEMPTS = 32
NOBODY = -1  # In place of a row: every candidate is rejected.


@njit(inline="always")
def is_no_negative(  # type: ignore[no-untyped-def]
    row, first, second, begin, end, linked, linked_times, time
):
    """Whether `row` is an end of the pair, or in ``linked[begin:end]`` no later than `time`."""
    if row == first:
        return True
    if row == second:
        return True
    low, high = begin, end
    while low < high:
        middle = (low + high) >> 1
        if linked[middle] < row:
            low = middle + 1
        else:
            high = middle
    if low == end or linked[low] != row:
        return False
    return linked_times.shape[0] == 0 or linked_times[low] <= time


@njit(inline="always")
def candidate(key, slot, attempt, length):  # type: ignore[no-untyped-def]
    """The entry, below `length`, that an attempt of a slot proposes."""
    position = np.uint64(slot) * np.uint64(ATTEMPTS) + np.uint64(attempt)
    return np.int64(below(draw(key, position), np.uint64(length)))


@njit(inline="always")
def last_resort(key, slot, count):  # type: ignore[no-untyped-def]
    """Which of the `count` entries that are left is chosen once all attempts were rejected."""
    return np.int64(below(draw(mix(key, REMAINDER), np.uint64(slot)), np.uint64(count)))


@njit(nogil=True, cache=True)
def draw_negatives(  # type: ignore[no-untyped-def]
    keys,
    slots,
    places,
    firsts,
    seconds,
    times,
    pool,
    pool_times,
    begins,
    linked,
    linked_times,
    out,
):
    """Draws the second node of each negative pair.

    Args:
      keys: uint64 [batch], of the operation and the positive pair.
      slots: int32 [batch], which of the pair's negatives.
      places: int [batch], the place of the pair's first node in `begins`.
      firsts, seconds: int32 [batch], the rows of the positive pair, which are no negatives; -1 for
        a node that is of another node set than the pool's.
      times: int64 [batch], or [0] if nothing has a time.
      pool: int32 [num_entries]; with `pool_times`, int64 [num_entries], sorted by those.
      begins: int64 [num_places + 1], where the distinct neighbours of a first node begin in
        `linked` (rows, ascending) and `linked_times` (when each became one), which may be [0].
      out: int32 [batch] out, rows; `NOBODY` if every entry is rejected.
    """
    for item in range(keys.shape[0]):
        time = times[item] if times.shape[0] else np.int64(0)
        length = pool.shape[0]
        if pool_times.shape[0]:
            length = visible(pool_times, 0, length, time)
        first, second = firsts[item], seconds[item]
        begin, end = begins[places[item]], begins[places[item] + 1]
        out[item] = NOBODY
        if length == 0:
            continue
        for attempt in range(ATTEMPTS):
            row = pool[candidate(keys[item], slots[item], attempt, length)]
            if not is_no_negative(row, first, second, begin, end, linked, linked_times, time):
                out[item] = row
                break
        if out[item] != NOBODY:
            continue
        left = 0
        chosen = -1
        for passing in range(2):
            count = 0
            for entry in range(length):
                row = pool[entry]
                if is_no_negative(row, first, second, begin, end, linked, linked_times, time):
                    continue
                if passing == 1 and count == chosen:
                    out[item] = row
                    break
                count += 1
            if passing == 0:
                left = count
                if left == 0:
                    break
                chosen = last_resort(keys[item], slots[item], left)
