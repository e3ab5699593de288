"""tf.Example's wire format, written directly: the bytes of deterministic serialisation.

A tf.Example is a map from name to a list of floats, int64s or byte strings. A protobuf map has no
fixed byte order unless serialised deterministically, which sorts it by key; this module writes that
order, so that the same sample is the same bytes everywhere. It writes all examples of a batch
column by column, in compiled loops, and builds no messages.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Int64 = npt.NDArray[np.int64]


@njit(inline="always")
def _varint_size(value):  # type: ignore[no-untyped-def]
    word, size = np.uint64(value), 1
    while word >= np.uint64(128):
        word >>= np.uint64(7)
        size += 1
    return size


@njit(inline="always")
def _put_varint(out, position, value):  # type: ignore[no-untyped-def]
    word = np.uint64(value)
    while word >= np.uint64(128):
        out[position] = np.uint8((word & np.uint64(127)) | np.uint64(128))
        word >>= np.uint64(7)
        position += 1
    out[position] = np.uint8(word)
    return position + 1


@njit(inline="always")
def _text_length(row):  # type: ignore[no-untyped-def]
    length = row.shape[0]
    while length and row[length - 1] == 0:
        length -= 1
    return length


@njit(nogil=True, cache=True)
def _varint_sizes(values):  # type: ignore[no-untyped-def]
    sizes = np.empty(values.shape[0], np.int64)
    for index in range(values.shape[0]):
        sizes[index] = _varint_size(values[index])
    return sizes


@njit(nogil=True, cache=True)
def _int_sizes(values, ends):  # type: ignore[no-untyped-def]
    sizes = np.zeros(ends.shape[0] - 1, np.int64)
    for example in range(sizes.shape[0]):
        for index in range(ends[example], ends[example + 1]):
            sizes[example] += _varint_size(values[index])
    return sizes


@njit(nogil=True, cache=True)
def _text_sizes(texts, ends):  # type: ignore[no-untyped-def]
    sizes = np.zeros(ends.shape[0] - 1, np.int64)
    for example in range(sizes.shape[0]):
        for index in range(ends[example], ends[example + 1]):
            length = _text_length(texts[index])
            sizes[example] += 1 + _varint_size(length) + length
    return sizes


@njit(inline="always")
def _put_field(out, position, number, length):  # type: ignore[no-untyped-def]
    out[position] = np.uint8(number << 3 | 2)
    return _put_varint(out, position + 1, length)


@njit(inline="always")
def _put_head(out, position, name, kind, listed):  # type: ignore[no-untyped-def]
    """What stands before the list of a feature that takes `listed` bytes."""
    feature = 1 + _varint_size(listed) + listed
    named = 1 + _varint_size(name.shape[0]) + name.shape[0]
    position = _put_field(out, position, 1, named + 1 + _varint_size(feature) + feature)
    position = _put_field(out, position, 1, name.shape[0])
    out[position : position + name.shape[0]] = name
    position = _put_field(out, position + name.shape[0], 2, feature)
    return _put_field(out, position, kind, listed)


@njit(nogil=True, cache=True)
def _put_ints(out, positions, name, listed, packed, values, ends):  # type: ignore[no-untyped-def]
    for example in range(ends.shape[0] - 1):
        position = _put_head(out, positions[example], name, 3, listed[example])
        if packed[example]:
            position = _put_field(out, position, 1, packed[example])
            for index in range(ends[example], ends[example + 1]):
                position = _put_varint(out, position, values[index])


@njit(nogil=True, cache=True)
def _put_floats(out, positions, name, listed, packed, raw, ends):  # type: ignore[no-untyped-def]
    for example in range(ends.shape[0] - 1):
        position = _put_head(out, positions[example], name, 2, listed[example])
        if packed[example]:
            position = _put_field(out, position, 1, packed[example])
            out[position : position + packed[example]] = raw[
                4 * ends[example] : 4 * ends[example + 1]
            ]


@njit(nogil=True, cache=True)
def _put_texts(out, positions, name, listed, texts, ends):  # type: ignore[no-untyped-def]
    for example in range(ends.shape[0] - 1):
        position = _put_head(out, positions[example], name, 1, listed[example])
        for index in range(ends[example], ends[example + 1]):
            length = _text_length(texts[index])
            position = _put_field(out, position, 1, length)
            out[position : position + length] = texts[index, :length]
            position += length


@njit(nogil=True, cache=True)
def _put_starts(out, positions, sizes):  # type: ignore[no-untyped-def]
    for example in range(sizes.shape[0]):
        _put_field(out, positions[example], 1, sizes[example])


def _with_head(sizes: Int64) -> Int64:
    """The size of a field around so many bytes."""
    whole: Int64 = 1 + _varint_sizes(sizes) + sizes
    return whole


def encode_columns(
    columns: Sequence[tuple[bytes, npt.NDArray[Any], Int64]], number: int
) -> list[bytes]:
    r"""Serializes examples, their maps in the order of the names.

    Args:
      columns: For each feature its utf-8 name, its values ``[num_values, *shape]`` (floats, ints or
        byte strings of dtype S), and int64 ``[number + 1]``, where each example's values end.
      number: The number of examples.

    Returns:
      One string of bytes an example.

    >>> encode_columns([(b"a", np.array([1, 300]), np.array([0, 2]))], 1)[0]
    b'\n\x0e\n\x0c\n\x01a\x12\x07\x1a\x05\n\x03\x01\xac\x02'
    """
    # As upb sorts: by bytes, a name before its own prefixes. Utf-8 has no byte 0xff.
    ordered = sorted(columns, key=lambda column: column[0] + b"\xff")
    writers = []
    entry_sizes = np.zeros((len(ordered), number), np.int64)
    for index, (text, values, ends) in enumerate(ordered):
        name = np.frombuffer(text, np.uint8)
        items = ends * int(np.prod(values.shape[1:]))
        flat = np.ascontiguousarray(values).reshape(-1)
        arguments: tuple[Any, ...]
        if values.dtype.kind == "f":
            raw = flat.astype("<f4", copy=False).view(np.uint8)
            packed = 4 * np.diff(items)
            listed = np.where(packed > 0, _with_head(packed), 0)
            arguments = (_put_floats, name, listed, packed, raw, items)
        elif values.dtype.kind in "iub":
            ints = flat.astype(np.int64, copy=False)
            packed = _int_sizes(ints, items)
            listed = np.where(packed > 0, _with_head(packed), 0)
            arguments = (_put_ints, name, listed, packed, ints, items)
        else:
            texts = flat.view(np.uint8).reshape(len(flat), flat.dtype.itemsize)
            listed = _text_sizes(texts, items)
            arguments = (_put_texts, name, listed, texts, items)
        feature = _with_head(_with_head(listed))
        named = _with_head(np.array([len(text)]))
        entry_sizes[index] = _with_head(named + feature)
        writers.append(arguments)
    totals = entry_sizes.sum(axis=0)
    begins = np.concatenate([[0], np.cumsum(_with_head(totals))])
    out = np.empty(int(begins[-1]), np.uint8)
    _put_starts(out, begins[:-1], totals)
    positions = begins[1:] - totals
    for index, (put, *rest) in enumerate(writers):
        put(out, positions, *rest)
        positions = positions + entry_sizes[index]
    content = out.tobytes()
    edges = begins.tolist()
    return [content[a:b] for a, b in itertools.pairwise(edges)]
