"""The in-memory kernel: draws, removes duplicates and relabels in one loop.

`expand` runs one operation for a batch of components; `merge_nodes` and `merge_edges` turn the
result into flat arrays. All of it is compiled and runs without the interpreter lock.

A component keeps, for each node set, the list of its nodes (their position in the list is the
local index) and a small open-addressing table from row to local index. An entry packs ``row << 32 |
local``; -1 is free. Capacities are chosen by the caller; a component that outgrows one makes
`expand` return False, and the caller starts again with more room. Draws are keyed, so the second
attempt repeats the first.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tfgnn_ext.sampling.draws import draw_edges, draw_edges_without, find_edges_to, visible
from tfgnn_ext.sampling.keys import mix

_HASH = 0x9E3779B1  # Knuth's multiplicative hash, 2**32 / golden ratio.
_LOW32 = 0xFFFFFFFF
_NONE = np.empty(0, np.int64)


@njit(inline="always")
def _local_index(row, rows, count, table, mask):  # type: ignore[no-untyped-def]
    """The local index of `row` in a component, appended when new; -1 if there is no room."""
    slot = ((row * _HASH) >> 7) & mask
    entry = table[slot]
    while entry != -1:
        if entry >> 32 == row:
            return entry & _LOW32
        slot = (slot + 1) & mask
        entry = table[slot]
    if count == rows.shape[0]:
        return np.int64(-1)
    rows[count] = row
    table[slot] = (row << 32) | count
    return np.int64(count)


@njit(nogil=True, cache=True)
def start(seed_rows, rows, counts, table):  # type: ignore[no-untyped-def]
    """Makes each seed the first node of its component.

    Args:
      seed_rows: int32 [batch], rows of the seeds in their node set.
      rows: int32 [batch, capacity] of the seed node set; `counts` int32 [batch]; `table` int64
        [batch, 2**k].
    """
    mask = table.shape[1] - 1
    for component in range(seed_rows.shape[0]):
        counts[component] = 1
        _local_index(np.int64(seed_rows[component]), rows[component], 0, table[component], mask)


@njit(nogil=True, cache=True)
def start_pairs(second_rows, rows, counts, table, reached):  # type: ignore[no-untyped-def]
    """Adds the second node of each seed to its component, where it is not there already.

    Args:
      second_rows: int32 [batch], rows of the second nodes in their node set.
      rows, counts, table: Of that node set, as for `start`; its first node may be the seed's first.
      reached: int32 [batch, 1] out, the second node's local index.
    """
    mask = table.shape[1] - 1
    for component in range(second_rows.shape[0]):
        row, count = np.int64(second_rows[component]), counts[component]
        local = _local_index(row, rows[component], count, table[component], mask)
        reached[component, 0] = local
        counts[component] = max(count, local + 1)


@njit(nogil=True, cache=True)
def forget(rows, counts, table):  # type: ignore[no-untyped-def]
    """Empties the components: frees the slots of their nodes, and sets `counts` to 0.

    It costs what the components hold, not what they have room for.
    """
    mask = table.shape[1] - 1
    for component in range(counts.shape[0]):
        slots = table[component]
        for local in range(counts[component]):
            row = np.int64(rows[component, local])
            entry = (row << 32) | local
            slot = ((row * _HASH) >> 7) & mask
            while slots[slot] != entry:  # It is there: freed slots on the way do not end the walk.
                slot = (slot + 1) & mask
            slots[slot] = -1
        counts[component] = 0


@njit(nogil=True, cache=True)
def unite(first, first_sizes, second, second_sizes, marks, stamp):  # type: ignore[no-untyped-def]
    """Appends to each component's frontier `first` the local indices of `second` it lacks.

    Args:
      first: int32 [batch, capacity], `first_sizes` int32 [batch] of it filled.
      second, second_sizes: The same.
      marks: int32 [batch, capacity]; those of `first` bear `stamp`, others do not.
    """
    for component in range(first_sizes.shape[0]):
        mark = marks[component]
        size = first_sizes[component]
        for index in range(second_sizes[component]):
            local = second[component, index]
            if mark[local] != stamp:
                mark[local] = stamp
                first[component, size] = local
                size += 1
        first_sizes[component] = size


@njit(nogil=True, cache=True)
def expand(  # type: ignore[no-untyped-def]
    strategy,
    fanout,
    operation_key,
    seed_keys,
    seed_times,
    source_keys,
    indptr,
    targets,
    times,
    cumulative,
    order,
    by_target,
    cut_sources,
    cut_targets,
    frontier,
    frontier_sizes,
    source_rows,
    target_rows,
    target_counts,
    target_table,
    marks,
    stamp,
    reached,
    reached_sizes,
    edge_sources,
    edge_targets,
    edge_positions,
    edge_counts,
):
    """Runs one operation for every component of a batch.

    Args:
      strategy, fanout: As for `draw_edges`; fanout is the largest int64 for FULL.
      operation_key: uint64, see `keys.operation_key`.
      seed_keys: uint64 [batch], the key of each seed's id.
      seed_times: int64 [batch], or [0] when the operation sees every edge.
      source_keys: uint64 [num_sources], or [0] when the ids are the row numbers.
      indptr, targets, times, cumulative, order: The edge set in canonical order; `times`,
        `cumulative` and `order` may be empty where the operation does not read them.
      by_target: As for `find_edges_to`.
      cut_sources, cut_targets: int32 [cuts, batch], rows: no component has edges from the one to
        the other.
      frontier, frontier_sizes: int32 [batch, >= sizes], local indices of the sources.
      source_rows: int32 [batch, capacity], the rows of the source node set's local indices.
      target_rows, target_counts, target_table: The target node set's components (see `start`).
      marks, stamp: int32 [batch, capacity] and a stamp no earlier call used on it.
      reached, reached_sizes: int32 out, local indices this operation leads to, each once.
      edge_sources, edge_targets: int32 [batch, capacity] out, local indices, appended.
      edge_positions: int64 [batch, capacity] out, rows of the edge set, appended.
      edge_counts: int32 [batch], the edges of each component so far.

    Returns:
      The room that was missing: 0 if none, 1 if nodes, 2 if edges.
    """
    timed = seed_times.shape[0] > 0
    by_row = source_keys.shape[0] == 0
    mask = target_table.shape[1] - 1
    room = edge_sources.shape[1]
    batch = seed_keys.shape[0]
    cuts = cut_sources.shape[0]
    total = 0
    for component in range(batch):
        total += frontier_sizes[component]
    begins, ends = np.empty(total, np.int64), np.empty(total, np.int64)
    edge_ends = np.empty(batch, np.int32)
    positions = np.empty(min(fanout, room), np.int64)
    # Four short loops over the batch instead of one: each keeps many loads from memory in flight,
    # where one loop would wait for the loads of a request before it starts the next.
    request = 0
    for component in range(batch):
        for index in range(frontier_sizes[component]):
            source = source_rows[component, frontier[component, index]]
            begins[request], ends[request] = indptr[source], indptr[source + 1]
            request += 1
    request = 0
    for component in range(batch):
        seed_key = mix(operation_key, seed_keys[component])
        edges = edge_counts[component]
        for index in range(frontier_sizes[component]):
            begin, length = begins[request], ends[request] - begins[request]
            request += 1
            if timed:
                length = visible(times, begin, begin + length, seed_times[component])
            if length == 0:
                continue
            if edges + min(length, fanout) > room:
                return 2
            local_source = frontier[component, index]
            source = source_rows[component, local_source]
            source_key = np.uint64(source) if by_row else source_keys[source]
            key = mix(seed_key, source_key)
            gaps = _NONE
            for cut in range(cuts):
                if cut_sources[cut, component] != source:
                    continue
                target = cut_targets[cut, component]
                known = False
                for earlier in range(cut):
                    if (
                        cut_sources[earlier, component] == source
                        and cut_targets[earlier, component] == target
                    ):
                        known = True
                if not known:
                    found = find_edges_to(
                        targets, by_target, begin, ends[request - 1], length, target
                    )
                    gaps = np.sort(np.concatenate((gaps, found)))
            if gaps.shape[0]:
                drawn = draw_edges_without(
                    strategy, key, cumulative, order, begin, length, fanout, gaps, positions
                )
            else:
                drawn = draw_edges(
                    strategy, key, cumulative, order, begin, length, fanout, positions
                )
            for edge in range(drawn):
                edge_sources[component, edges] = local_source
                edge_positions[component, edges] = begin + positions[edge]
                edges += 1
        edge_ends[component] = edges
    for component in range(batch):
        for edge in range(edge_counts[component], edge_ends[component]):
            # A row, until the next loop makes it a local index.
            edge_targets[component, edge] = targets[edge_positions[component, edge]]
    for component in range(batch):
        table = target_table[component]
        nodes = target_rows[component]
        mark = marks[component]
        count = target_counts[component]
        arrived = 0
        for edge in range(edge_counts[component], edge_ends[component]):
            row = np.int64(edge_targets[component, edge])
            local = _local_index(row, nodes, count, table, mask)
            if local < 0:
                return 1
            if local == count:
                count += 1
            edge_targets[component, edge] = local
            if mark[local] != stamp:
                mark[local] = stamp
                reached[component, arrived] = local
                arrived += 1
        target_counts[component] = count
        edge_counts[component] = edge_ends[component]
        reached_sizes[component] = arrived
    return 0


@njit(nogil=True, cache=True)
def sort_edges(sources, targets, positions, counts, num_sources):  # type: ignore[no-untyped-def]
    """Sorts each component's edges by source, then position, and removes repeated edges.

    Within one operation they leave `expand` so, except for the order of the frontier; two
    operations on one edge set interleave sources and may repeat edges.

    Args:
      sources, targets: int32 [batch, capacity], local indices; sorted in place.
      positions: int64 [batch, capacity]; sorted in place.
      counts: int32 [batch], reduced by the repeated edges.
      num_sources: int32 [batch], the nodes of each component in the source node set.
    """
    capacity = sources.shape[1]
    old_sources = np.empty(capacity, np.int32)
    old_targets = np.empty(capacity, np.int32)
    old_positions = np.empty(capacity, np.int64)
    for component in range(counts.shape[0]):
        count = counts[component]
        source, target, position = sources[component], targets[component], positions[component]
        ordered = True
        for index in range(1, count):
            if source[index] < source[index - 1] or (
                source[index] == source[index - 1] and position[index] <= position[index - 1]
            ):
                ordered = False
                break
        if ordered:
            continue
        # A counting sort by source, then a sort by position within each source that needs it.
        old_sources[:count] = source[:count]
        old_targets[:count] = target[:count]
        old_positions[:count] = position[:count]
        starts = np.zeros(num_sources[component] + 1, np.int32)
        for index in range(count):
            starts[old_sources[index] + 1] += 1
        for index in range(num_sources[component]):
            starts[index + 1] += starts[index]
        for index in range(count):
            slot = starts[old_sources[index]]
            starts[old_sources[index]] += 1
            source[slot] = old_sources[index]
            target[slot] = old_targets[index]
            position[slot] = old_positions[index]
        begin = 0
        while begin < count:
            end, rising = begin + 1, True
            while end < count and source[end] == source[begin]:
                rising &= position[end] >= position[end - 1]
                end += 1
            if not rising:
                order = np.argsort(position[begin:end])
                position[begin:end] = position[begin:end][order]
                target[begin:end] = target[begin:end][order]
            begin = end
        kept = 0
        for index in range(count):
            if (
                kept > 0
                and source[kept - 1] == source[index]
                and (position[kept - 1] == position[index])
            ):
                continue
            source[kept] = source[index]
            target[kept] = target[index]
            position[kept] = position[index]
            kept += 1
        counts[component] = kept


@njit(nogil=True, cache=True)
def merge_nodes(rows, counts, flat):  # type: ignore[no-untyped-def]
    """Concatenates the components' rows into `flat` (int32); the rest of `flat` is zeroed."""
    total = 0
    for component in range(counts.shape[0]):
        for index in range(counts[component]):
            flat[total + index] = rows[component, index]
        total += counts[component]
    flat[total:] = 0


@njit(nogil=True, cache=True)
def merge_edges(  # type: ignore[no-untyped-def]
    sources,
    targets,
    positions,
    counts,
    source_counts,
    target_counts,
    flat_sources,
    flat_targets,
    flat_positions,
):
    """Concatenates the components' edges, shifting local to merged indices.

    Padding edges, if the flat arrays are longer, join the last padding node to the last one: the
    caller fills them. ``flat_positions`` may be empty: then positions are not written.
    """
    total = 0
    source_offset = 0
    target_offset = 0
    with_positions = flat_positions.shape[0] > 0
    for component in range(counts.shape[0]):
        for index in range(counts[component]):
            flat_sources[total + index] = sources[component, index] + source_offset
            flat_targets[total + index] = targets[component, index] + target_offset
        if with_positions:
            for index in range(counts[component]):
                flat_positions[total + index] = positions[component, index]
        total += counts[component]
        source_offset += source_counts[component]
        target_offset += target_counts[component]
