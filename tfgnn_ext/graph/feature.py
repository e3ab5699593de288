"""One feature of a node or edge set."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

NEVER = int(np.iinfo(np.int64).max)  # The time of what never becomes known.


@dataclasses.dataclass(frozen=True)
class Feature:
    """The values of one feature.

    Attributes:
      values: ``[num_items, *shape]``: float32, where NaN means missing; int64; or, for strings,
        int32 codes into `vocabulary`.
      vocabulary: Strings only: sorted distinct utf-8 byte strings; the first is empty and stands
        for a missing string.
      known_at: The time column of the same set at which the value becomes known; None if it is
        known from the start.
    """

    values: npt.NDArray[Any]
    vocabulary: npt.NDArray[np.bytes_] | None = None
    known_at: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item's value."""
        return self.values.shape[1:]
