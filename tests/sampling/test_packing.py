"""Padding to static sizes: nothing lost, nothing mixed, what does not fit is cut and marked."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sampling.graphs import shop
from tests.sampling.test_kernel import component
from tfgnn_ext.sampling import InMemorySampler, SampledBatch, SamplingOp, SamplingPlan, Sizes


@pytest.fixture(scope="module")
def sampler() -> InMemorySampler:
    ops = (
        SamplingOp(name="a", edge_set="likes", fanout=5),
        SamplingOp(name="b", edge_set="liked_by", fanout=3, inputs=("a",)),
    )
    # Items have features that become known: the samples depend on time.
    return InMemorySampler(shop(1), SamplingPlan(seed_node_set="user", ops=ops))


def totals(batch: SampledBatch) -> tuple[dict[str, int], dict[str, int]]:
    nodes = {name: len(rows) for name, rows in batch.node_rows.items()}
    return nodes, {name: len(rows) for name, rows in batch.edge_rows.items()}


def test_padding_adds_one_component_and_changes_no_other(sampler: InMemorySampler) -> None:
    rows, times = np.arange(7), np.full(7, 30)
    plain = sampler.sample(rows, times)
    nodes, edges = totals(plain)
    budget = Sizes(
        nodes={name: n + 3 for name, n in nodes.items()},
        edges={name: n + 2 for name, n in edges.items()},
    )
    padded = sampler.sample(rows, times, budget=budget)
    assert padded.num_components == 8
    assert padded.whole.all()
    for index in range(7):
        assert component(padded, index) == component(plain, index)
    for name, rows_of in padded.node_rows.items():
        assert len(rows_of) == budget.nodes[name]
        assert padded.node_sizes[name].sum() == budget.nodes[name]
        assert rows_of[nodes[name] :].tolist() == [0, 0, 0]
    for name, source in padded.edge_source.items():
        start, end = sampler.endpoints[name]
        assert source[edges[name] :].tolist() == [budget.nodes[start] - 1] * 2
        assert padded.edge_target[name][edges[name] :].tolist() == [budget.nodes[end] - 1] * 2
    assert padded.times_of(padded.node_sizes["item"])[-1] == np.iinfo(np.int64).min


def test_what_does_not_fit_is_cut_to_its_seed_and_marked(sampler: InMemorySampler) -> None:
    rows, times = np.arange(7), np.full(7, 30)
    plain = sampler.sample(rows, times)
    nodes, edges = totals(plain)
    budget = Sizes(
        nodes={"user": nodes["user"], "item": nodes["item"] // 2},
        edges=dict(edges),
    )
    padded = sampler.sample(rows, times, budget=budget)
    assert 0 < padded.whole.sum() < 7
    for index in range(7):
        found = component(padded, index)
        if padded.whole[index]:
            assert found == component(plain, index)
        else:
            assert found.nodes == {"user": [int(rows[index])], "item": []}
            assert found.edges == {"likes": [], "liked_by": []}


@pytest.mark.parametrize("missing", ["item", "liked_by"])
def test_a_budget_without_a_set_is_refused(sampler: InMemorySampler, missing: str) -> None:
    nodes, edges = {"user": 70, "item": 50}, {"likes": 50, "liked_by": 50}
    nodes.pop(missing, None)
    edges.pop(missing, None)
    with pytest.raises(ValueError, match=f"`budget` must give a size to '{missing}' too. Got none"):
        sampler.sample(np.arange(7), np.full(7, 30), budget=Sizes(nodes=nodes, edges=edges))


def test_a_budget_without_room_for_the_seeds_is_refused(sampler: InMemorySampler) -> None:
    budget = Sizes(nodes={"user": 7, "item": 50}, edges={"likes": 50, "liked_by": 50})
    with pytest.raises(ValueError, match="`budget` must hold 7 seeds of node set 'user'"):
        sampler.sample(np.arange(7), np.full(7, 30), budget=budget)


def test_components_larger_than_the_first_room_are_sampled_whole() -> None:
    from tests.sampling.test_kernel import homogeneous

    plan = SamplingPlan(
        seed_node_set="n", ops=(SamplingOp(name="hop", edge_set="e", strategy="full"),)
    )
    batch = InMemorySampler(homogeneous(10_000), plan).sample([0, 5])
    assert batch.node_sizes["n"].tolist() == [10_001, 1]
    assert batch.edge_rows["e"].tolist() == list(range(10_000))
