"""Which sampled features have no static size."""

from __future__ import annotations

from tfgnn_ext.graph import Ragged
from tfgnn_ext.sampling.memory import InMemorySampler


def ragged_features(sampler: InMemorySampler) -> list[str]:
    """The ragged features of what a sampler reaches, as ``node set 'paper', feature 'tags'``."""
    graph, layout = sampler.graph, sampler.layout
    sets = [(f"node set {name!r}", graph.node_sets[name].features) for name in layout.node_sets]
    sets += [(f"edge set {name!r}", graph.edge_sets[name].features) for name in layout.edge_sets]
    return [
        f"{where}, feature {name!r}"
        for where, features in sets
        for name, feature in features.items()
        if isinstance(feature.values, Ragged)
    ]
