"""One feature of a node or edge set."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.ragged import Ragged

NEVER = int(np.iinfo(np.int64).max)  # The time of what never becomes known.


@dataclasses.dataclass(frozen=True)
class Feature:
    """The values of one feature.

    Attributes:
      values: ``[num_items, *shape]``: float32, where NaN means missing; int64; or, for strings,
        int32 codes into `vocabulary`; of a ragged feature, `Ragged` lists of these.
      vocabulary: Strings only: sorted distinct utf-8 byte strings; the first is empty and stands
        for a missing string.
      known_at: The time column of the same set at which the value becomes known; None if it is
        known from the start.
    """

    values: Any
    vocabulary: npt.NDArray[np.bytes_] | None = None
    known_at: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item's value; -1 where items differ."""
        shape: tuple[int, ...] = self.values.shape[1:]
        return shape

    @property
    def flat(self) -> npt.NDArray[Any]:
        """All values of all items, in one dimension."""
        ragged = isinstance(self.values, Ragged)
        flat: npt.NDArray[Any] = self.values.flat if ragged else self.values.reshape(-1)
        return flat

    def check(self) -> None:
        """Reads all codes of a string feature.

        Raises:
          ValueError: One is not in the vocabulary.
        """
        if self.vocabulary is None or not len(self.flat):
            return
        low, high = int(self.flat.min()), int(self.flat.max())
        if low < 0 or high >= len(self.vocabulary):
            raise ValueError(
                f"`values` of `Feature` must be codes in [0, {len(self.vocabulary)}), the size of "
                f"its vocabulary. Got {low if low < 0 else high}."
            )
