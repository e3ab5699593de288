"""Lists of different lengths, one an item, as one flat array and where each list ends."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged:
    """The values of a ragged feature.

    It is indexed by rows like the array of any other feature, and has the shape that TF-GNN writes
    for it, with -1 for the dimension whose size differs. It does not turn into an array by itself.

    Attributes:
      flat: ``[num_values]``, all lists one after another.
      splits: int64 ``[num_items + 1]``: list i is ``flat[splits[i] : splits[i + 1]]``.

    >>> values = Ragged.of([[1, 2], [], [3]])
    >>> values[np.array([2, 0])].tolist(), values.shape
    ([[3], [1, 2]], (3, -1))
    """

    flat: npt.NDArray[Any]
    splits: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        splits = self.splits
        if (
            not len(splits)
            or splits[0] != 0
            or splits[-1] != len(self.flat)
            or np.any(splits[1:] < splits[:-1])
        ):
            raise ValueError(
                f"`splits` of `Ragged` must rise from 0 to {len(self.flat)}, the number of values. "
                f"Got {splits[:3].tolist()} to {splits[-3:].tolist()}."
            )

    @classmethod
    def of(cls, lists: Sequence[Any], dtype: npt.DTypeLike | None = None) -> Ragged:
        """From one list an item."""
        lengths = np.array([len(values) for values in lists], np.int64)
        flat = [value for values in lists for value in values]
        return cls.from_lengths(np.array(flat, dtype), lengths)

    @classmethod
    def from_lengths(cls, flat: npt.NDArray[Any], lengths: npt.NDArray[np.integer[Any]]) -> Ragged:
        """From all values and the length of each list."""
        return cls(flat, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.splits) - 1

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a ragged feature is no array: its lists differ in length.")

    def __getitem__(self, rows: npt.NDArray[Any] | slice) -> Ragged:
        """The lists of some rows: positions, a boolean mask or a slice."""
        starts, lengths = self.splits[:-1][rows], self.lengths[rows]
        picked = Ragged.from_lengths(np.empty(int(lengths.sum()), np.int8), lengths)
        within = np.arange(len(picked.flat)) - np.repeat(picked.splits[:-1], lengths)
        return Ragged(self.flat[np.repeat(starts, lengths) + within], picked.splits)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64 ``[num_items]``, the length of each list."""
        return np.diff(self.splits)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of items and -1."""
        return len(self), -1

    @property
    def ndim(self) -> int:
        """2."""
        return 2

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the values."""
        return self.flat.dtype

    def kept(self, mask: npt.NDArray[np.bool_]) -> Ragged:
        """The same lists, empty where `mask` is False."""
        each = np.repeat(mask, self.lengths)
        return Ragged.from_lengths(self.flat[each], np.where(mask, self.lengths, 0))

    def tolist(self) -> list[list[Any]]:
        """One list an item."""
        ends = self.splits.tolist()
        flat = self.flat.tolist()
        return [flat[a:b] for a, b in itertools.pairwise(ends)]
