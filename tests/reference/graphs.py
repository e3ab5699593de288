"""Random heterogeneous batches, cyclic and with many paths, as NumPy arrays and GraphTensors."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

ENDS = {"cites": ("paper", "paper"), "by": ("paper", "author"), "wrote": ("author", "paper")}


@dataclasses.dataclass
class Batch:
    """Components of papers and authors; the first paper of a component is its seed."""

    node_sizes: dict[str, npt.NDArray[np.int32]]
    edge_sizes: dict[str, npt.NDArray[np.int32]]
    edges: dict[str, npt.NDArray[np.int32]]  # [2, num_edges]: source, target.
    states: dict[str, npt.NDArray[np.float32]]
    edge_states: dict[str, npt.NDArray[np.float32]]

    def graph(self, *, feature: str = tfgnn.HIDDEN_STATE) -> tfgnn.GraphTensor:
        return tfgnn.GraphTensor.from_pieces(
            tfgnn.Context.from_fields(sizes=tf.ones([len(self.node_sizes["paper"])], tf.int32)),
            {
                name: tfgnn.NodeSet.from_fields(
                    sizes=tf.constant(sizes), features={feature: tf.constant(self.states[name])}
                )
                for name, sizes in self.node_sizes.items()
            },
            {
                name: tfgnn.EdgeSet.from_fields(
                    sizes=tf.constant(self.edge_sizes[name]),
                    features={feature: tf.constant(self.edge_states[name])},
                    adjacency=tfgnn.Adjacency.from_indices(
                        (ENDS[name][0], tf.constant(edges[0])),
                        (ENDS[name][1], tf.constant(edges[1])),
                    ),
                )
                for name, edges in self.edges.items()
            },
        )

    @property
    def seeds(self) -> npt.NDArray[np.int64]:
        sizes = self.node_sizes["paper"]
        return np.cumsum(sizes) - sizes

    def padded(self, node_totals: dict[str, int], edge_totals: dict[str, int]) -> Batch:
        """The same components, and one more of padding; its edges join its last nodes."""
        node_sizes, edge_sizes, edges, states, edge_states = {}, {}, {}, {}, {}
        for name, sizes in self.node_sizes.items():
            spare = node_totals[name] - sizes.sum()
            assert spare > 0
            node_sizes[name] = np.append(sizes, spare).astype(np.int32)
            filler = np.full((spare, self.states[name].shape[1]), 7.5, np.float32)
            states[name] = np.concatenate([self.states[name], filler])
        for name, pairs in self.edges.items():
            spare = edge_totals[name] - pairs.shape[1]
            assert spare >= 0
            edge_sizes[name] = np.append(self.edge_sizes[name], spare).astype(np.int32)
            last = [[node_totals[end] - 1] * spare for end in ENDS[name]]
            edges[name] = np.concatenate([pairs, np.asarray(last, np.int32)], axis=1)
            filler = np.full((spare, self.edge_states[name].shape[1]), 3.25, np.float32)
            edge_states[name] = np.concatenate([self.edge_states[name], filler])
        return Batch(node_sizes, edge_sizes, edges, states, edge_states)


def random_batch(
    seed: int,
    *,
    components: int = 3,
    density: float = 1.5,
    widths: tuple[int, int, int] = (5, 3, 2),
) -> Batch:
    """Components of up to 11 papers and 5 authors, with loops, repeated and cyclic edges."""
    random = np.random.default_rng(seed)
    node_sizes = {
        "paper": random.integers(1, 12, components).astype(np.int32),
        "author": random.integers(0, 6, components).astype(np.int32),
    }
    edge_sizes, edges = {}, {}
    for name, ends in ENDS.items():
        pieces, sizes = [], []
        starts = [np.cumsum(node_sizes[end]) - node_sizes[end] for end in ends]
        for component in range(components):
            counts = [int(node_sizes[end][component]) for end in ends]
            count = int(random.poisson(density * min(counts))) if min(counts) else 0
            piece = np.stack(
                [
                    random.integers(0, max(n, 1), count) + s[component]
                    for n, s in zip(counts, starts, strict=True)
                ]
            )
            pieces.append(piece[:, np.lexsort(piece[::-1])])
            sizes.append(count)
        edges[name] = np.concatenate(pieces, axis=1).astype(np.int32)
        edge_sizes[name] = np.asarray(sizes, np.int32)
    papers, authors, edge_width = widths
    states = {
        "paper": random.normal(size=(node_sizes["paper"].sum(), papers)).astype(np.float32),
        "author": random.normal(size=(node_sizes["author"].sum(), authors)).astype(np.float32),
    }
    edge_states = {
        name: random.normal(size=(pairs.shape[1], edge_width)).astype(np.float32)
        for name, pairs in edges.items()
    }
    return Batch(node_sizes, edge_sizes, edges, states, edge_states)
