"""A batch of sampled components, merged, as NumPy arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairEnds:
    """The two ends of seeds that are pairs; see `Link`.

    Attributes:
      node_sets: Of the first and of the second nodes.
      rows: [batch, 2], their rows in the graph.
      indices: [num_components] each, indices into `node_rows` of a batch.
    """

    node_sets: tuple[str, str]
    rows: Int32
    indices: tuple[Int32, Int32]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledBatch:
    """What one call of a sampler returns: `batch` components, one after another.

    With a budget the arrays have the budget's sizes, and the sizes arrays one more entry, the
    padding component; padding nodes have row 0, padding edges join the last padding nodes.

    Attributes:
      seed_node_set: The node set of the seeds. A seed is the first node of its component there.
      seed_rows: [batch], rows of the seeds in the graph; of pairs, of the first nodes.
      seed_times: [batch], or None.
      whole: bool [batch], False for a component that did not fit the budget and was cut down to
        its seed: give it weight 0.
      node_rows: For each node set, [num_nodes] rows in the graph.
      node_sizes: For each node set, [num_components] numbers of nodes.
      edge_rows: For each edge set, [num_edges] positions in the graph's canonical order.
      edge_source, edge_target: For each edge set, [num_edges] indices into `node_rows`, ascending
        in the source within a component.
      edge_sizes: For each edge set, [num_components] numbers of edges.
      ends: Of seeds that are pairs, both ends.
    """

    seed_node_set: str
    seed_rows: Int32
    seed_times: Int64 | None
    whole: npt.NDArray[np.bool_]
    node_rows: Mapping[str, Int32]
    node_sizes: Mapping[str, Int32]
    edge_rows: Mapping[str, Int64]
    edge_source: Mapping[str, Int32]
    edge_target: Mapping[str, Int32]
    edge_sizes: Mapping[str, Int32]
    ends: PairEnds | None = None

    @property
    def num_components(self) -> int:
        """The number of components, the padding component included."""
        return len(self.node_sizes[self.seed_node_set])

    def times_of(self, sizes: Int32) -> Int64:
        """Each item's seed time: int64 [sum(sizes)]; padding items get the earliest int64.

        Args:
          sizes: int32 [num_components], of any node or edge set of this batch.
        """
        if self.seed_times is None:
            raise ValueError("`seed_times` of `SampledBatch` must be set. Got None.")
        times = np.full(len(sizes), np.iinfo(np.int64).min)
        times[: len(self.seed_times)] = self.seed_times
        return np.repeat(times, sizes)
