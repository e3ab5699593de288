"""A random graph in files that every side reads: NumPy arrays, as peers know nothing of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FANOUTS = (10, 5)
BATCH = 128
UNITS = 64
FEATURES = 32


def write(folder: Path, *, num_nodes: int, num_edges: int, edge_sets: int, steps: int) -> None:
    """Writes `edge_sets` sets of uniform random edges, features, seeds and labels.

    Args:
      folder: Exists.
      num_nodes, num_edges: Of the graph; the edges are shared out among the edge sets.
      edge_sets: How many.
      steps: Batches of seeds.
    """
    random = np.random.default_rng(0)
    np.save(folder / "x.npy", random.normal(size=(num_nodes, FEATURES)).astype(np.float32))
    for index in range(edge_sets):
        ends = random.integers(0, num_nodes, (2, num_edges // edge_sets))
        order = np.lexsort((ends[1], ends[0]))
        counts = np.bincount(ends[0], minlength=num_nodes)
        np.save(folder / f"indptr_{index}.npy", np.concatenate([[0], np.cumsum(counts)]))
        np.save(folder / f"targets_{index}.npy", ends[1, order].astype(np.int32))
    np.save(folder / "rows.npy", random.integers(0, num_nodes, steps * BATCH).astype(np.int32))
    np.save(folder / "labels.npy", random.integers(0, 2, steps * BATCH).astype(np.int32))


def read(folder: Path) -> dict[str, np.ndarray]:
    """All arrays by name."""
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def names(arrays: dict[str, np.ndarray]) -> list[str]:
    """The edge sets."""
    return [f"e{index}" for index in range(sum(name.startswith("indptr") for name in arrays))]
