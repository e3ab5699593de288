"""Static sizes of a padded batch, layer by layer, for hop trimming."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.readout import is_of_pairs, pair_ends
from tfgnn_ext.tensors.rounds import Direction, rounds

_TAGS = {"source": tfgnn.SOURCE, "target": tfgnn.TARGET}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SizeBudget:
    """How much of a padded batch each layer of a hop-trimmed model computes.

    Attributes:
      nodes: By node set, a tuple of sizes: entry l is the number of rows with `rounds` >= l, at
        least one of them padding; entry 0 is the padded total.
      edges: By (edge set, receiver tag), likewise: entry l is the number of edges whose receiver
        has `rounds` >= l, at least 1 unless all are 0; entry 0 is the padded total.

    >>> SizeBudget(nodes={"item": (9, 5, 3)}, edges={("next", 0): (8, 8, 4)}).num_layers
    2
    >>> SizeBudget(nodes={"item": (9, 5, 6)}, edges={})
    Traceback (most recent call last):
    ValueError: `nodes` of `SizeBudget` must be falling positive sizes. Got (9, 5, 6) for 'item'.
    """

    nodes: Mapping[str, tuple[int, ...]]
    edges: Mapping[Direction, tuple[int, ...]]

    def __post_init__(self) -> None:
        sets = [("nodes", name, sizes) for name, sizes in self.nodes.items()]
        sets += [("edges", str(key), sizes) for key, sizes in self.edges.items() if any(sizes)]
        for field, name, sizes in sets:
            falling = all(a >= b for a, b in itertools.pairwise(sizes))
            if not sizes or not falling or sizes[-1] < 1:
                raise ValueError(
                    f"`{field}` of `SizeBudget` must be falling positive sizes. Got {sizes} for "
                    f"{name!r}."
                )
        lengths = {len(sizes) for sizes in (*self.nodes.values(), *self.edges.values())}
        if len(lengths) != 1:
            raise ValueError(
                "`nodes` and `edges` of `SizeBudget` must have one entry a layer and one more. Got "
                f"lengths {sorted(lengths)}."
            )

    @property
    def num_layers(self) -> int:
        """The number of layers the budget is for."""
        return len(next(iter(self.nodes.values()))) - 1

    def to_json(self) -> dict[str, Any]:
        """The budget as JSON; `from_json` reads it back."""
        names = {tag: word for word, tag in _TAGS.items()}
        edges: dict[str, dict[str, list[int]]] = {word: {} for word in _TAGS}
        for (name, tag), sizes in self.edges.items():
            edges[names[tag]][name] = list(sizes)
        return {"nodes": {name: list(sizes) for name, sizes in self.nodes.items()}, "edges": edges}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SizeBudget:
        """The budget that `to_json` wrote."""
        return cls(
            nodes={name: tuple(sizes) for name, sizes in value["nodes"].items()},
            edges={
                (name, _TAGS[word]): tuple(sizes)
                for word, sets in value["edges"].items()
                for name, sizes in sets.items()
            },
        )


def fit_size_budget(
    graphs: Iterable[tfgnn.GraphTensor],
    num_layers: int,
    seed_node_set: str,
    directions: Sequence[Direction],
    *,
    node_totals: Mapping[str, int],
    edge_totals: Mapping[str, int],
    margin: float = 1.1,
) -> SizeBudget:
    """A budget that held all of some sample batches, with room to spare.

    A later batch that needs more room gets states that are NaN, never wrong ones: see
    `trim_to_receivers`. Sample enough batches; the largest counts of a few hundred, plus a tenth,
    are rarely passed.

    Args:
      graphs: Merged, unpadded GraphTensors, each of as many seeds as a batch.
      num_layers: Of the model.
      seed_node_set: The node set of the seeds.
      directions: The (edge set, receiver tag) pairs that the model uses.
      node_totals, edge_totals: The sizes to which batches are padded.
      margin: What the largest counts are multiplied by, at least 1.

    Returns:
      The budget; no entry exceeds the padded total.
    """
    if not margin >= 1:
        raise ValueError(f"`margin` of `fit_size_budget` must be >= 1. Got {margin}.")
    nodes = {name: np.zeros(num_layers + 1, np.int64) for name in node_totals}
    edges = {direction: np.zeros(num_layers + 1, np.int64) for direction in directions}
    components = 0
    first: tfgnn.GraphTensor | None = None
    levels = np.arange(num_layers + 1)
    for graph in graphs:
        left = {
            n: r.numpy() for n, r in rounds(graph, num_layers, seed_node_set, directions).items()
        }
        components = max(components, int(graph.total_num_components))
        first = graph if is_of_pairs(graph) else None
        for name, largest in nodes.items():
            np.maximum(largest, (left[name][:, None] >= levels).sum(axis=0), out=largest)
        for (name, tag), largest in edges.items():
            adjacency = graph.edge_sets[name].adjacency
            of_receiver = left[adjacency.node_set_name(tag)][adjacency[tag].numpy()]
            np.maximum(largest, (of_receiver[:, None] >= levels).sum(axis=0), out=largest)
    if not components:
        raise ValueError("`graphs` of `fit_size_budget` must hold at least one batch. Got none.")

    def roomy(largest: npt.NDArray[np.int64], total: int, spare: int) -> tuple[int, ...]:
        counts = [max(1, math.ceil(count * margin) + spare) for count in largest.tolist()]
        return (total, *(min(total, count) for count in counts[1:]))

    budget_nodes = {name: roomy(n, node_totals[name], 1) for name, n in nodes.items()}
    ends = [seed_node_set] if first is None else [name for name, _ in pair_ends(first)]
    for name in dict.fromkeys(ends):
        # There are never more seeds than components, or ends of pairs: no margin is needed.
        total, *inner, _ = budget_nodes[name]
        most = min(components * ends.count(name) + 1, total)
        budget_nodes[name] = (total, *(max(size, most) for size in inner), most)
    return SizeBudget(
        nodes=budget_nodes,
        edges={key: roomy(n, edge_totals[key[0]], 0) for key, n in edges.items()},
    )
