"""Serialized tf.Examples: columns out and in, beside protobuf and the plain reference."""

from __future__ import annotations

from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from tests.reference.wire import encode_example, encode_feature
from tfgnn_ext.graph.wire import encode_columns
from tfgnn_ext.sampling import read_examples

KINDS: dict[str, Any] = {
    "ints": st.integers(-(2**63), 2**63 - 1),
    "floats": st.floats(width=32, allow_nan=False),
    "texts": st.binary(max_size=200).map(lambda text: text.rstrip(b"\x00")),
}
DTYPES = {"ints": np.int64, "floats": np.float32, "texts": np.bytes_}
Lists = dict[str, tuple[str, list[list[Any]]]]


@st.composite
def features(draw: st.DrawFn) -> tuple[int, Lists]:
    """The number of examples, and by name the kind and the lists of a feature."""
    number = draw(st.integers(1, 4))
    names = draw(st.lists(st.text(min_size=1, max_size=5), max_size=5, unique=True))
    names = [name for name in names if name.isprintable()]
    lists: Lists = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(KINDS)))
        each = st.lists(KINDS[kind], max_size=3)
        lists[name] = kind, draw(st.lists(each, min_size=number, max_size=number))
    return number, lists


def columns(number: int, lists: Lists) -> list[tuple[bytes, Any, Any]]:
    found = []
    for name, (kind, rows) in lists.items():
        flat = [value for row in rows for value in row]
        values = np.array(flat, DTYPES[kind]) if flat else np.empty(0, DTYPES[kind])
        if kind == "texts" and not flat:
            values = np.empty(0, "S1")
        found.append((name.encode(), values, np.cumsum([0, *map(len, rows)])))
    return found


@hypothesis.given(features())
@hypothesis.settings(max_examples=150, deadline=None)
def test_bytes_are_those_of_the_reference_and_are_read_back(given: tuple[int, Lists]) -> None:
    number, lists = given
    examples = encode_columns(columns(number, lists), number)
    assert examples == [
        encode_example(
            {
                name.encode(): encode_feature(
                    rows[k] if kind == "texts" else np.array(rows[k], DTYPES[kind])
                )
                for name, (kind, rows) in lists.items()
            }
        )
        for k in range(number)
    ]
    read = read_examples(examples)
    assert sorted(read) == sorted(lists)
    for name, (kind, rows) in lists.items():
        expected = (
            [[np.float32(v).item() for v in row] for row in rows] if kind == "floats" else rows
        )
        assert read[name].tolist() == expected


@hypothesis.given(features(), st.booleans())
@hypothesis.settings(max_examples=60, deadline=None)
def test_messages_of_protobuf_are_read(given: tuple[int, Lists], deterministic: bool) -> None:
    import tensorflow as tf

    number, lists = given
    messages = []
    for k in range(number):
        message = tf.train.Example()
        message.features.SetInParent()
        for name, (kind, rows) in lists.items():
            feature = message.features.feature[name]
            target = {
                "ints": feature.int64_list, "floats": feature.float_list,
                "texts": feature.bytes_list,
            }[kind]  # fmt: skip
            target.value.extend(rows[k])
            target.SetInParent()
        messages.append(message.SerializeToString(deterministic=deterministic))
    read = read_examples(messages)
    assert {name: values.tolist() for name, values in read.items()} == {
        name: [[np.float32(v).item() for v in row] for row in rows] if kind == "floats" else rows
        for name, (kind, rows) in lists.items()
    }
    assert encode_columns(columns(number, lists), number) == [
        type(message).FromString(text).SerializeToString(deterministic=True) for text in messages
    ]


def test_features_that_an_example_lacks_are_empty_lists() -> None:
    one = encode_columns([(b"a", np.array([1, 2]), np.array([0, 2]))], 1)
    two = encode_columns([(b"b", np.array([2.5]), np.array([0, 1]))], 1)
    read = read_examples([*one, b"", *two])
    assert read["a"].tolist() == [[1, 2], [], []]
    assert read["b"].tolist() == [[], [], [2.5]]
    assert read_examples([]) == {}


def test_what_others_may_write_is_read() -> None:
    """Values one by one instead of packed, unknown fields, entries in any order."""
    ints = b"\x1a\x04\x08\x05\x08\x07" + b"\x20\x09"  # Two values, each a field; one unknown.
    entry = b"\x12" + bytes([len(ints)]) + ints + b"\x0a\x01x"  # Value before key.
    features = b"\x0a" + bytes([len(entry)]) + entry
    example = b"\x10\x01" + b"\x0a" + bytes([len(features)]) + features
    assert read_examples([example])["x"].tolist() == [[5, 7]]
    import tensorflow as tf

    message = tf.train.Example.FromString(example)
    assert list(message.features.feature["x"].int64_list.value) == [5, 7]


GOOD = encode_columns([(b"a", np.array([1, 300]), np.array([0, 2]))], 1)[0]


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([GOOD, GOOD[:-1]], "example 1: must be a tf.Example. Got a broken field."),
        ([b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"], "example 0: .* Got a broken field."),
        ([b"\x80" * 11], "example 0: .* Got a broken field."),
        ([b"\x0b"], "example 0: .* Got a broken field."),
        (
            [GOOD, encode_columns([(b"a", np.array([1.5]), np.array([0, 1]))], 1)[0]],
            "feature 'a': must be of one type in all examples. Got 2 types.",
        ),
    ],
)
def test_damaged_examples_are_refused(examples: list[bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_examples(examples)


@hypothesis.given(st.data())
@hypothesis.settings(max_examples=400, deadline=None)
def test_a_changed_byte_is_read_as_protobuf_reads_it_or_refused(data: st.DataObject) -> None:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    changed = bytearray(GOOD)
    changed[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    try:
        ours = {
            name: values.tolist()[0] for name, values in read_examples([bytes(changed)]).items()
        }
    except ValueError:
        return
    try:
        message = tf.train.Example.FromString(bytes(changed))
    except DecodeError:
        return  # Such as a name that is not utf-8.
    theirs = {}
    for name, feature in message.features.feature.items():
        kind = feature.WhichOneof("kind")
        theirs[name] = [] if kind is None else list(getattr(feature, kind).value)
    assert repr(ours) == repr(theirs)  # As text: a NaN equals itself.
