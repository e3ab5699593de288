"""A data set in files that PyG's side reads: NumPy arrays, as it knows nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tfgnn_ext.graph import Dataset


def write(dataset: Dataset, folder: Path) -> None:
    """Writes features ``x/<node set>``, edges ``edges/<source>/<name>/<target>`` and the seeds."""
    graph, seeds = dataset.graph, dataset.seeds
    arrays: dict[str, Any] = {}
    for name, nodes in graph.node_sets.items():
        numbers = [
            feature.values.reshape(nodes.num_nodes, -1).astype(np.float32)
            for feature in nodes.features.values()
            if feature.vocabulary is None
        ]
        # A node set without features has its ids, one column each.
        arrays[f"x/{name}"] = (
            np.concatenate(numbers, axis=1)
            if numbers
            else np.eye(nodes.num_nodes, dtype=np.float32)
        )
    for name, edges in graph.edge_sets.items():
        arrays[f"edges/{edges.source}/{name}/{edges.target}"] = np.stack(
            [edges.source_rows, edges.targets]
        ).astype(np.int64)
    arrays |= {"rows": seeds.rows, "labels": seeds.labels, "splits": seeds.splits}
    np.savez(folder / "data.npz", node_set=seeds.node_set, **arrays)
