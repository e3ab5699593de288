"""Pickles of arrays are read, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from tests.graph.datasets.test_planetoid import write_planetoid
from tfgnn_ext.graph.datasets import read_npz, read_planetoid
from tfgnn_ext.graph.datasets.plain_pickle import load_plain


class Payload:
    """What a hostile pickle does: it calls."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_no_reader_runs_what_a_file_says(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists()  # The control: so a pickle runs.
    marker.rmdir()
    with pytest.raises(ValueError, match="must be a pickle of arrays.* Got: posix.mkdir"):
        read_planetoid(write_planetoid(tmp_path, x=Payload(marker)))
    with pytest.raises(ValueError, match="must be a pickle of arrays.* Got: posix.mkdir"):
        read_planetoid(write_planetoid(tmp_path, graph={0: [Payload(marker)]}))
    np.savez(tmp_path / "a.npz", adj_matrix=np.array(Payload(marker), object))
    with pytest.raises(ValueError, match="array 'adj_matrix': must be a pickle"):
        read_npz(tmp_path / "a.npz")
    assert not marker.exists()


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">i4"),
        np.array([True, False]),
        np.array(2.5),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_plain_pickle_reads_arrays(value: Any, protocol: int) -> None:
    found = load_plain(pickle.dumps(value, protocol), "a.pkl")
    np.testing.assert_array_equal(found, value)
    assert found.dtype == value.dtype


@pytest.mark.parametrize("value", [np.array(["x"]), np.zeros(2, "M8[s]"), {1, 2}.union, 3j])
def test_plain_pickle_refuses_the_rest(value: Any) -> None:
    with pytest.raises(ValueError, match=r"a.pkl: must be a pickle of arrays"):
        load_plain(pickle.dumps(value), "a.pkl")


def test_plain_pickle_makes_no_room_for_what_is_not_there() -> None:
    """A place in the memo is four bytes; up to it, pickle would allocate."""
    for put in (b"r\xff\xff\xff\x7f", b"p2147483647\n"):
        assert pickle.loads(b"\x80\x02]r\x00\x00\x00\x00.") == []
        with pytest.raises(ValueError, match=r"a.pkl: .* Got: place 2147483647 in its memo."):
            load_plain(b"\x80\x02]" + put + b".", "a.pkl")


def test_plain_pickle_checks_a_matrix() -> None:
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    matrix.indices[1] = 7
    with pytest.raises(ValueError, match="a.pkl: must be a pickle"):
        load_plain(pickle.dumps(matrix), "a.pkl")
