"""Pairs of nodes in blocks: what the Beam engine draws negatives from, and numbers as seeds.

A block of pairs has the columns ``id`` and ``second`` (the ids of the two nodes), ``linked`` (the
second id of the positive pair that a negative one was drawn for, else its own), ``key`` (of the
pair), ``time`` where samples are timed, ``split``, ``slot`` (see `LinkSeeds`), and ``r:...`` (what
is known of a pair).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.sampling.blocks import Arrays, join, route, split, take
from tfgnn_ext.sampling.draw_negatives import NOBODY, draw_negatives
from tfgnn_ext.sampling.draws import draw_uniform
from tfgnn_ext.sampling.keys import mix_keys, name_key, operation_key, pair_keys
from tfgnn_ext.sampling.negatives import Negatives
from tfgnn_ext.sampling.sampled_batch import Int64
from tfgnn_ext.sampling.table_blocks import READOUT_COLUMN

LABEL = f"{READOUT_COLUMN}label"
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHARD = 32
_NO_INT64 = np.empty(0, np.int64)


def with_keys(pairs: Arrays) -> Arrays:
    """Pairs with the key of each."""
    return {**pairs, "key": pair_keys(id_keys(pairs["id"]), id_keys(pairs["second"]))}


def place_pairs(pairs: Arrays, shards: int) -> Iterator[tuple[int, Arrays]]:
    """Routes pairs with keys to shards, as `place_seeds` does nodes."""
    mixed = pairs["key"].copy()
    if "time" in pairs:
        mixed ^= pairs["time"].astype(np.uint64) * _ODD
    places = route(mixed.view(np.int64), shards) + pairs["split"].astype(np.int64) * shards
    yield from split({name: v for name, v in pairs.items() if name != "split"}, places)


def number_pairs(shard: int, parts: list[Arrays]) -> Arrays:
    """The pairs of one shard in an order of their own, with the numbers of their components."""
    pairs = join(parts)
    known = [pairs[name] for name in sorted(pairs) if name.startswith(READOUT_COLUMN)]
    time = [pairs["time"]] if "time" in pairs else []
    named = (pairs["slot"], pairs["linked"], pairs["second"])
    order = np.lexsort((*known, *named, *time, pairs["id"]))
    pairs = take(pairs, order)
    return {**pairs, "component": (np.int64(shard) << _SHARD) + np.arange(len(order))}


@dataclasses.dataclass(frozen=True)
class Pool:
    """What second nodes are drawn from; see `draw_negatives`.

    Attributes:
      ids: All second nodes' ids, ascending.
      rows: int32 ``[num_entries]``, the entries, places in `ids`.
      times: int64 ``[num_entries]``, ascending; or [0].
    """

    ids: npt.NDArray[Any]
    rows: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ids: npt.NDArray[Any], entries: Arrays | None) -> Pool:
        """A pool of nodes.

        Args:
          ids: Of the second node set, in any order.
          entries: ``id``, and ``time`` where entries have times; None: each node once.
        """
        ids = np.unique(ids)
        if entries is None:
            return cls(ids, np.arange(len(ids), dtype=np.int32), _NO_INT64)
        rows = _rows(ids, entries["id"])
        there = rows != NOBODY  # Not those that are dropped.
        rows = rows[there]
        if "time" not in entries:
            return cls(ids, np.sort(rows), _NO_INT64)
        times = entries["time"][there]
        order = np.lexsort((rows, times))
        return cls(ids, rows[order], times[order])


def draw_for_block(
    part: Negatives,
    pairs: Arrays,
    edges: list[Arrays],
    pool: Pool | None,
    *,
    plan_seed: int,
    epoch: int,
    one_set: bool,
) -> tuple[Arrays, Arrays]:
    """Negatives for the positive pairs whose first nodes lie in one block.

    Args:
      part: What to draw.
      pairs: Positive pairs, with keys.
      edges: Of each edge set that rejects, or of the user's table: ``source``, ``target`` and maybe
        ``time``, of all sources of the block.
      pool: What is drawn from; None for the strategy "table".
      plan_seed, epoch: Of the plan.
      one_set: Whether both nodes are of one node set.

    Returns:
      The negative pairs, with keys; and the positive pairs, one for each negative that could not be
      drawn.
    """
    number = len(pairs["id"])
    items = np.repeat(np.arange(number), part.num)
    slots = np.tile(np.arange(part.num, dtype=np.int32), number)
    firsts, places = np.unique(pairs["id"], return_inverse=True)
    keys = mix_keys(operation_key(plan_seed, epoch, name_key(part.name)), pairs["key"])[items]
    sources, targets, times = _of_sources(edges, firsts)
    ids = np.unique(targets) if pool is None else pool.ids
    # A neighbour that is no node, and is to be dropped with its edges, rejects nobody.
    linked = _rows(ids, targets).astype(np.int64)
    timed = any("time" in block for block in edges)
    order = np.lexsort((times, linked, sources))
    sources, linked, times = sources[order], linked[order], times[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (sources[1:] != sources[:-1]) | (linked[1:] != linked[:-1])
    counts = np.bincount(sources[new], minlength=len(firsts))
    begins = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    linked, times = linked[new].astype(np.int32), times[new]
    found = np.full(len(items), NOBODY, np.int32)
    if pool is None:
        for item, place in enumerate(places[items].tolist()):
            begin, end = int(begins[place]), int(begins[place + 1])
            drawn = np.empty(min(part.num, end - begin), np.int64)
            if slots[item] < len(drawn):
                draw_uniform(keys[item], end - begin, len(drawn), drawn)
                found[item] = linked[begin + drawn[slots[item]]]
    else:
        own = _rows(ids, pairs["id"]) if one_set else np.full(number, NOBODY, np.int32)
        draw_negatives(
            keys,
            slots,
            places[items],
            own[items],
            _rows(ids, pairs["second"])[items],
            pairs["time"][items] if "time" in pairs else _NO_INT64,
            pool.rows,
            pool.times,
            begins,
            linked,
            times if timed else _NO_INT64,
            found,
        )
    fine = found != NOBODY
    drawn_pairs = take(pairs, items[fine])
    drawn_pairs["second"] = ids[found[fine]]
    drawn_pairs["slot"] = slots[fine]
    drawn_pairs[LABEL] = np.zeros_like(drawn_pairs[LABEL])
    return with_keys(drawn_pairs), take(pairs, items[~fine])


def _of_sources(
    edges: list[Arrays], firsts: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], Int64]:
    """The edges of some sources: the places of these, targets and times."""
    always = np.iinfo(np.int64).min
    sources, targets, times = [np.empty(0, np.int64)], [], [_NO_INT64]
    for block in edges:
        found = _rows(firsts, block["source"])
        kept = found != NOBODY
        sources.append(found[kept].astype(np.int64))
        targets.append(block["target"][kept])
        size = int(kept.sum())
        times.append(block["time"][kept] if "time" in block else np.full(size, always))
    ends = np.concatenate(targets) if targets else np.empty(0, firsts.dtype)
    return np.concatenate(sources), ends, np.concatenate(times)


def _rows(ids: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The place of each wanted id among ascending ids, -1 where there is none."""
    if not len(ids) or not len(wanted):
        return np.full(len(wanted), NOBODY, np.int32)
    rows = np.searchsorted(ids, wanted)
    rows[rows == len(ids)] = 0
    return np.where(ids[rows] == wanted, rows, NOBODY).astype(np.int32)
