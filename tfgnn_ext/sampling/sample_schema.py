"""The schema of what a sampler writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from tfgnn_ext.graph import Feature, Graph, GraphSchema, new_schema
from tfgnn_ext.sampling.known_features import SEED_TIME, delivered_names, edge_times
from tfgnn_ext.sampling.link import READOUT, READOUT_ENDS

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
_KINDS = {"f": "numeric", "i": "integer", "S": "string"}  # By the kind of a NumPy dtype.


def _declare(message: Any, features: Mapping[str, Feature], kinds: dict[str, str]) -> None:
    for name, kind in kinds.items():
        declared = message.features[name]
        declared.dtype = _TYPES[kind]
        declared.shape.SetInParent()
        if name in features:
            for size in features[name].values.shape[1:]:
                declared.shape.dim.add(size=size)


def sample_schema(
    sampler: InMemorySampler,
    *,
    labels: tuple[str, ...] = (),
    readout: Mapping[str, npt.NDArray[Any]] | None = None,
) -> GraphSchema:
    """The GraphSchema of the tf.Examples that `write_examples` makes from a sampler's batches.

    TF-GNN reads it: ``tfgnn.parse_example(tfgnn.create_graph_spec_from_schema_pb(schema), ...)``.

    Args:
      sampler: The sampler.
      labels: As given to `write_examples`.
      readout: Columns as given to `write_examples`, of any length.

    Returns:
      The node sets and edge sets that the plan reaches, with all delivered features.
    """
    graph: Graph = sampler.graph
    schema = new_schema()
    schema.info.graph_type = 2  # SUBGRAPH
    link = sampler.plan.link
    roots = [sampler.plan.seed_node_set, *([] if link is None else [link.node_set])]
    schema.info.root_set.extend(dict.fromkeys(roots))
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
    if link is not None:
        columns = {name: _KINDS[values.dtype.kind] for name, values in (readout or {}).items()}
        _declare(schema.node_sets[READOUT], {}, columns)
        for edge_set_name, root in zip(READOUT_ENDS, roots, strict=True):
            message = schema.edge_sets[edge_set_name]
            message.source, message.target = root, READOUT
    if sampler.timed:
        declared = schema.context.features[SEED_TIME]
        declared.dtype = _DT_INT64
        declared.shape.SetInParent()
    return schema
