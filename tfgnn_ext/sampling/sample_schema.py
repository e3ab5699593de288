"""The schema of what a sampler writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfgnn_ext.graph import Feature, Graph, GraphSchema, new_schema
from tfgnn_ext.sampling.known_features import SEED_TIME, delivered_names, edge_times

if TYPE_CHECKING:
    from tfgnn_ext.sampling.memory import InMemorySampler

_DT_FLOAT, _DT_STRING, _DT_INT64 = 1, 7, 9
_TYPES = {
    "numeric": _DT_FLOAT,
    "age": _DT_FLOAT,
    "known": _DT_FLOAT,
    "integer": _DT_INT64,
    "string": _DT_STRING,
}


def _declare(message: Any, features: Mapping[str, Feature], kinds: dict[str, str]) -> None:
    for name, kind in kinds.items():
        declared = message.features[name]
        declared.dtype = _TYPES[kind]
        declared.shape.SetInParent()
        if name in features:
            for size in features[name].values.shape[1:]:
                declared.shape.dim.add(size=size)


def sample_schema(sampler: InMemorySampler, *, labels: tuple[str, ...] = ()) -> GraphSchema:
    """The GraphSchema of the tf.Examples that `write_examples` makes from a sampler's batches.

    TF-GNN reads it: ``tfgnn.parse_example(tfgnn.create_graph_spec_from_schema_pb(schema), ...)``.

    Args:
      sampler: The sampler.
      labels: As given to `write_examples`.

    Returns:
      The node sets and edge sets that the plan reaches, with all delivered features.
    """
    graph: Graph = sampler.graph
    schema = new_schema()
    schema.info.graph_type = 2  # SUBGRAPH
    schema.info.root_set.append(sampler.plan.seed_node_set)
    for name in sampler.layout.node_sets:
        node_set = graph.node_sets[name]
        message = schema.node_sets[name]
        _declare(
            message,
            node_set.features,
            {
                "#id": "integer" if node_set.ids.dtype.kind == "i" else "string",
                **delivered_names(
                    node_set.features,
                    tuple(node_set.times),
                    timed=sampler.timed,
                    labels=labels if name == sampler.plan.seed_node_set else (),
                ),
            },
        )
    for name in sampler.layout.edge_sets:
        edge_set = graph.edge_sets[name]
        message = schema.edge_sets[name]
        message.source, message.target = edge_set.source, edge_set.target
        kinds = delivered_names(edge_set.features, tuple(edge_times(edge_set)), timed=sampler.timed)
        _declare(message, edge_set.features, kinds)
    if sampler.timed:
        declared = schema.context.features[SEED_TIME]
        declared.dtype = _DT_INT64
        declared.shape.SetInParent()
    return schema
