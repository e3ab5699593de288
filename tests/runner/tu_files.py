"""A collection of graphs in the TU format: rings, and trees with as many nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_tu(folder: Path, *, num_graphs: int = 120, numbers: bool = False) -> Path:
    """Writes ``<folder>/rings``: class 1 is a ring, class -1 a path; or numbers, the node counts.

    Nodes have a label of two kinds, at random; edges stand in both directions.
    """
    random = np.random.default_rng(2)
    directory = folder / "rings"
    directory.mkdir()
    indicator, edges, classes, sizes = [], [], [], []
    first = 1
    for graph in range(1, num_graphs + 1):
        size = int(random.integers(3, 9))
        pairs = [(first + k, first + k + 1) for k in range(size - 1)]
        ring = bool(random.integers(2))
        if ring:
            pairs.append((first + size - 1, first))
        edges += [line for a, b in pairs for line in (f"{a}, {b}", f"{b}, {a}")]
        indicator += [str(graph)] * size
        classes.append("1" if ring else "-1")
        sizes.append(f"{size * 10.5}")
        first += size
    parts = {
        "A": edges,
        "graph_indicator": indicator,
        "graph_attributes" if numbers else "graph_labels": sizes if numbers else classes,
        "node_labels": [str(kind) for kind in random.integers(0, 2, len(indicator))],
        "edge_attributes": [f"{value:.3f}, 1" for value in random.normal(size=len(edges))],
    }
    for name, lines in parts.items():
        (directory / f"rings_{name}.txt").write_text("\n".join(lines) + "\n")
    return directory
