"""Batches with every kind of input, and the spec that describes them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.reference.graphs import ENDS, Batch, random_batch
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.size_budget import SizeBudget, fit_size_budget

NODE_TOTALS = {"paper": 61, "author": 31}
EDGE_TOTALS = {"cites": 101, "by": 53, "wrote": 47}

PAPER = {
    "words": FeatureInput(kind="numeric", width=3, mean=0.1, std=1.1, quantiles=(-1.0, 0.0, 1.0)),
    "pages": FeatureInput(kind="numeric", mean=9.0, std=3.0, missing=False),
    "prize": FeatureInput(kind="numeric", known=True, missing=False),
    "venue": FeatureInput(kind="categorical", size=5),
    "verdict": FeatureInput(kind="categorical", size=4, known=True),
    "written/age": FeatureInput(kind="age", mean=40.0, std=20.0),
    "awarded/age": FeatureInput(kind="age", mean=10.0, std=5.0, known=True, missing=False),
}
AUTHOR = {"#id": FeatureInput(kind="categorical", size=8)}
CITES = {"time/age": FeatureInput(kind="age", mean=20.0, std=9.0, missing=False)}

Features = dict[str, np.ndarray]


@dataclasses.dataclass
class Inputs:
    """A batch's structure and what each node and edge delivers."""

    batch: Batch
    nodes: dict[str, Features]
    edges: dict[str, Features]

    def graph(self) -> tfgnn.GraphTensor:
        batch = self.batch
        return tfgnn.GraphTensor.from_pieces(
            tfgnn.Context.from_fields(sizes=tf.ones([len(batch.node_sizes["paper"])], tf.int32)),
            {
                name: tfgnn.NodeSet.from_fields(
                    sizes=tf.constant(sizes),
                    features={key: tf.constant(value) for key, value in self.nodes[name].items()},
                )
                for name, sizes in batch.node_sizes.items()
            },
            {
                name: tfgnn.EdgeSet.from_fields(
                    sizes=tf.constant(batch.edge_sizes[name]),
                    features={key: tf.constant(value) for key, value in self.edges[name].items()},
                    adjacency=tfgnn.Adjacency.from_indices(
                        (ENDS[name][0], tf.constant(pairs[0])),
                        (ENDS[name][1], tf.constant(pairs[1])),
                    ),
                )
                for name, pairs in batch.edges.items()
            },
        )

    def padded(self) -> Inputs:
        batch = self.batch.padded(NODE_TOTALS, EDGE_TOTALS)

        def fill(features: Features, total: int) -> Features:
            return {
                key: np.concatenate([v, np.ones((total - len(v), *v.shape[1:]), v.dtype)])
                for key, v in features.items()
            }

        return Inputs(
            batch,
            {name: fill(features, NODE_TOTALS[name]) for name, features in self.nodes.items()},
            {name: fill(features, EDGE_TOTALS[name]) for name, features in self.edges.items()},
        )

    def with_value(self, set_name: str, feature: str, index: Any, value: Any) -> Inputs:
        """A copy in which one value differs."""
        sets = "nodes" if set_name in self.nodes else "edges"
        changed = {name: dict(features) for name, features in getattr(self, sets).items()}
        array = changed[set_name][feature].copy()
        array[index] = value
        changed[set_name][feature] = array
        return dataclasses.replace(self, **{sets: changed})


def random_inputs(seed: int, *, components: int = 4) -> Inputs:
    batch = random_batch(seed, components=components)
    random = np.random.default_rng(1000 + seed)
    papers, authors = (int(batch.node_sizes[name].sum()) for name in ("paper", "author"))
    cites = batch.edges["cites"].shape[1]

    def numbers(*shape: int, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
        return random.normal(mean, std, shape).astype(np.float32)

    words, written = numbers(papers, 3), numbers(papers, mean=40, std=20)
    words[random.random((papers, 3)) < 0.3] = np.nan
    written[random.random(papers) < 0.3] = np.nan
    known = (random.random(papers) < 0.5).astype(np.float32)
    paper = {
        "words": words,
        "pages": numbers(papers, mean=9, std=3),
        "prize": numbers(papers) * known,
        "prize/known": known,
        "venue": random.integers(0, 5, papers).astype(np.int32),
        "verdict": random.integers(0, 4, papers).astype(np.int32) * known.astype(np.int32),
        "verdict/known": known,
        "written/age": written,
        "awarded/age": np.abs(numbers(papers, mean=10, std=5)) * known,
        "awarded/known": known,
    }
    return Inputs(
        batch,
        {"paper": paper, "author": {"#id": random.integers(0, 8, authors).astype(np.int32)}},
        {
            "cites": {"time/age": numbers(cites, mean=20, std=9)},
            "by": {},
            "wrote": {},
        },
    )


def input_spec(
    graph_spec: tfgnn.GraphTensorSpec, *, budget: SizeBudget | None = None, few: bool = False
) -> InputSpec:
    """The spec; with `few`, papers have one feature: what encodes them takes time to trace."""
    return InputSpec(
        graph_spec=graph_spec,
        seed_node_set="paper",
        nodes={"paper": {"pages": PAPER["pages"]} if few else PAPER, "author": AUTHOR},
        edges={"cites": CITES, "by": {}, "wrote": {}},
        budget=budget,
    )


def unpadded_spec(*, few: bool = False) -> InputSpec:
    spec = random_inputs(0).graph().spec
    return input_spec(spec.relax(num_components=True, num_nodes=True, num_edges=True), few=few)


def padded_spec(
    inputs: list[Inputs], num_layers: int, receivers: str, *, few: bool = False
) -> InputSpec:
    tags = {"source": (0,), "target": (1,), "both": (0, 1)}[receivers]
    budget = fit_size_budget(
        [each.batch.graph() for each in inputs],
        num_layers,
        "paper",
        [(name, tag) for name in ENDS for tag in tags],
        node_totals=NODE_TOTALS,
        edge_totals=EDGE_TOTALS,
        margin=1.0,
    )
    return input_spec(inputs[0].padded().graph().spec, budget=budget, few=few)
