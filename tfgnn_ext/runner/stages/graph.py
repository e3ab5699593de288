"""Stage: reads and checks the tables, and counts what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgnn_ext.graph import NEVER, SPLITS, Seeds
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.data import Data, keep_data
from tfgnn_ext.runner.input_error import InputError


def graph(context: Context) -> dict[str, Any]:
    """Reads the graph; writes ``graph.json`` and, of own tables, ``graph/``."""
    check_seeds(context)
    data = context.data
    if context.config.data.dataset is None:
        keep_data(context.loaded, data, context.directory)
    statistics = count(data)
    context.directory.write_json("graph.json", statistics)
    nodes = sum(part["nodes"] for part in statistics["node_sets"].values())
    edges = sum(part["edges"] for part in statistics["edge_sets"].values())
    context.progress.line(
        f"  {nodes:,} nodes, {edges:,} edges, {len(data.seeds):,} seeds in `{data.seeds.node_set}`"
    )
    return {"nodes": nodes, "edges": edges, "seeds": len(data.seeds)}


def check_seeds(context: Context) -> None:
    """Checks the seeds, and the plan on the graph.

    Raises:
      InputError: With one line a problem.
    """
    seeds = context.data.seeds
    problems = []
    where = context.loaded.source.where
    if not (seeds.splits == SPLITS.index("train")).any():
        problems.append("seeds table: must hold seeds of split train. Got none.")
    weights = context.config.task.class_weights
    if isinstance(weights, list) and len(weights) != len(seeds.classes):
        problems.append(
            f"{where(('task', 'class_weights'))}: `task.class_weights` must be balanced or "
            f"{len(seeds.classes)} numbers, one a class ({', '.join(seeds.classes)}). "
            f"Got {len(weights)}."
        )
    try:
        timed = context.sampler.timed
    except ValueError as error:
        problems.append(f"{where(('sampling',))}: {error}")
    else:
        if timed and seeds.times is None:
            problems.append(
                f"{where(('data', 'seeds'))}: `data.seeds.time` must be given: what the graph's "
                "nodes and edges reveal depends on the time. Got nothing."
            )
    if problems:
        raise InputError(problems)


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
            "classes": list(seeds.classes),
            "splits": {
                name: _count_split(seeds.split(name))
                for index, name in enumerate(SPLITS)
                if (seeds.splits == index).any()
            },
        },
    }


def _count_split(seeds: Seeds) -> dict[str, Any]:
    counts = np.bincount(seeds.labels, minlength=len(seeds.classes))
    times = None if seeds.times is None else seeds.times[seeds.times < NEVER]
    return {
        "seeds": len(seeds),
        "classes": dict(zip(seeds.classes, counts.tolist(), strict=True)),
        "first_time": None if times is None else int(times.min()),
        "last_time": None if times is None else int(times.max()),
    }
