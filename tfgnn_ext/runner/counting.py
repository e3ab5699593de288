"""Counts what a graph and its seeds hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgnn_ext.graph import NEVER, SPLITS, LinkSeeds, Seeds
from tfgnn_ext.runner.data import Data


def count(data: Data) -> dict[str, Any]:
    """What the graph and the seeds hold, as JSON."""
    seeds = data.seeds
    return {
        "node_sets": {
            name: {
                "nodes": part.num_nodes,
                "features": sorted(part.features),
                "times": sorted(part.times),
                "known_at": {
                    key: feature.known_at
                    for key, feature in sorted(part.features.items())
                    if feature.known_at
                },
            }
            for name, part in data.graph.node_sets.items()
        },
        "edge_sets": {
            name: {
                "source": part.source,
                "target": part.target,
                "edges": len(part.targets),
                "timed": part.times is not None,
                "features": sorted(part.features),
            }
            for name, part in data.graph.edge_sets.items()
        },
        "seeds": {
            "node_set": seeds.node_set,
            "second_node_set": seeds.node_sets[1] if isinstance(seeds, LinkSeeds) else None,
            "dropped_negatives": data.dropped_negatives,
            "target": seeds.target,
            "classes": list(seeds.classes),
            "splits": {
                name: _count_split(seeds.split(name))
                for index, name in enumerate(SPLITS)
                if (seeds.splits == index).any()
            },
        },
    }


def _count_split(seeds: Seeds | LinkSeeds) -> dict[str, Any]:
    times = None if seeds.times is None else seeds.times[seeds.times < NEVER]
    return {
        "seeds": len(seeds),
        **_count_labels(seeds),
        "first_time": None if times is None else int(times.min()),
        "last_time": None if times is None else int(times.max()),
    }


def _count_labels(seeds: Seeds | LinkSeeds) -> dict[str, Any]:
    """The number of seeds of each class; of numbers, their means and deviations."""
    labels = seeds.labels
    if seeds.target == "values":
        # In float32, squares of large numbers overflow.
        exact = labels.astype(np.float64)
        means, deviations = exact.mean(axis=0).tolist(), exact.std(axis=0).tolist()
        rows = [
            {"mean": mean, "deviation": deviation}
            for mean, deviation in zip(means, deviations, strict=True)
        ]
        return {"values": dict(zip(seeds.classes, rows, strict=True))}
    counts = (
        np.bincount(labels, minlength=len(seeds.classes))
        if seeds.target == "class"
        else labels.sum(axis=0, dtype=np.int64)
    )
    return {"classes": dict(zip(seeds.classes, counts.tolist(), strict=True))}
