"""The canonical order against a plain sort of tuples."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfgnn_ext.graph import NEVER, Feature, canonical_order, content_keys

SMALL = st.integers(0, 3)
EXTREMES = st.sampled_from([-(2**63), -1, 0, 1, 2, 2**40, NEVER - 1, NEVER])


@given(st.lists(st.tuples(SMALL, st.one_of(SMALL, EXTREMES), SMALL, st.integers(0, 2**64 - 1))))
def test_timed_order_is_that_of_tuples(rows):
    sources, times, targets, keys = (
        np.array([row[i] for row in rows], np.uint64 if i == 3 else np.int64) for i in range(4)
    )
    order = canonical_order(sources, targets, times, keys)
    assert [rows[i] for i in order] == sorted(rows)


@given(st.lists(st.tuples(SMALL, SMALL, SMALL)))
def test_untimed_order_is_that_of_tuples(rows):
    sources, targets, keys = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    order = canonical_order(sources, targets, None, keys.astype(np.uint64))
    assert [rows[i] for i in order] == sorted(rows)


@given(st.lists(st.tuples(st.integers(0, 2**31 - 2), EXTREMES, st.integers(0, 2**31 - 2))))
def test_columns_too_wide_for_one_word(rows):
    sources, times, targets = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    order = canonical_order(sources, targets, times)
    assert [rows[i] for i in order] == sorted(rows)


def test_content_keys():
    features = {
        "b": Feature(np.float32([1.5, -2.0, 1.5])),
        "a": Feature(np.array([[1, 0], [0, 0], [1, 0]], np.int32), np.array([b"", b"xy"])),
    }
    # Feature a first: the length and text of "xy" and of ""; then b's bytes.
    text = struct.pack("<q", 2) + b"xy" + struct.pack("<q", 0) + struct.pack("<f", 1.5)
    expected = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    keys = content_keys(features, np.array([2, 1, 0]))
    assert keys[0] == keys[2] == expected
    assert keys[1] != expected


def test_content_breaks_ties_only():
    values = np.float32([1, 2, 3, 4])
    features = {"f": Feature(values)}
    sources, targets = np.array([0, 0, 0, 0]), np.array([2, 1, 1, 0])
    keys = content_keys(features, np.array([1, 2]))
    middle = [1, 2] if keys[0] < keys[1] else [2, 1]
    assert canonical_order(sources, targets, features=features).tolist() == [3, *middle, 0]


def test_never_is_last_of_its_source_only():
    # Packed in one word with the source, `NEVER` must not spill over into the next source.
    sources, times = np.array([1, 0, 0]), np.array([5, NEVER, 5])
    assert canonical_order(sources, np.array([0, 7, 1]), times).tolist() == [2, 1, 0]


@given(st.lists(st.tuples(SMALL, st.sampled_from([3, 4, NEVER]), SMALL)))
def test_never_among_near_times(rows):
    sources, times, targets = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    order = canonical_order(sources, targets, times)
    assert [rows[i] for i in order] == sorted(rows)
