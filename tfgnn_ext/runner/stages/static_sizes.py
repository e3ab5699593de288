"""Sizes to which batches are padded, so that XLA can compile the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_gnn as tfgnn

from tfgnn_ext.models.message_passing import directions_of
from tfgnn_ext.sampling import InMemorySampler, Sizes
from tfgnn_ext.tensors import InputSpec, fit_size_budget

_MARGIN = 1.1


def static_sizes(graphs: Sequence[tfgnn.GraphTensor], sampler: InMemorySampler) -> Sizes:
    """Totals that held all of some batches, with a tenth to spare, and any single component.

    A component that does not fit its batch gets weight 0 in that step.

    Args:
      graphs: Unpadded batches.
      sampler: They come from.
    """
    plan = sampler.plan
    nodes, edges = plan.most_nodes(sampler.endpoints), plan.most_edges()

    def total(counts: Sequence[int], most: int | None) -> int:
        return max(math.ceil(_MARGIN * max(counts)), most or 0) + 1

    return Sizes(
        nodes={
            name: total([int(graph.node_sets[name].total_size) for graph in graphs], nodes[name])
            for name in sampler.layout.node_sets
        },
        edges={
            name: total([int(graph.edge_sets[name].total_size) for graph in graphs], edges[name])
            for name in sampler.layout.edge_sets
        },
    )


def trimming_budget(
    graphs: Sequence[tfgnn.GraphTensor],
    spec: InputSpec,
    sizes: Sizes,
    parameters: Mapping[str, Any],
) -> Any:
    """The budget of a template that trims, as JSON; None for templates that do not.

    Args:
      graphs: Unpadded batches.
      spec: Their input spec.
      sizes: Of padded batches.
      parameters: The template's.
    """
    if not parameters.get("trim") or "num_layers" not in parameters:
        return None
    return fit_size_budget(
        graphs,
        parameters["num_layers"],
        spec.seed_node_set,
        directions_of(spec, parameters["receivers"]),
        node_totals=sizes.nodes,
        edge_totals=sizes.edges,
    ).to_json()
