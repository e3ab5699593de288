"""What a template knows of its input: the GraphTensor's spec and how to read each feature."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph.propagation import LABELS
from tfgnn_ext.tensors.readout import is_readout, seed_node_sets
from tfgnn_ext.tensors.size_budget import SizeBudget

Kind = Literal["numeric", "categorical", "age", "bag"]
SEEDS = "#seeds/"  # Begins the context feature of a whole graph that says which nodes are seeds.


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureInput:
    """How one feature is encoded.

    Attributes:
      kind: "numeric" (float32, NaN where missing), "categorical" (int32 codes, 0 for unknown),
        "age" (float32, the seed's time minus the item's) or "bag" (float32, such as counts of
        words, read as shares of their sum).
      width: The number of values of one item: the product of its shape.
      size: Categorical: the number of codes, the unknown one included.
      mean, std: Numeric and age: over known, present values of the training period; of the whole
        feature, or of each of its `width` columns.
      quantiles: Numeric and age: the same values' quantiles, strictly rising.
      known: Whether ``<feature>/known`` flags what is known at the seed's time.
      missing: Numeric and age: whether training saw missing values. If not, a model has no flag for
        them and reads a missing value as the mean. (What misses in a bag is not in it.)
    """

    kind: Kind
    width: int = 1
    size: int = 0
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    quantiles: tuple[float, ...] = ()
    known: bool = False
    missing: bool = True

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise ValueError(f"`kind` of `FeatureInput` must be one of {kinds}. Got {self.kind!r}.")
        if self.width < 1:
            raise ValueError(f"`width` of `FeatureInput` must be an int >= 1. Got {self.width}.")
        if self.kind == "categorical" and self.size < 1:
            raise ValueError(
                f"`size` of `FeatureInput` must be an int >= 1 if categorical. Got {self.size}."
            )
        for name in ("mean", "std"):
            values = np.asarray(getattr(self, name), np.float64)
            if values.ndim and values.shape != (self.width,):
                raise ValueError(
                    f"`{name}` of `FeatureInput` must be a number, or {self.width}, one a column. "
                    f"Got {len(values)}."
                )
            if values.ndim:  # JSON has lists.
                object.__setattr__(self, name, tuple(values.tolist()))
        if not np.all((np.asarray(self.std) > 0) & np.isfinite(self.std)):
            raise ValueError(f"`std` of `FeatureInput` must be positive. Got {self.std}.")
        if any(not a < b for a, b in itertools.pairwise(self.quantiles)):
            raise ValueError(
                f"`quantiles` of `FeatureInput` must rise strictly. Got {self.quantiles}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The input of a template.

    Attributes:
      graph_spec: The spec of the merged, scalar GraphTensor.
      seed_node_set: Where the seeds are: the first node of each component, or of a whole graph any;
        of pairs, the first node.
      nodes: By node set, its features' encodings.
      edges: By edge set, its features' encodings.
      most_edges: By edge set, the most edges of one component; None where nothing bounds them.
      budget: The sizes of each layer's trimmed graph, if batches are padded; without it, a model on
        padded batches computes every node in every layer.
    """

    graph_spec: tfgnn.GraphTensorSpec
    seed_node_set: str
    nodes: Mapping[str, Mapping[str, FeatureInput]]
    edges: Mapping[str, Mapping[str, FeatureInput]]
    most_edges: Mapping[str, int | None] = dataclasses.field(default_factory=dict)
    budget: SizeBudget | None = None

    def __post_init__(self) -> None:
        if self.seed_node_set not in self.graph_spec.node_sets_spec:
            known = ", ".join(sorted(self.graph_spec.node_sets_spec))
            raise ValueError(
                f"`seed_node_set` of `InputSpec` must be a node set ({known}). Got "
                f"{self.seed_node_set!r}."
            )
        if self.budget is not None and not self.static:
            raise ValueError(
                "`budget` of `InputSpec` must be None unless `graph_spec` has static sizes. Got a "
                "budget for unpadded batches."
            )

    @property
    def endpoints(self) -> dict[str, tuple[str, str]]:
        """The source and target node set of each edge set."""
        specs = self.graph_spec.edge_sets_spec
        return {
            name: (spec.adjacency_spec.source_name, spec.adjacency_spec.target_name)
            for name, spec in specs.items()
            if not is_readout(name)
        }

    @property
    def seed_node_sets(self) -> tuple[str, ...]:
        """The node sets whose states are read: one, or of pairs those of both ends."""
        return seed_node_sets(self.graph_spec, self.seed_node_set)

    @property
    def static(self) -> bool:
        """Whether all shapes are static, as in padded batches and whole graphs."""
        specs = self.graph_spec.node_sets_spec.items()
        return all(spec.total_size is not None for name, spec in specs if not is_readout(name))

    @property
    def whole(self) -> bool:
        """Whether the input is a whole graph, any of whose nodes are seeds; see `WholeGraph`."""
        return any(name.startswith(SEEDS) for name in self.graph_spec.context_spec.features_spec)

    def check_no_propagated_labels(self, model: str) -> None:
        """Refuses features of `graph.propagate_labels` for a model in which nodes hear neighbours.

        Raises:
          ValueError: There is one: a neighbour's holds the node's own label.
        """
        for features in self.nodes.values():
            for name in features:
                if name.startswith(LABELS):
                    raise ValueError(
                        f"`spec` of `{model}` must have no propagated labels: neighbours would "
                        f"send a node's own label back. Got {name!r}."
                    )

    def statistics(self) -> dict[str, Any]:
        """The encodings and the budget as JSON; `with_statistics` reads them back."""
        statistics: dict[str, Any] = {
            kind: {
                name: {key: dataclasses.asdict(value) for key, value in features.items()}
                for name, features in sets.items()
            }
            for kind, sets in (("nodes", self.nodes), ("edges", self.edges))
        }
        return {
            **statistics,
            "most_edges": dict(self.most_edges),
            "budget": None if self.budget is None else self.budget.to_json(),
        }

    @classmethod
    def with_statistics(
        cls, graph_spec: tfgnn.GraphTensorSpec, seed_node_set: str, statistics: Mapping[str, Any]
    ) -> InputSpec:
        """An InputSpec from a GraphTensor's spec and what `statistics` returned.

        Where `graph_spec` has no static sizes, as in serving, the budget is left out: models with
        and without one have the same weights.
        """

        def read(sets: Mapping[str, Any]) -> dict[str, dict[str, FeatureInput]]:
            return {
                name: {
                    key: FeatureInput(**{**value, "quantiles": tuple(value["quantiles"])})
                    for key, value in features.items()
                }
                for name, features in sets.items()
            }

        spec = cls(
            graph_spec=graph_spec,
            seed_node_set=seed_node_set,
            nodes=read(statistics["nodes"]),
            edges=read(statistics["edges"]),
            most_edges=statistics["most_edges"],
        )
        budget = statistics["budget"]
        if budget is None or not spec.static:
            return spec
        return dataclasses.replace(spec, budget=SizeBudget.from_json(budget))
