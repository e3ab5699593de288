"""Blocks come back as they were packed; ids are compared as NumPy's slower functions do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgnn_ext.graph import Ragged
from tfgnn_ext.sampling.blocks import ascending_by_id, join, pack, route, split, unpack
from tfgnn_ext.sampling.node_blocks import distinct_ids, repeated_ids, unknown_ids

INT64 = st.integers(-(2**63), 2**63 - 1)
# Dense, sparse and huge ids, and texts: each takes another way.
IDS = st.one_of(
    st.lists(st.integers(-5, 40)).map(lambda ids: np.array(ids, np.int64)),
    st.lists(INT64).map(lambda ids: np.array(ids, np.int64)),
    st.lists(st.sampled_from([b"a", b"b", b"ab", b"\xc3\xb6", b""])).map(
        lambda ids: np.array(ids, "S3")
    ),
)


@given(st.lists(INT64), st.lists(st.integers(0, 2**64 - 1)), st.booleans())
def test_integers_keep_their_values_and_types(signed, words, narrow) -> None:  # type: ignore[no-untyped-def]
    block = {
        "signed": np.array(signed, np.int64),
        "words": np.array(words, np.uint64),
        "wide": np.array(signed, np.int64).reshape(-1, 1, 1),
    }
    found = unpack(pack(block, narrow=narrow))
    for name, values in block.items():
        assert found[name].dtype == values.dtype
        assert found[name].shape == values.shape
        assert (found[name] == values).all()
        assert not found[name].flags.writeable


@pytest.mark.parametrize(
    ("largest", "smallest", "size"),
    [(255, 0, 1), (256, 0, 2), (127, -128, 1), (128, -1, 2), (2**32 - 1, 0, 4), (2**32, 0, 8)],
)
def test_integers_take_the_bytes_that_they_need(largest: int, smallest: int, size: int) -> None:
    values = np.full(1000, smallest, np.int64)
    values[-1] = largest
    header = len(pack({"x": values[:0]}))
    assert len(pack({"x": values})) == pytest.approx(header + 1000 * size, abs=64)
    assert len(pack({"x": values}, narrow=False)) == pytest.approx(header + 8000, abs=64)


def test_other_columns_come_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    block = {
        "float": np.array([[1.5, np.nan]], np.float32),
        "flag": np.array([True]),
        "text": np.array([b"\xc3\xb6x"]),
        "empty": np.array([b""]).astype("S0"),
        "list": Ragged.from_lengths(np.array([300, -7]), np.array([2])),
    }
    found = unpack(pack(block))
    assert found["list"].flat.tolist() == [300, -7]
    assert found["list"].lengths.tolist() == [2]
    for name in ("float", "flag", "text", "empty"):
        np.testing.assert_array_equal(found[name], block[name])
        assert found[name].dtype == block[name].dtype


@settings(deadline=None)  # The first call compiles.
@given(IDS, IDS)
def test_ids_are_compared_as_by_numpy(ids, named) -> None:  # type: ignore[no-untyped-def]
    assert sorted(distinct_ids(ids).tolist()) == np.unique(ids).tolist()
    assert len(repeated_ids(ids)) == len(ids) - len(np.unique(ids))
    assert unpack(pack({"id": ids}, gaps="id"))["id"].tolist() == ids.tolist()
    if ids.dtype.kind == named.dtype.kind:
        expected = named[~np.isin(named, ids)]
        assert unknown_ids(named, ids).tolist() == expected.tolist()


@settings(deadline=None)  # The first call compiles.
@given(IDS, st.integers(1, 7))
def test_split_by_route_puts_equal_ids_together_and_loses_none(ids, places) -> None:  # type: ignore[no-untyped-def]
    found = list(split({"id": ids}, route(ids, places)))
    owners = {id_: place for place, part in found for id_ in part["id"].tolist()}
    assert all(owners[id_] == place for place, part in found for id_ in part["id"].tolist())
    for place, packed in ascending_by_id("id", {"id": ids, "row": np.arange(len(ids))}, places):
        block = unpack(packed)
        assert ids[block["row"]].tolist() == block["id"].tolist()
        assert route(block["id"], places).tolist() == [place] * len(block["id"])
        if ids.dtype.kind == "i":
            assert block["id"].tolist() == sorted(block["id"].tolist())
    if found:
        assert sorted(join([part for _, part in found])["id"].tolist()) == sorted(ids.tolist())
    else:
        assert not len(ids)
