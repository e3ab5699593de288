"""Stage: reads and checks the tables, and counts what they hold."""

from __future__ import annotations

from typing import Any

from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.counting import count
from tfgnn_ext.runner.data import keep_data


def graph(context: Context) -> dict[str, Any]:
    """Reads the graph; writes ``graph.json`` and, of own tables, ``graph/``."""
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
    if data.dropped_negatives:
        context.progress.line(f"  {data.dropped_negatives:,} negatives dropped")
    return {"nodes": nodes, "edges": edges, "seeds": len(data.seeds)}
