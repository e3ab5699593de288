"""Components that exceed the sizes of trimmed layers count for nothing, and are predicted later."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sampling.graphs import shop
from tfgnn_ext.graph import Seeds
from tfgnn_ext.sampling import InMemorySampler, SamplingOp, SamplingPlan, Sizes
from tfgnn_ext.tensors import SampledBatches
from tfgnn_ext.tensors.fits_budget import FITS
from tfgnn_ext.tensors.size_budget import SizeBudget


def test_weights_follow() -> None:
    ops = (
        SamplingOp(name="a", edge_set="likes", fanout=4),
        SamplingOp(name="c", edge_set="liked_by", fanout=2, inputs=("a",)),
    )
    sampler = InMemorySampler(shop(2), SamplingPlan(seed_node_set="user", ops=ops))
    rows = np.arange(7, dtype=np.int32)
    seeds = Seeds(
        node_set="user",
        rows=rows,
        times=rows.astype(np.int64) * 5,
        labels=rows % 2,
        classes=("0", "1"),
        splits=np.zeros(7, np.int8),
        ids=sampler.graph.node_sets["user"].ids[:7],
    )
    totals = Sizes(nodes=dict.fromkeys(sampler.layout.node_sets, 101),
                   edges=dict.fromkeys(sampler.layout.edge_sets, 103))  # fmt: skip

    def batch(layers: SizeBudget | None) -> tuple:
        source = SampledBatches(sampler, seeds, batch_size=7, budget=totals, layers=layers)
        (element,) = source.dataset(lambda step: (np.arange(7), np.ones(7), 0), 0, 1)
        return element

    def budget(edges: int) -> SizeBudget:
        nodes = {name: (101, 100, 8 if name == "user" else 100) for name in totals.nodes}
        return SizeBudget(
            nodes=nodes,
            edges={(name, 0): (103, edges, edges) for name in totals.edges},
        )

    graph, _, weights = batch(None)
    assert weights.numpy().tolist() == [1] * 7 + [0]
    assert not graph.context.features
    *_, weights = batch(budget(100))
    assert weights.numpy().tolist() == [1] * 7 + [0]
    # The seeds' own edges: a plain count.
    ends = np.cumsum(graph.edge_sets["likes"].sizes.numpy()[:7])
    assert ends[-1] > ends[3] > 0
    tight, _, weights = batch(budget(int(ends[3])))
    fits = tight.context[FITS].numpy()
    assert weights.numpy().tolist() == [*fits[:7], 0]
    assert fits[0] == 1
    assert fits[6] == 0
    assert (np.diff(fits[:7]) <= 0).all()
    with pytest.raises(ValueError, match="`layers` of `SampledBatches` must be None without"):
        SampledBatches(sampler, seeds, batch_size=7, layers=budget(9))
