"""The edges that were asked of one slice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfgnn_ext.sampling.adjacency import FEATURE, Drawing
from tfgnn_ext.sampling.blocks import Arrays, take
from tfgnn_ext.sampling.hub.hub import SLICE, Hub, Int64, cumulative_in


def fetch_edges(
    drawing: Drawing, edges: Arrays, place: int, hubs: Sequence[Hub], asked: Arrays
) -> Arrays:
    """The edges that were asked of one slice, as `adjacency.Drawing` returns them."""
    hub, index = hubs[place >> SLICE], place & ((1 << SLICE) - 1)
    rows = asked["value"] - hub.starts[index]
    weight = np.ones(len(rows), np.int64)
    if drawing.weighted:
        cumulative = cumulative_in(drawing, edges, hub)
        by_value = asked["attempt"] >= 0
        below_ = asked["value"] - hub.weights[index]
        rows = np.where(by_value, np.searchsorted(cumulative, below_, side="right"), rows)
        weight = np.diff(cumulative, prepend=0)[rows]
    drawn = {name: values for name, values in asked.items() if name != "value"}
    return edges_at(drawing, edges, hub, index, rows, {**drawn, "weight": weight})


def edges_at(
    drawing: Drawing, edges: Arrays, hub: Hub, index: int, rows: Int64, drawn: Arrays
) -> Arrays:
    """Some edges of a slice, added to the columns of what drew them."""
    drawn["source"] = np.repeat(np.array([hub.id]), len(rows))
    drawn["target"] = edges["target"][rows]
    drawn["position"] = (hub.starts[index] + rows).astype(np.int32)
    if drawing.timed:
        drawn["edge_time"] = edges["time"][rows]
    features = {name: v for name, v in edges.items() if name.startswith(FEATURE)}
    return {**drawn, **take(features, rows)}
