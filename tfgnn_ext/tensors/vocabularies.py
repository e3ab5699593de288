"""What serving needs to turn strings and ids into the codes that a model was trained on."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from tfgnn_ext.sampling import InMemorySampler
from tfgnn_ext.tensors.graph_tensors import ID, latent_node_sets


def vocabularies(sampler: InMemorySampler) -> dict[tuple[str, str], npt.NDArray[Any]]:
    """The vocabulary of each sampled string feature, and the ids of each latent node set.

    Args:
      sampler: The sampler of the training data.

    Returns:
      By ``(set, feature)``, with ``#id`` for ids: what `ParseExamples` takes.
    """
    graph, layout = sampler.graph, sampler.layout
    found = {(name, ID): graph.node_sets[name].ids for name in latent_node_sets(sampler)}
    sets = [(name, graph.node_sets[name].features) for name in layout.node_sets]
    sets += [(name, graph.edge_sets[name].features) for name in layout.edge_sets]
    for name, features in sets:
        for key, feature in features.items():
            if feature.vocabulary is not None:
                found[name, key] = feature.vocabulary
    return found
