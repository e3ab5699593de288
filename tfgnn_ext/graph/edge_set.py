"""An edge set in compressed sparse rows, in canonical order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph.feature import Feature


@dataclasses.dataclass(frozen=True)
class EdgeSet:
    """The edges of one set, grouped by source.

    A source's edges are in canonical order: by (target, row key), or by (time, target, row key)
    where the set has a time, so that "known by t" is a prefix. The row key is the edge id, else a
    64-bit hash of the row's content: no engine and no order of the input changes it.

    Attributes:
      source, target: Node set names.
      indptr: int64 ``[num_sources + 1]``.
      targets: int32 ``[num_edges]``, rows of the target node set.
      times: int64 ``[num_edges]``, or None.
      features: By name, in canonical order.
    """

    source: str
    target: str
    indptr: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64] | None = None
    features: Mapping[str, Feature] = dataclasses.field(default_factory=dict)

    @property
    def num_edges(self) -> int:
        """The number of edges."""
        return len(self.targets)

    @property
    def num_sources(self) -> int:
        """The number of nodes in the source node set."""
        return len(self.indptr) - 1

    @property
    def source_rows(self) -> npt.NDArray[np.int32]:
        """The source row of each edge, int32 ``[num_edges]``; computed at each call."""
        degrees = np.diff(self.indptr)
        return np.repeat(np.arange(len(degrees), dtype=np.int32), degrees)
