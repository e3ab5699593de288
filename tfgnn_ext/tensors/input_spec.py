"""What a template knows of its input: the GraphTensor's spec and how to read each feature."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import tensorflow_gnn as tfgnn

Kind = Literal["numeric", "categorical", "age"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureInput:
    """How one feature is encoded.

    Attributes:
      kind: "numeric" (float32, NaN where missing), "categorical" (int32 codes, 0 for unknown) or
        "age" (float32, the seed's time minus the item's).
      width: The number of values of one item: the product of its shape.
      size: Categorical: the number of codes, the unknown one included.
      mean, std: Numeric and age: over known, present values of the training period.
      quantiles: Numeric and age: the same values' quantiles, strictly rising.
      known: Whether ``<feature>/known`` flags what is known at the seed's time.
    """

    kind: Kind
    width: int = 1
    size: int = 0
    mean: float = 0.0
    std: float = 1.0
    quantiles: tuple[float, ...] = ()
    known: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The input of a template.

    Attributes:
      graph_spec: The spec of the merged, scalar GraphTensor.
      seed_node_set: Where the seeds are: the first node of each component.
      nodes: By node set, its features' encodings.
      edges: By edge set, its features' encodings.
    """

    graph_spec: tfgnn.GraphTensorSpec
    seed_node_set: str
    nodes: Mapping[str, Mapping[str, FeatureInput]]
    edges: Mapping[str, Mapping[str, FeatureInput]]

    @property
    def endpoints(self) -> dict[str, tuple[str, str]]:
        """The source and target node set of each edge set."""
        specs = self.graph_spec.edge_sets_spec
        return {
            name: (spec.adjacency_spec.source_name, spec.adjacency_spec.target_name)
            for name, spec in specs.items()
        }

    @property
    def static(self) -> bool:
        """Whether all shapes are static, as in padded batches."""
        specs = self.graph_spec.node_sets_spec.values()
        return all(spec.total_size is not None for spec in specs)

    def statistics(self) -> dict[str, Any]:
        """The encodings as JSON; `with_statistics` reads them back."""
        return {
            kind: {
                name: {key: dataclasses.asdict(value) for key, value in features.items()}
                for name, features in sets.items()
            }
            for kind, sets in (("nodes", self.nodes), ("edges", self.edges))
        }

    @classmethod
    def with_statistics(
        cls, graph_spec: tfgnn.GraphTensorSpec, seed_node_set: str, statistics: Mapping[str, Any]
    ) -> InputSpec:
        """An InputSpec from a GraphTensor's spec and what `statistics` returned."""

        def read(sets: Mapping[str, Any]) -> dict[str, dict[str, FeatureInput]]:
            return {
                name: {
                    key: FeatureInput(**{**value, "quantiles": tuple(value["quantiles"])})
                    for key, value in features.items()
                }
                for name, features in sets.items()
            }

        return cls(
            graph_spec=graph_spec,
            seed_node_set=seed_node_set,
            nodes=read(statistics["nodes"]),
            edges=read(statistics["edges"]),
        )
