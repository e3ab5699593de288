"""The canonical order of edges, which no sharding and no order of the input changes.

Edges are sorted by source, [time,] target, and where all of these tie by row key: the edge id, else
a hash of the row's content. Columns are packed into as few 64-bit words as their ranges need; later
words are only looked at where the earlier ones tie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.feature import NEVER, Feature
from tfgnn_ext.graph.ragged import Ragged

Int64 = npt.NDArray[np.int64]
_WORD = 1 << 63


def canonical_order(
    sources: npt.NDArray[np.integer[Any]],
    targets: npt.NDArray[np.integer[Any]],
    times: Int64 | None = None,
    keys: npt.NDArray[np.uint64] | None = None,
    features: Mapping[str, Feature] | None = None,
) -> Int64:
    """The permutation that brings edges into canonical order.

    Args:
      sources, targets: ``[num_edges]``, rows of the node sets.
      times: ``[num_edges]``, or None.
      keys: ``[num_edges]``, key words of edge ids, or None for `content_keys`.
      features: Of the edges.

    Returns:
      int64 ``[num_edges]``.

    >>> canonical_order(np.array([1, 0, 1]), np.array([5, 9, 2])).tolist()
    [1, 2, 0]
    >>> canonical_order(np.array([1, 0, 1]), np.array([5, 9, 2]), np.array([7, 7, 8])).tolist()
    [1, 0, 2]
    """
    columns = [sources, targets] if times is None else [sources, times, targets]
    first, *later = _packed(columns)
    order = stable_order(first)
    tied = _equal_neighbours(first[order])
    for word in later:
        order, tied = _refined(order, tied, lambda rows, word=word: word[rows])
    if keys is not None:
        order, _ = _refined(order, tied, lambda rows: keys[rows])
    elif features:
        order, _ = _refined(order, tied, lambda rows: content_keys(features, rows))
    return order  # Rows that still tie are equal in all that the graph holds.


def stable_order(values: npt.NDArray[Any]) -> Int64:
    """`np.argsort` with kind stable; several times faster for integers that span few bits.

    Value and position then fit in one word, and sorting words takes vector instructions.

    Args:
      values: ``[num_values]``.

    >>> stable_order(np.array([7, 5, 7, 5])).tolist()
    [1, 3, 0, 2]
    """
    count = len(values)
    if count and values.dtype.kind == "i":
        low, bits = int(values.min()), count.bit_length()
        if (int(values.max()) - low).bit_length() + bits < 64:
            words = ((values.astype(np.int64) - low) << bits) | np.arange(count)
            words.sort()
            order: Int64 = words & ((1 << bits) - 1)
            return order
    return np.argsort(values, kind="stable")


def content_keys(features: Mapping[str, Feature], rows: Int64) -> npt.NDArray[np.uint64]:
    """The row keys of edges without ids: BLAKE2b-8, little endian, of their features by name.

    Numbers enter as their bytes, strings as their length and text, ragged lists with their length.

    Args:
      features: Of the edges.
      rows: ``[num_rows]``, which edges.

    Returns:
      uint64 ``[num_rows]``.
    """
    parts: list[list[bytes]] = []
    for name in sorted(features):
        feature = features[name]
        chosen = feature.values[rows]
        if isinstance(chosen, Ragged):
            parts.append([length.tobytes() for length in chosen.lengths])
            values = np.split(chosen.flat, chosen.splits[1:-1])[: len(rows)]
        else:
            values = list(chosen.reshape(len(rows), -1))
        if feature.vocabulary is None:
            parts.append([row.tobytes() for row in values])
        else:
            texts = [len(t).to_bytes(8, "little") + t for t in feature.vocabulary.tolist()]
            parts.append([b"".join(texts[code] for code in row.tolist()) for row in values])
    digests = b"".join(
        hashlib.blake2b(b"".join(pieces), digest_size=8).digest()
        for pieces in zip(*parts, strict=True)
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _packed(columns: Sequence[npt.NDArray[Any]]) -> list[Int64]:
    """Words that compare, one after another, as the columns do."""
    words: list[Int64] = []
    room = 0  # How many values the last word could still be multiplied by.
    for column in columns:
        values = column.astype(np.int64, copy=False)
        real = values if (values != NEVER).all() else values[values != NEVER]
        low, high = (int(real.min()), int(real.max())) if len(real) else (0, 0)
        size = high - low + 2  # The last value stands for `NEVER`.
        if size >= _WORD:
            words.append(values)
            room = 1
            continue
        ranks = (
            values - low if real is values else np.where(values == NEVER, high + 1, values) - low
        )
        if size <= room:
            words[-1] = words[-1] * size + ranks
            room //= size
        else:
            words.append(ranks)
            room = (_WORD - 1) // size
    return words


def _equal_neighbours(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(values[1:] == values[:-1])


def _refined(order: Int64, tied: npt.NDArray[np.bool_], key: Any) -> tuple[Int64, Any]:
    """Sorts each run of ties by a further key, and says which rows still tie.

    Args:
      order: ``[num_edges]``, the order so far.
      tied: ``[num_edges - 1]``, whether a row ties with the next.
      key: Function from rows to their keys; it is asked for tied rows only.
    """
    if not tied.any():
        return order, tied
    in_tie = np.concatenate([tied, [False]]) | np.concatenate([[False], tied])
    slots = np.flatnonzero(in_tie)
    rows = order[slots]
    values = key(rows)
    # Each run of ties keeps its slots; within it, rows are sorted by key.
    runs = np.cumsum(np.concatenate([[True], ~tied]))[slots]
    inner = np.lexsort((values, runs))
    order[slots] = rows[inner]
    still = np.zeros(len(tied), np.bool_)
    same = _equal_neighbours(values[inner]) & _equal_neighbours(runs)
    still[slots[:-1][same]] = True
    return order, still
