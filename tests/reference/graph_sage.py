"""GraphSAGE with dense adjacency matrices, in float64 NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tests.reference.graphs import ENDS, Batch

Array = npt.NDArray[np.float64]


def reference_graph_sage(
    batch: Batch,
    states: dict[str, Array],
    edge_states: dict[str, Array],
    kernels: Sequence[dict[str, tuple[Array, Array]]],
    directions: Sequence[tuple[str, int]],
    name: Callable[[tuple[str, int]], str],
) -> Array:
    """The seeds' states after one layer for each entry of `kernels`.

    Args:
      batch: The structure.
      states, edge_states: [num_items, width] by set; only edge sets that have states.
      kernels: For each layer, (W, b) by node set; a set without stays as it is.
      directions: The (edge set, receiver tag) pairs.
      name: The name of a direction, by which inputs are sorted.
    """
    for layer in kernels:
        updated = dict(states)
        for node_set, (kernel, bias) in layer.items():
            parts = [states[node_set]]
            for edge_set, tag in sorted(directions, key=name):
                if ENDS[edge_set][tag] != node_set:
                    continue
                receivers, senders = batch.edges[edge_set][tag], batch.edges[edge_set][1 - tag]
                # [num_receivers, num_edges], rows of weights that sum to 1.
                incidence = np.equal.outer(np.arange(len(states[node_set])), receivers) * 1.0
                mean = incidence / np.maximum(incidence.sum(axis=1, keepdims=True), 1)
                parts.append(mean @ states[ENDS[edge_set][1 - tag]][senders])
                if edge_set in edge_states:
                    parts.append(mean @ edge_states[edge_set])
            updated[node_set] = np.maximum(np.concatenate(parts, axis=1) @ kernel + bias, 0)
        states = updated
    return states["paper"][batch.seeds]
