from __future__ import annotations

import dataclasses
import json

import pytest

from tests.models.inputs import padded_spec, random_inputs, unpadded_spec
from tests.reference.graphs import random_batch
from tests.reference.rounds import reference_rounds
from tfgnn_ext.tensors.input_spec import InputSpec
from tfgnn_ext.tensors.size_budget import SizeBudget, fit_size_budget

DIRECTIONS = [("cites", 0), ("by", 0), ("by", 1), ("wrote", 0)]


def test_fit_counts_the_largest_batch() -> None:
    batches = [random_batch(seed, components=4) for seed in range(4)]
    budget = fit_size_budget(
        (batch.graph() for batch in batches),
        3,
        "paper",
        DIRECTIONS,
        node_totals={"paper": 97, "author": 53},
        edge_totals={"cites": 211, "by": 151, "wrote": 149},
        margin=1.0,
    )
    left = [reference_rounds(batch, 3, DIRECTIONS) for batch in batches]
    papers = [max(int((each["paper"] >= k).sum()) for each in left) for k in (1, 2, 3)]
    assert budget.nodes["paper"] == (97, *(count + 1 for count in papers))
    assert papers[-1] == 4
    by = [
        max(
            int((each["author"][batch.edges["by"][1]] >= k).sum())
            for each, batch in zip(left, batches, strict=True)
        )
        for k in (1, 2, 3)
    ]
    assert budget.edges[("by", 1)] == (151, *(max(count, 1) for count in by))
    assert budget.num_layers == 3


def test_json_round_trip() -> None:
    budget = SizeBudget(
        nodes={"a": (9, 5, 3)},
        edges={("e", 0): (8, 4, 2), ("e", 1): (8, 6, 6), ("f", 0): (0, 0, 0)},
    )
    assert SizeBudget.from_json(json.loads(json.dumps(budget.to_json()))) == budget


def test_spec_round_trip() -> None:
    spec = padded_spec([random_inputs(0)], 2, "both")
    spec = dataclasses.replace(spec, most_edges={"cites": 7, "by": None})
    read = json.loads(json.dumps(spec.statistics()))
    assert InputSpec.with_statistics(spec.graph_spec, "paper", read) == spec
    # Serving takes batches of any size, and the same statistics.
    served = InputSpec.with_statistics(unpadded_spec().graph_spec, "paper", read)
    assert served.budget is None
    assert served.nodes == spec.nodes


def test_invalid() -> None:
    with pytest.raises(ValueError, match="`nodes` of `SizeBudget` must be falling positive sizes"):
        SizeBudget(nodes={"a": (5, 0)}, edges={})
    with pytest.raises(ValueError, match="`edges` of `SizeBudget` must be falling positive sizes"):
        SizeBudget(nodes={"a": (5, 3)}, edges={("e", 0): (5, 0)})
    with pytest.raises(ValueError, match=r"Got lengths \[2, 3\]"):
        SizeBudget(nodes={"a": (5, 3)}, edges={("e", 0): (5, 4, 3)})
    with pytest.raises(ValueError, match="`margin` of `fit_size_budget` must be >= 1"):
        fit_size_budget([], 1, "a", [], node_totals={}, edge_totals={}, margin=0.5)
    with pytest.raises(ValueError, match="must hold at least one batch"):
        fit_size_budget([], 1, "a", [], node_totals={}, edge_totals={})
    spec = unpadded_spec()
    with pytest.raises(ValueError, match="must be None unless `graph_spec` has static sizes"):
        dataclasses.replace(spec, budget=SizeBudget(nodes={"paper": (5, 3)}, edges={}))
    with pytest.raises(ValueError, match="`seed_node_set` of `InputSpec` must be a node set"):
        dataclasses.replace(spec, seed_node_set="venue")
