"""Serialized tf.Examples as columns: one compiled scan, no messages built.

A column is one feature of every example: all values, one example after another, and where each
example's list ends. Messages are read as protobuf reads them: in any order of the map, packed or
not, unknown fields skipped (none may be in an entry of the map). A damaged one is an error that
names the example.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tfgnn_ext.graph.ragged import Ragged

Int64 = npt.NDArray[np.int64]
_BYTES, _FLOATS = 1, 2  # Fields of tf.train.Feature; 3 are ints.


@njit(inline="always")
def _take_varint(data, position, end):  # type: ignore[no-untyped-def]
    """The value and the position behind it; a position of -1 if it does not end."""
    word, shift = np.uint64(0), np.uint64(0)
    while position < end and shift < np.uint64(70):
        byte = np.uint64(data[position])
        word |= (byte & np.uint64(127)) << shift
        position += 1
        if byte < np.uint64(128):
            return word, position
        shift += np.uint64(7)
    return word, -1


@njit(inline="always")
def _take_field(data, position, end):  # type: ignore[no-untyped-def]
    """A field: its number, wire type, where its content begins and ends; an end of -1 if broken."""
    tag, position = _take_varint(data, position, end)
    number, kind = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if position < 0 or number < 1:
        return number, kind, position, -1
    if kind == 0:
        _, behind = _take_varint(data, position, end)
        return number, kind, position, behind
    if kind == 1 or kind == 5:
        behind = position + (8 if kind == 1 else 4)
        return number, kind, position, behind if behind <= end else -1
    if kind != 2:
        return number, kind, position, -1
    length, position = _take_varint(data, position, end)
    if position < 0 or length > np.uint64(end - position):
        return number, kind, position, -1
    return number, kind, position, position + np.int64(length)


@njit(inline="always")
def _is_name(data, begin, end, names, first, last):  # type: ignore[no-untyped-def]
    if end - begin != last - first:
        return False
    # A generator, as `all` takes one, is not compiled.
    for index in range(end - begin):  # noqa: SIM110
        if data[begin + index] != names[first + index]:
            return False
    return True


# What is wrong with an example, by the number that `_scan` returns; 1 asks for a new column.
_FAULTS = {
    2: "a broken field",
    3: "a feature with two lists",
    4: "a value of another type than its list",
}


@njit(nogil=True, cache=True)
def _count(data, begin, end, kind):  # type: ignore[no-untyped-def]
    """The number of values of a list; -1 if it is broken, -2 if a value is of another type."""
    count = 0
    position = begin
    while position < end:
        number, wire, start, behind = _take_field(data, position, end)
        if behind < 0:
            return -1
        position = behind
        if number != 1:
            continue
        if kind == 1:
            if wire != 2:
                return -2
            count += 1
        elif kind == 2:
            if wire == 5:
                count += 1
            elif wire == 2:
                if (behind - start) % 4:
                    return -1
                count += (behind - start) // 4
            else:
                return -2
        elif wire == 0:
            count += 1
        elif wire == 2:
            while start < behind:
                _, start = _take_varint(data, start, behind)
                if start < 0:
                    return -1
                count += 1
        else:
            return -2
    return count


@njit(nogil=True, cache=True)
def _scan(data, edges, first, names, name_ends, found, kinds):  # type: ignore[no-untyped-def]
    """Finds the list of each feature of each example, from example `first` on.

    Args:
      data: uint8, all examples.
      edges: int64 [num_examples + 1].
      names: uint8, the names of the columns; name_ends int64 [num_columns + 1].
      found: int64 [num_examples, num_columns, 3], begin, end and number of values; is written.
      kinds: int8 [num_examples, num_columns], 0 where there is none; is written.

    Returns:
      A fault (0: none), its example, and for fault 1 where the new name begins and ends.
    """
    columns = name_ends.shape[0] - 1
    for example in range(first, edges.shape[0] - 1):
        kinds[example] = 0
        found[example] = 0
        expected = 0
        position, end = edges[example], edges[example + 1]
        while position < end:
            number, wire, outer, outer_end = _take_field(data, position, end)
            if outer_end < 0:
                return 2, example, 0, 0
            position = outer_end
            if number != 1 or wire != 2:
                continue
            while outer < outer_end:
                number, wire, entry, entry_end = _take_field(data, outer, outer_end)
                if entry_end < 0:
                    return 2, example, 0, 0
                outer = entry_end
                if number != 1 or wire != 2:
                    continue
                name_begin = name_end = value_begin = value_end = entry
                while entry < entry_end:
                    number, wire, start, behind = _take_field(data, entry, entry_end)
                    if behind < 0 or wire != 2 or number > 2:
                        return 2, example, 0, 0
                    entry = behind
                    if number == 1:
                        name_begin, name_end = start, behind
                    else:
                        value_begin, value_end = start, behind
                column = -1
                for step in range(columns):
                    candidate = (expected + step) % columns
                    if _is_name(
                        data,
                        name_begin,
                        name_end,
                        names,
                        name_ends[candidate],
                        name_ends[candidate + 1],
                    ):
                        column = candidate
                        break
                if column < 0:
                    return 1, example, name_begin, name_end
                expected = column + 1
                kind, list_begin, list_end = 0, 0, 0
                while value_begin < value_end:
                    number, wire, start, behind = _take_field(data, value_begin, value_end)
                    if behind < 0:
                        return 2, example, 0, 0
                    value_begin = behind
                    if wire == 2 and number <= 3:
                        if kind:
                            return 3, example, 0, 0
                        kind, list_begin, list_end = number, start, behind
                count = _count(data, list_begin, list_end, kind) if kind else 0
                if count < 0:
                    return (2 if count == -1 else 4), example, 0, 0
                kinds[example, column] = kind
                found[example, column, 0] = list_begin
                found[example, column, 1] = list_end
                found[example, column, 2] = count
    return 0, 0, 0, 0


@njit(nogil=True, cache=True)
def _fill_ints(data, lists, out):  # type: ignore[no-untyped-def]
    at = 0
    for example in range(lists.shape[0]):
        position, end = lists[example, 0], lists[example, 1]
        while position < end:
            number, _, start, behind = _take_field(data, position, end)
            position = behind
            while number == 1 and start < behind:
                value, start = _take_varint(data, start, behind)
                out[at] = np.int64(value)
                at += 1


@njit(nogil=True, cache=True)
def _fill_floats(data, lists, out):  # type: ignore[no-untyped-def]
    at = 0
    for example in range(lists.shape[0]):
        position, end = lists[example, 0], lists[example, 1]
        while position < end:
            number, _, start, behind = _take_field(data, position, end)
            position = behind
            if number == 1:
                out[at : at + behind - start] = data[start:behind]
                at += behind - start


@njit(nogil=True, cache=True)
def _fill_texts(data, lists, out):  # type: ignore[no-untyped-def]
    at = 0
    for example in range(lists.shape[0]):
        position, end = lists[example, 0], lists[example, 1]
        while position < end:
            number, _, start, behind = _take_field(data, position, end)
            position = behind
            if number == 1:
                out[at, 0], out[at, 1] = start, behind
                at += 1


@njit(nogil=True, cache=True)
def _copy_texts(data, spans, table):  # type: ignore[no-untyped-def]
    for row in range(spans.shape[0]):
        begin, end = spans[row, 0], spans[row, 1]
        for index in range(end - begin):
            table[row, index] = data[begin + index]


def read_examples(examples: Sequence[bytes]) -> dict[str, Ragged]:
    """Parses serialized tf.Examples, whoever wrote them.

    Args:
      examples: The messages.

    Returns:
      By name, in sorted order: the values of that feature, one list an example (empty where the
      example lacks it), of float32, int64 or byte strings (dtype S, or Python objects where one
      ends with a zero byte or is much longer than the others).

    Raises:
      ValueError: An example is damaged, or two examples hold other types under one name.

    >>> from tfgnn_ext.graph.wire import encode_columns
    >>> column = (b"nodes/paper.year", np.array([2001, 1999, 2020]), np.array([0, 2, 3]))
    >>> read_examples(encode_columns([column], 2))["nodes/paper.year"].tolist()
    [[2001, 1999], [2020]]
    """
    content = b"".join(examples)
    data = np.frombuffer(content, np.uint8)
    edges = np.concatenate([[0], np.cumsum([len(example) for example in examples])]).astype(
        np.int64
    )
    names: list[bytes] = []
    found, kinds = _room(len(examples), 0)
    first = 0
    while True:
        fault, example, begin, end = _scan(
            data,
            edges,
            first,
            np.frombuffer(b"".join(names), np.uint8),
            np.concatenate([[0], np.cumsum([len(name) for name in names])]).astype(np.int64),
            found,
            kinds,
        )
        if not fault:
            break
        if fault != 1:
            raise ValueError(f"example {example}: must be a tf.Example. Got {_FAULTS[fault]}.")
        names.append(content[begin:end])
        first = example
        if len(names) > found.shape[1]:
            more, more_kinds = _room(len(examples), 2 * len(names))
            more[:, : found.shape[1]], more_kinds[:, : found.shape[1]] = found, kinds
            found, kinds = more, more_kinds
    columns = {}
    for column, encoded in sorted(enumerate(names), key=lambda pair: pair[1]):
        name = encoded.decode(errors="replace")
        lists, of_kind = np.ascontiguousarray(found[:, column]), kinds[:, column]
        filled = np.unique(of_kind[lists[:, 2] > 0])
        if len(filled) > 1:
            raise ValueError(
                f"feature {name!r}: must be of one type in all examples. Got {len(filled)} types."
            )
        kind = int(filled[0]) if len(filled) else int(of_kind.max())
        columns[name] = Ragged.from_lengths(_values(content, data, lists, kind), lists[:, 2])
    return columns


def _room(examples: int, columns: int) -> tuple[Int64, npt.NDArray[np.int8]]:
    return np.zeros((examples, columns, 3), np.int64), np.zeros((examples, columns), np.int8)


def _values(
    content: bytes, data: npt.NDArray[np.uint8], lists: Int64, kind: int
) -> npt.NDArray[Any]:
    total = int(lists[:, 2].sum())
    if kind == _FLOATS:
        raw = np.empty(4 * total, np.uint8)
        _fill_floats(data, lists, raw)
        return raw.view("<f4")
    if kind == _BYTES:
        spans = np.empty((total, 2), np.int64)
        _fill_texts(data, lists, spans)
        lengths = spans[:, 1] - spans[:, 0]
        longest = max(int(lengths.max(initial=0)), 1)
        ends = data[np.maximum(spans[:, 1] - 1, 0)]
        if longest * total <= 4 * int(lengths.sum()) + 64 * total and (ends[lengths > 0] > 0).all():
            table = np.zeros((total, longest), np.uint8)
            _copy_texts(data, spans, table)
            return table.view(f"S{longest}")[:, 0]
        texts = np.empty(total, object)
        texts[:] = [content[begin:end] for begin, end in spans.tolist()]
        return texts
    ints = np.empty(total, np.int64)
    _fill_ints(data, lists, ints)
    return ints
