"""Stage: measures the plan, and writes down what its samples hold."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import write_schema
from tfgnn_ext.runner.context import Context
from tfgnn_ext.sampling import sample_schema

_SEEDS, _BATCH = 4096, 256
_PERCENTILES = (0, 50, 90, 99, 100)


def sample(context: Context) -> dict[str, Any]:
    """Samples a few thousand seeds; writes ``samples/statistics.json`` and ``schema.pbtxt``."""
    sampler = context.sampler
    seeds = context.data.seeds.split("train")
    # Spread over the split, whatever its order.
    seeds = seeds.take(np.linspace(0, len(seeds) - 1, min(_SEEDS, len(seeds))).astype(np.int64))
    sampler.sample(seeds.rows[:1], None if seeds.times is None else seeds.times[:1])  # Compiles.
    nodes: dict[str, list[npt.NDArray[np.int32]]] = {}
    edges: dict[str, list[npt.NDArray[np.int32]]] = {}
    start = time.perf_counter()
    with context.progress.counting("seeds", len(seeds)) as advance:
        for begin in range(0, len(seeds), _BATCH):
            part = slice(begin, begin + _BATCH)
            batch = sampler.sample(
                seeds.rows[part], None if seeds.times is None else seeds.times[part]
            )
            for name, sizes in batch.node_sizes.items():
                nodes.setdefault(name, []).append(sizes)
            for name, sizes in batch.edge_sizes.items():
                edges.setdefault(name, []).append(sizes)
            advance(len(batch.seed_rows))
    rate = len(seeds) / max(time.perf_counter() - start, 1e-9)
    statistics = {
        "seeds": len(seeds),
        "seeds_per_second": round(rate),
        "nodes": {name: _percentiles(np.concatenate(sizes)) for name, sizes in nodes.items()},
        "edges": {name: _percentiles(np.concatenate(sizes)) for name, sizes in edges.items()},
    }
    context.directory.write_json("samples/statistics.json", statistics)
    with context.directory.replacing("samples/schema.pbtxt") as partial:
        write_schema(sample_schema(sampler), partial)
    mean = sum(part["mean"] for part in statistics["nodes"].values())  # type: ignore[attr-defined]
    context.progress.line(f"  {mean:.1f} nodes a seed, {rate:,.0f} seeds/s")
    return {"nodes_per_seed": round(mean, 2), "seeds_per_second": round(rate)}


def _percentiles(sizes: npt.NDArray[np.int32]) -> dict[str, float]:
    found = np.percentile(sizes, _PERCENTILES)
    return {
        "mean": round(float(sizes.mean()), 3),
        **{f"p{name}": float(value) for name, value in zip(_PERCENTILES, found, strict=True)},
    }
