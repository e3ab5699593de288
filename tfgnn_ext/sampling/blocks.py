"""Blocks: named columns of many rows as one string of bytes, and which block a node's id is in.

A distributed join in Python costs tens of microseconds an element, so the element is a block of
rows, never a row. A block is a dictionary of columns of one length: arrays, or `Ragged` lists. A
string feature is two entries: int32 codes under its name, and its words under name + `WORDS`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tfgnn_ext.graph import Ragged
from tfgnn_ext.graph.canonical_order import stable_order
from tfgnn_ext.sampling.keys import below, finalise

Arrays = dict[str, Any]
WORDS = "|words"
_SPLITS = "|splits"
_ALIGNMENT = 16
_ROUTE = np.uint64(0x626C6F636B730001)  # Routing must not follow the draws' hash.
_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def pack(arrays: Arrays, *, narrow: bool = True, gaps: str | None = None) -> bytes:
    """A block as bytes: a JSON header, then the arrays' buffers, aligned.

    Args:
      arrays: The block.
      narrow: Whether integers take only as many bytes as the largest needs; else `unpack` copies
        nothing.
      gaps: A column of integers of which the gaps are stored: fewer bytes where they ascend.

    >>> unpack(pack({"id": np.array([3, 1]), "name": np.array([b"x", b"yz"])}))["name"].tolist()
    [b'x', b'yz']
    """
    plain: dict[str, npt.NDArray[Any]] = {}
    for name, values in arrays.items():
        if isinstance(values, Ragged):
            plain[name + _SPLITS], plain[name] = values.splits, values.flat
        else:
            plain[name] = values
    kinds = {name: values.dtype.str for name, values in plain.items()}
    first = None
    if gaps is not None and plain[gaps].dtype.kind == "i" and len(plain[gaps]):
        first, plain[gaps] = int(plain[gaps][0]), np.diff(plain[gaps])
    contiguous = {
        name: np.ascontiguousarray(_narrowed(values) if narrow else values)
        for name, values in plain.items()
    }
    described = [
        [n, v.dtype.str, v.shape, kinds[n], first if n == gaps else None]
        for n, v in contiguous.items()
    ]
    header = json.dumps(described).encode()
    header += b" " * (-(4 + len(header)) % _ALIGNMENT)
    pieces: list[Any] = [struct.pack("<I", len(header)), header]
    for values in contiguous.values():
        pieces.append(values.reshape(-1).view(np.uint8).data if values.nbytes else b"")
        pieces.append(b"\0" * (-values.nbytes % _ALIGNMENT))
    return b"".join(pieces)


def _narrowed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Integers in the smallest type that holds them all."""
    if values.dtype.kind not in "iu" or values.itemsize == 1 or not values.size:
        return values
    low, high = int(values.min()), int(values.max())
    # A signed type that holds -1 - x holds x too.
    smallest = np.min_scalar_type(high if low >= 0 else min(low, -1 - high))
    return values.astype(smallest) if smallest.itemsize < values.itemsize else values


def unpack(data: bytes | memoryview) -> Arrays:
    """The block that `pack` wrote, in the types it had; its arrays are read-only."""
    (length,) = struct.unpack_from("<I", data)
    position = 4 + length
    arrays: Arrays = {}
    for name, dtype, shape, wide, first in json.loads(bytes(data[4:position])):
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        # A dtype of width 0 (strings that are all empty) has no buffer.
        flat = (
            np.frombuffer(data, kind, count, position) if kind.itemsize else np.empty(count, kind)
        )
        arrays[name] = flat.reshape(shape).astype(wide, copy=False)
        if first is not None:
            arrays[name] = np.cumsum(np.concatenate([[first], arrays[name]]), dtype=wide)
        arrays[name].flags.writeable = False
        size = kind.itemsize * count
        position += size + -size % _ALIGNMENT
    for name in [name for name in arrays if name.endswith(_SPLITS)]:
        values = name.removesuffix(_SPLITS)
        arrays[values] = Ragged(arrays[values], arrays.pop(name))
    return arrays


def ascending(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each value once, ascending: `np.unique`, whose hashes take longer than sorting numbers.

    >>> ascending(np.array([4, 9, 4])).tolist()
    [4, 9]
    """
    ordered = np.sort(values)
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    found: npt.NDArray[Any] = ordered[new]
    return found


def take(block: Arrays, rows: npt.NDArray[Any] | slice) -> Arrays:
    """Some rows of a block; words that none of them uses are left out, the first excepted."""
    taken: Arrays = {}
    for name, values in block.items():
        if name.endswith(WORDS):
            continue
        taken[name] = values[rows]
        words = block.get(name + WORDS)
        if words is not None:
            flat = np.append(
                0, taken[name].reshape(-1)
            )  # The first word, for what is missing, stays.
            used, codes = np.unique(flat, return_inverse=True)
            taken[name] = codes[1:].astype(np.int32).reshape(taken[name].shape)
            taken[name + WORDS] = words[used]
    return taken


def join(blocks: Sequence[Arrays]) -> Arrays:
    """The rows of all blocks, one after another; the arrays are new, and may be written.

    >>> words = [{"w": np.array([0]), "w|words": np.array([w])} for w in (b"b", b"a")]
    >>> join(words)["w"].tolist(), join(words)["w|words"].tolist()
    ([1, 0], [b'a', b'b'])
    """
    joined: Arrays = {}
    for name in blocks[0]:
        if name.endswith(WORDS):
            continue
        parts = [block[name] for block in blocks]
        if name + WORDS in blocks[0]:
            vocabularies = [block[name + WORDS] for block in blocks]
            words = np.unique(np.concatenate(vocabularies))
            parts = [
                _with_values(codes, np.searchsorted(words, own).astype(np.int32)[_flat(codes)])
                for own, codes in zip(vocabularies, parts, strict=True)
            ]
            joined[name + WORDS] = words
        if isinstance(parts[0], Ragged):
            lengths = np.concatenate([part.lengths for part in parts])
            joined[name] = Ragged.from_lengths(np.concatenate([p.flat for p in parts]), lengths)
        else:
            joined[name] = np.concatenate(parts)
    return joined


def _flat(values: Any) -> npt.NDArray[Any]:
    flat: npt.NDArray[Any] = values.flat if isinstance(values, Ragged) else values.reshape(-1)
    return flat


def _with_values(like: Any, flat: npt.NDArray[Any]) -> Any:
    if isinstance(like, Ragged):
        return Ragged(flat, like.splits)
    return flat.reshape(like.shape)


def split(
    block: Arrays, places: npt.NDArray[np.int64], order: npt.NDArray[np.int64] | None = None
) -> Iterator[tuple[int, Arrays]]:
    """A block by the place each row goes to; rows keep their order, empty places are left out.

    Args:
      block: ``[num_rows, ...]`` each.
      places: ``[num_rows]``.
      order: ``[num_rows]``, the order that rows have instead.

    >>> [(p, b["x"].tolist()) for p, b in split({"x": np.array([7, 8, 9])}, np.array([4, 0, 4]))]
    [(0, [8]), (4, [7, 9])]
    """
    if not len(places):
        return
    low = int(places.min())
    offsets = places - low
    narrow = offsets.astype(np.uint16) if int(offsets.max()) < 1 << 16 else offsets
    # By counting, where two bytes hold the places.
    if order is None:
        order = np.argsort(narrow, kind="stable")
    else:
        order = order[np.argsort(narrow[order], kind="stable")]
    ordered = offsets[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(ordered))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield low + int(ordered[start]), take(block, order[start:end])


@njit(nogil=True, cache=True)
def _hash_texts(texts, width, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        word = _FNV_BASIS
        end = width
        while end > 0 and texts[row * width + end - 1] == 0:
            end -= 1
        for index in range(end):
            word = (word ^ np.uint64(texts[row * width + index])) * _FNV_PRIME
        out[row] = word


@njit(nogil=True, cache=True)
def _route(words, number, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        out[row] = below(finalise(words[row] ^ _ROUTE), number)


def route(ids: npt.NDArray[Any], number: int) -> npt.NDArray[np.int64]:
    """The block of each id, in ``[0, number)``: a hash of the id, whatever array it stands in.

    Args:
      ids: ``[num_ids]``, integers or utf-8 byte strings (dtype S).
      number: How many blocks there are.

    Returns:
      int64 ``[num_ids]``.
    """
    places = np.empty(len(ids), np.int64)
    if ids.dtype.kind == "S":
        words = np.empty(len(ids), np.uint64)
        texts = np.array(ids).view(np.uint8).reshape(-1)  # A copy: the kernel has one signature.
        _hash_texts(texts, ids.dtype.itemsize, words)
    else:
        words = np.array(ids, np.int64).view(np.uint64)
    _route(words, np.uint64(number), places)
    return places


def by_id(column: str, block: Arrays, blocks: int) -> Iterator[tuple[int, bytes]]:
    """A block's rows by the block of the ids in one of its columns, packed."""
    for place, rows in split(block, route(block[column], blocks)):
        yield place, pack(rows)


def ascending_by_id(column: str, block: Arrays, blocks: int) -> Iterator[tuple[int, bytes]]:
    """As `by_id`; a place's rows ascend by the column, if it holds integers, and take less room."""
    ids = block[column]
    sorts = ids.dtype.kind == "i" and bool((ids[1:] < ids[:-1]).any())
    order = stable_order(ids) if sorts else None
    for place, rows in split(block, route(ids, blocks), order):
        yield place, pack(rows, gaps=column)
