"""One buffer for one batch: how a sampled batch crosses into TensorFlow in one copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tfgnn_ext.sampling.sampled_batch import Int32, Int64, PairEnds, SampledBatch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """Static totals to which batches are padded.

    Attributes:
      nodes: For each node set, the number of nodes; at least one is padding.
      edges: For each edge set, the number of edges.
    """

    nodes: Mapping[str, int]
    edges: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Parts:
    """The arrays of one batch, views into its buffer."""

    whole: Int32
    ends: tuple[Int32, Int32] | None
    node_sizes: dict[str, Int32]
    node_rows: dict[str, Int32]
    edge_sizes: dict[str, Int32]
    edge_source: dict[str, Int32]
    edge_target: dict[str, Int32]
    edge_rows: dict[str, Int64]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The order of a batch's arrays in one int32 buffer.

    The buffer starts with the length, in words, of each segment: `edge_rows` of every edge set (two
    words an edge), `whole`, of pairs the indices of both ends, then sizes and rows of every node
    set, then sizes, sources and targets of every edge set.
    """

    seed_node_set: str
    node_sets: tuple[str, ...]
    edge_sets: tuple[str, ...]
    second_node_set: str | None = None

    @property
    def num_segments(self) -> int:
        """The number of segments."""
        ends = 0 if self.second_node_set is None else 2
        return 1 + ends + 2 * len(self.node_sets) + 4 * len(self.edge_sets)

    @property
    def header(self) -> int:
        """The words before the first segment: even, for the int64 segments behind it."""
        return self.num_segments + self.num_segments % 2

    def lengths(
        self, components: int, batch: int, nodes: Mapping[str, int], edges: Mapping[str, int]
    ) -> list[int]:
        """The length of each segment, in words."""
        lengths = [2 * edges[name] for name in self.edge_sets]
        lengths += [batch]
        if self.second_node_set is not None:
            lengths += [components, components]
        for name in self.node_sets:
            lengths += [components, nodes[name]]
        for name in self.edge_sets:
            lengths += [components, edges[name], edges[name]]
        return lengths

    def fit(
        self,
        node_counts: Mapping[str, Int32],
        edge_counts: Mapping[str, Int32],
        budget: Sizes | None,
        second: Int32 | None = None,
    ) -> npt.NDArray[np.bool_]:
        """Cuts components that exceed the budget down to their seed, in place.

        Args:
          node_counts, edge_counts: The sizes of the components.
          budget: What they must fit together.
          second: Of pairs, the local index of the second node.

        Returns:
          bool [batch], which components are whole.

        Raises:
          ValueError: The budget lacks a set, or room for the seeds and one padding node a node set.
        """
        batch = len(node_counts[self.seed_node_set])
        whole = np.ones(batch, np.bool_)
        if budget is None:
            return whole
        missing = [name for name in self.node_sets if name not in budget.nodes]
        missing += [name for name in self.edge_sets if name not in budget.edges]
        if missing:
            raise ValueError(f"`budget` must give a size to {missing[0]!r} too. Got none.")
        counts = [(node_counts[name], budget.nodes[name] - 1) for name in self.node_sets]
        counts += [(edge_counts[name], budget.edges[name]) for name in self.edge_sets]
        if all(int(count.sum()) <= room for count, room in counts):
            return whole
        # What a component takes at least: its seed.
        fewest = [np.zeros(batch, np.int32) for _ in counts]
        fewest[self.node_sets.index(self.seed_node_set)][:] = 1
        if second is not None and self.second_node_set is not None:
            least = fewest[self.node_sets.index(self.second_node_set)]
            np.maximum(least, second + 1, out=least)
        # What is left beside the seeds.
        left = [room - int(least.sum()) for (_, room), least in zip(counts, fewest, strict=True)]
        if min(left) < 0:
            raise ValueError(
                f"`budget` must hold {batch} seeds of node set {self.seed_node_set!r} and a "
                f"padding node in every node set. Got {dict(budget.nodes)}."
            )
        for component in range(batch):
            need = [
                int(count[component] - least[component])
                for (count, _), least in zip(counts, fewest, strict=True)
            ]
            if all(n <= room for n, room in zip(need, left, strict=True)):
                left = [room - n for n, room in zip(need, left, strict=True)]
            else:
                whole[component] = False
        for (count, _), least in zip(counts, fewest, strict=True):
            count[~whole] = least[~whole]
        return whole

    def allocate(
        self,
        node_counts: Mapping[str, Int32],
        edge_counts: Mapping[str, Int32],
        budget: Sizes | None,
        batch: int,
    ) -> tuple[Int32, Parts]:
        """Makes the buffer for components of the given sizes, and writes those."""
        nodes = {name: int(count.sum()) for name, count in node_counts.items()}
        edges = {name: int(count.sum()) for name, count in edge_counts.items()}
        components = batch
        padding_nodes = dict.fromkeys(nodes, 0)
        padding_edges = dict.fromkeys(edges, 0)
        if budget is not None:
            components += 1
            padding_nodes = {name: budget.nodes[name] - n for name, n in nodes.items()}
            padding_edges = {name: budget.edges[name] - n for name, n in edges.items()}
            nodes = {name: budget.nodes[name] for name in nodes}
            edges = {name: budget.edges[name] for name in edges}
        lengths = self.lengths(components, batch, nodes, edges)
        packed = np.empty(self.header + sum(lengths), np.int32)
        packed[: self.header] = 0
        packed[: self.num_segments] = lengths
        parts = self.split(packed)
        for name in self.node_sets:
            parts.node_sizes[name][:batch] = node_counts[name]
            parts.node_sizes[name][batch:] = padding_nodes[name]
        for name in self.edge_sets:
            parts.edge_sizes[name][:batch] = edge_counts[name]
            parts.edge_sizes[name][batch:] = padding_edges[name]
        return packed, parts

    def write_ends(self, parts: Parts, node_counts: Mapping[str, Int32], second: Int32) -> None:
        """Writes where both ends of the pairs are; those of padding are the last padding nodes.

        Args:
          parts: Of the buffer.
          node_counts: The sizes of the components.
          second: The local index of each component's second node.
        """
        assert parts.ends is not None
        assert self.second_node_set is not None
        sets = (self.seed_node_set, self.second_node_set)
        for end, name, local in zip(parts.ends, sets, (np.zeros_like(second), second), strict=True):
            counts = node_counts[name]
            end[: len(counts)] = np.cumsum(counts) - counts + local
            end[len(counts) :] = len(parts.node_rows[name]) - 1

    def split(self, packed: Int32) -> Parts:
        """The buffer's segments as arrays, without a copy."""
        lengths = packed[: self.num_segments]
        ends = self.header + np.cumsum(lengths)
        segments = [packed[end - length : end] for end, length in zip(ends, lengths, strict=True)]
        edge_rows = {name: segments[i].view(np.int64) for i, name in enumerate(self.edge_sets)}
        rest = iter(segments[len(self.edge_sets) :])
        whole = next(rest)
        both = None if self.second_node_set is None else (next(rest), next(rest))
        node_sizes: dict[str, Int32] = {}
        node_rows: dict[str, Int32] = {}
        for name in self.node_sets:
            node_sizes[name], node_rows[name] = next(rest), next(rest)
        edge_sizes: dict[str, Int32] = {}
        edge_source: dict[str, Int32] = {}
        edge_target: dict[str, Int32] = {}
        for name in self.edge_sets:
            edge_sizes[name] = next(rest)
            edge_source[name], edge_target[name] = next(rest), next(rest)
        return Parts(
            whole, both, node_sizes, node_rows, edge_sizes, edge_source, edge_target, edge_rows
        )

    def unpack(self, packed: Int32, seed_rows: Int32, seed_times: Int64 | None) -> SampledBatch:
        """The buffer as a `SampledBatch`; `seed_rows` are as given to the sampler."""
        parts = self.split(packed)
        ends = None
        if parts.ends is not None and self.second_node_set is not None:
            sets = (self.seed_node_set, self.second_node_set)
            ends = PairEnds(node_sets=sets, rows=seed_rows, indices=parts.ends)
            seed_rows = seed_rows[:, 0]
        return SampledBatch(
            seed_node_set=self.seed_node_set,
            seed_rows=seed_rows,
            ends=ends,
            seed_times=seed_times,
            whole=parts.whole.astype(np.bool_),
            node_rows=parts.node_rows,
            node_sizes=parts.node_sizes,
            edge_rows=parts.edge_rows,
            edge_source=parts.edge_source,
            edge_target=parts.edge_target,
            edge_sizes=parts.edge_sizes,
        )
