"""A node set: sorted ids, features, times."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.feature import Feature


def id_keys(ids: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Ids as 64-bit key words: an int64 as it is, a string as BLAKE2b-8 of its utf-8 bytes.

    >>> id_keys(np.array([-1, 5])).tolist()
    [18446744073709551615, 5]
    """
    if ids.dtype.kind == "i":
        return ids.astype(np.int64).view(np.uint64)
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in ids.tolist())
    return np.frombuffer(digests, "<u8").astype(np.uint64)


@dataclasses.dataclass(frozen=True)
class NodeSet:
    """The nodes of one set; a node's row is the rank of its id.

    Attributes:
      ids: ``[num_nodes]``, sorted and distinct: int64, or utf-8 byte strings (dtype S).
      features: By name.
      times: By name, int64 ``[num_nodes]``, `NEVER` where missing.
    """

    ids: npt.NDArray[Any]
    features: Mapping[str, Feature] = dataclasses.field(default_factory=dict)
    times: Mapping[str, npt.NDArray[np.int64]] = dataclasses.field(default_factory=dict)

    @property
    def num_nodes(self) -> int:
        """The number of nodes."""
        return len(self.ids)

    @functools.cached_property
    def keys(self) -> npt.NDArray[np.uint64]:
        """The ids' key words, uint64 ``[num_nodes]``."""
        return id_keys(self.ids)

    def find(self, ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The row of each id, -1 for ids that the set lacks.

        Args:
          ids: ``[num_ids]``: ints, or strings (str or utf-8 bytes).
        """
        wanted = as_ids(ids)
        if wanted.dtype.kind != self.ids.dtype.kind:
            kinds = {"i": "int64", "S": "string"}
            raise ValueError(
                f"`ids` must be of type {kinds[self.ids.dtype.kind]}. "
                f"Got {kinds.get(wanted.dtype.kind, str(wanted.dtype))}."
            )
        if not len(self.ids):
            return np.full(len(wanted), -1)
        rows = np.searchsorted(self.ids, wanted)
        rows[rows == len(self.ids)] = 0
        return np.where(self.ids[rows] == wanted, rows, -1)

    def rows(self, ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The row of each id.

        Raises:
          ValueError: Names the first unknown id.
        """
        found = self.find(ids)
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            value = as_ids(ids)[unknown[0]]
            raise ValueError(
                f"`ids` must be known. Got {display_id(value)!r} at position {unknown[0]} "
                f"({len(unknown)} such ids)."
            )
        return found


def as_ids(ids: npt.ArrayLike) -> npt.NDArray[Any]:
    """Ids as int64 or as utf-8 byte strings."""
    array = np.asarray(ids)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "U" or array.dtype == object:
        encoded = [text if isinstance(text, bytes) else str(text).encode() for text in array]
        return np.array(encoded, np.bytes_) if encoded else np.empty(0, "S1")
    return array


def display_id(value: Any) -> Any:
    """An id as its user wrote it: an int or a str."""
    return value.decode(errors="replace") if isinstance(value, bytes) else int(value)
