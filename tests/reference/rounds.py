"""Plain breadth-first search for the rounds of nodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.reference.graphs import ENDS, Batch


def reference_rounds(
    batch: Batch, num_layers: int, directions: list[tuple[str, int]], *, padded: bool = False
) -> dict[str, npt.NDArray[np.int32]]:
    """max(L - distance to the nearest seed, 0), by following one edge at a time."""
    left = {name: np.zeros(sizes.sum(), np.int32) for name, sizes in batch.node_sizes.items()}
    sizes = batch.node_sizes["paper"]
    frontier = [
        ("paper", int(row))
        for c, row in enumerate(batch.seeds)
        if sizes[c] and not (padded and c == len(sizes) - 1)
    ]
    for name, row in frontier:
        left[name][row] = num_layers
    for level in range(num_layers - 1, 0, -1):
        reached = []
        for name, row in frontier:
            for edge_set, tag in directions:
                if ENDS[edge_set][tag] != name:
                    continue
                sender = ENDS[edge_set][1 - tag]
                for pair in batch.edges[edge_set].T:
                    if pair[tag] == row and left[sender][pair[1 - tag]] == 0:
                        left[sender][pair[1 - tag]] = level
                        reached.append((sender, int(pair[1 - tag])))
        frontier = reached
    return left
