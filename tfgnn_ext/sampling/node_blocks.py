"""Seeds and nodes in blocks: numbering the components of a shard, and finding nodes' features.

A component is numbered ``shard << 32 | rank``, its seed's rank in the shard by (id, time): no
engine and no order of the input changes it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.canonical_order import content_keys, stable_order
from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.sampling.adjacency import FEATURE, distinct, features_of
from tfgnn_ext.sampling.assembly import TIME
from tfgnn_ext.sampling.blocks import Arrays, join, route, split, take

_SHARD = 32
_ODD = np.uint64(0x9E3779B97F4A7C15)


def place_seeds(block: Arrays, shards: int) -> Iterator[tuple[int, Arrays]]:
    """Routes seeds to shards.

    Args:
      block: ``id``, ``time`` if samples are timed, ``split`` (which files a seed goes to).
      shards: How many shards a split has.
    """
    keys = id_keys(block["id"])
    mixed = keys.copy()
    if "time" in block:
        mixed ^= block["time"].astype(np.uint64) * _ODD
    places = route(mixed.view(np.int64), shards) + block["split"].astype(np.int64) * shards
    rows = {name: values for name, values in block.items() if name != "split"}
    yield from split({**rows, "key": keys}, places)


def number_seeds(shard: int, parts: list[Arrays]) -> Arrays:
    """The seeds of one shard in their order, with the numbers of their components.

    >>> seeds = {"id": np.array([9, 4]), "key": np.array([9, 4], np.uint64)}
    >>> number_seeds(0, [seeds])["id"].tolist()
    [4, 9]
    """
    seeds = join(parts)
    by = (seeds["time"], seeds["id"]) if "time" in seeds else (seeds["id"],)
    seeds = take(seeds, np.lexsort(by))
    return {**seeds, "component": (np.int64(shard) << _SHARD) + np.arange(len(seeds["id"]))}


def shard_of(components: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The shard of each component."""
    return components >> _SHARD


def by_shard(block: Arrays) -> Iterator[tuple[int, Arrays]]:
    """Rows by the shard of their component; ``component`` becomes its rank there."""
    shards = shard_of(block["component"])
    local = (block["component"] & 0xFFFFFFFF).astype(np.int32)
    yield from split({**block, "component": local}, shards)


def reached_nodes(drawn: Arrays) -> Arrays:
    """The requests that drawn edges lead to: each (component, target) once."""
    kept = ("component", "key", "time", "first", "second", "linked")
    rows = {name: drawn[name] for name in kept if name in drawn}
    return distinct({**rows, "id": drawn["target"]})


def replies(drawn: Arrays) -> Arrays:
    """What the assembling of components needs of drawn edges."""
    kept = ("component", "source", "target", "position", "edge_time")
    return {name: v for name, v in drawn.items() if name in kept or name.startswith(FEATURE)}


def distinct_ids(ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each id once, in any order.

    >>> sorted(distinct_ids(np.array([4, 9, 4])).tolist())
    [4, 9]
    """
    if ids.dtype.kind == "i":
        dense = _Dense.of(ids, ids)
        if dense is not None:
            return np.flatnonzero(dense.held) + dense.low
        words = ids
    else:
        # Texts are compared as they are only where their hashes are neighbours.
        words = route(ids, 1 << 62)
    order = stable_order(words)
    ordered = ids[order]
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    distinct: npt.NDArray[Any] = ordered[new]
    return distinct


@dataclasses.dataclass(frozen=True)
class _Dense:
    """Integers that leave few gaps, as a mark for each that occurs.

    Attributes:
      low: The smallest.
      held: ``[largest - low + 1]``.
    """

    low: int
    held: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, ids: npt.NDArray[Any], *others: npt.NDArray[Any]) -> _Dense | None:
        """The marks, unless they would take too much room beside the ids and the others."""
        if not len(ids):
            return None
        low, high = int(ids.min()), int(ids.max())
        if high - low >= 64 * (len(ids) + sum(map(len, others))):
            return None
        held = np.zeros(high - low + 1, np.bool_)
        held[ids - low] = True
        return cls(low, held)


def repeated_ids(ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The ids that occur again, as often as they do.

    >>> repeated_ids(np.array([4, 9, 4, 4])).tolist()
    [4, 4]
    """
    ordered = np.sort(ids)
    repeated: npt.NDArray[Any] = ordered[1:][ordered[1:] == ordered[:-1]]
    return repeated


def unknown_ids(named: npt.NDArray[Any], ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Those of `named` that are not among `ids`.

    >>> unknown_ids(np.array([4, 9, 4, 5]), np.array([5, 4])).tolist()
    [9]
    """
    dense = _Dense.of(ids, named) if ids.dtype.kind == named.dtype.kind == "i" else None
    if dense is not None:
        inside = (named >= dense.low) & (named < dense.low + len(dense.held))
        inside[inside] = dense.held[named[inside] - dense.low]
        unknown: npt.NDArray[Any] = named[~inside]
        return unknown
    return named[~np.isin(named, ids)]


class NodeBlock:
    """The nodes of one block, for look-ups by id.

    Of rows with one id it keeps one: the first by times and a hash of the features.

    Args:
      parts: The rows of node tables.
    """

    def __init__(self, parts: list[Arrays]) -> None:
        nodes = join(parts)
        order = stable_order(nodes["id"])
        ids = nodes["id"][order]
        repeated = np.zeros(len(ids), np.bool_)
        repeated[1:] = ids[1:] == ids[:-1]
        if repeated.any():
            features = features_of(nodes)
            keys = [content_keys(features, np.arange(len(ids)))] if features else []
            times = [nodes[name] for name in sorted(nodes) if name.startswith(TIME)]
            order = np.lexsort((*keys, *times, nodes["id"]))[~repeated]
        self._order = order
        self._nodes = nodes
        self.ids: npt.NDArray[Any] = nodes["id"][order]

    def find(self, ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The row of each id, -1 where there is none."""
        if not len(self.ids):
            return np.full(len(ids), -1)
        rows = np.searchsorted(self.ids, ids)
        rows[rows == len(self.ids)] = 0
        return np.where(self.ids[rows] == ids, rows, -1)

    def rows(self, rows: npt.NDArray[np.int64]) -> Arrays:
        """The nodes of some rows."""
        return take(self._nodes, self._order[rows])


def wanted_nodes(requests: list[Arrays]) -> Arrays:
    """The nodes that requests name, once a shard: ``component`` is the shard, shifted."""
    shards = [{"component": r["component"] >> _SHARD, "id": r["id"]} for r in requests]
    return distinct(join(shards))
