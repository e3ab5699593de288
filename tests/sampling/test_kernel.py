"""The compiled kernel equals its plain twin, byte for byte, whatever the batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import sampling as twin
from tests.sampling.graphs import shop
from tfgnn_ext.graph import EdgeSet, Feature, Graph, NodeSet, new_schema
from tfgnn_ext.sampling import InMemorySampler, SampledBatch, SamplingOp, SamplingPlan

GRAPHS = {(seed, strings): shop(seed, strings=strings) for seed in range(3) for strings in (0, 1)}


def component(batch: SampledBatch, index: int) -> twin.Component:
    nodes, edges = {}, {}
    offsets = {}
    for name, sizes in batch.node_sizes.items():
        offsets[name] = int(sizes[:index].sum())
        rows = batch.node_rows[name][offsets[name] : offsets[name] + sizes[index]]
        nodes[name] = rows.tolist()
    ends = {
        "likes": ("user", "item"),
        "liked_by": ("item", "user"),
        "bought": ("user", "item"),
        "similar": ("item", "item"),
        "e": ("n", "n"),
    }
    for name, sizes in batch.edge_sizes.items():
        begin = int(sizes[:index].sum())
        part = slice(begin, begin + sizes[index])
        source, target = ends[name]
        edges[name] = list(
            zip(
                (batch.edge_source[name][part] - offsets[source]).tolist(),
                (batch.edge_target[name][part] - offsets[target]).tolist(),
                batch.edge_rows[name][part].tolist(),
                strict=True,
            )
        )
    return twin.Component(nodes, edges)


def plan(draws: Any) -> SamplingPlan:
    """Two or three hops with every strategy, several inputs and an edge set used twice."""

    def op(name: str, edge_set: str, inputs: tuple[str, ...], strategies: list[str]) -> SamplingOp:
        strategy = draws(st.sampled_from(strategies))
        return SamplingOp(
            name=name,
            edge_set=edge_set,
            strategy=strategy,
            fanout=None if strategy == "full" else draws(st.integers(1, 7)),
            by="weight" if strategy in ("weighted", "top_k") else None,
            inputs=inputs,
        )

    every = ["uniform", "weighted", "top_k", "latest_k", "full"]
    timed = ["uniform", "weighted", "latest_k", "full"]
    plain = ["uniform", "latest_k", "full"]
    return SamplingPlan(
        seed_node_set="user",
        seed=draws(st.integers(-(2**63), 2**63 - 1)),
        ops=(
            op("liked", "likes", ("seed",), every),
            op("bought", "bought", ("seed",), timed),
            op("fans", "liked_by", ("liked", "bought"), every),
            op("again", "likes", ("seed", "fans"), every),
            op("near", "similar", ("again", "bought"), plain),
            op("nearer", "similar", ("near", "liked"), plain),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_kernel_equals_its_plain_twin(data: st.DataObject) -> None:
    graph = GRAPHS[data.draw(st.sampled_from(sorted(GRAPHS)))]
    chosen = plan(data.draw)
    epoch = data.draw(st.integers(0, 3))
    rows = np.asarray(data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=5)))
    times = np.asarray(
        data.draw(st.lists(st.integers(0, 55), min_size=len(rows), max_size=len(rows)))
    )
    batch = InMemorySampler(graph, chosen).sample(rows, times, epoch=epoch)
    for index, (row, time) in enumerate(zip(rows.tolist(), times.tolist(), strict=True)):
        expected = twin.sample(graph, chosen, row, time, epoch)
        found = component(batch, index)
        assert {k: v for k, v in found.nodes.items() if v} == {
            k: v for k, v in expected.nodes.items() if v
        }
        assert found.edges == expected.edges


def homogeneous(degree: int) -> Graph:
    """Node 0 with `degree` neighbours, of which every seventh has weight 0 and one most of it."""
    indptr = np.full(degree + 2, degree, np.int64)
    indptr[0] = 0
    targets = np.arange(1, degree + 1, dtype=np.int32)
    weights = np.arange(degree, dtype=np.float32) % 7
    weights[degree // 2] = 1e6
    nodes = NodeSet(np.arange(degree + 1))
    edges = EdgeSet("n", "n", indptr, targets, features={"weight": Feature(weights)})
    return Graph(new_schema(), {"n": nodes}, {"e": edges})


@pytest.mark.parametrize("strategy", ["uniform", "weighted"])
@pytest.mark.parametrize(("degree", "fanout"), [(70, 64), (70, 65), (500, 200), (201, 200)])
def test_large_fanouts_take_the_same_subset(degree: int, fanout: int, strategy: Any) -> None:
    graph = homogeneous(degree)
    by = "weight" if strategy == "weighted" else None
    hop = SamplingOp(name="hop", edge_set="e", fanout=fanout, strategy=strategy, by=by)
    chosen = SamplingPlan(seed_node_set="n", ops=(hop,))
    found = component(InMemorySampler(graph, chosen).sample([0]), 0)
    assert found.edges == twin.sample(graph, chosen, 0).edges


def test_operations_on_one_hub_unite_their_edges() -> None:
    graph = homogeneous(500)
    ops = tuple(SamplingOp(name=name, edge_set="e", fanout=200) for name in ("one", "two"))
    chosen = SamplingPlan(seed_node_set="n", ops=ops)
    batch = InMemorySampler(graph, chosen).sample([0])
    assert component(batch, 0).edges == twin.sample(graph, chosen, 0).edges
    positions = batch.edge_rows["e"]
    assert 200 < len(positions) < 400
    assert (np.diff(positions) > 0).all()


def test_a_golden_draw() -> None:
    # Derived by hand from the formulas, with Python's integers: the key of (plan seed 0, epoch 0,
    # operation "hop", seed 0, source 0), Floyd's draws below 4 and below 5 of a prefix of 5.
    def finalise(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    golden = 0x9E3779B97F4A7C15
    key = 0
    for word in (0, 0, twin.id_key("hop"), 0, 0):
        key = finalise(((key ^ word) + golden) % 2**64)
    first = finalise((key + golden) % 2**64) * 4 >> 64
    second = finalise((key + 2 * golden) % 2**64) * 5 >> 64
    expected = sorted({first, second if second != first else 4})

    chosen = SamplingPlan(seed_node_set="n", ops=(SamplingOp(name="hop", edge_set="e", fanout=2),))
    batch = InMemorySampler(homogeneous(5), chosen).sample([0])
    assert batch.edge_rows["e"].tolist() == expected
    # These bytes may never change: samples on disk and on other engines depend on them.
    assert expected == [0, 1]


def test_components_do_not_depend_on_batch_thread_or_order() -> None:
    graph = GRAPHS[(0, 1)]
    chosen = SamplingPlan(
        seed_node_set="user",
        seed=3,
        ops=(
            SamplingOp(name="a", edge_set="bought", fanout=3),
            SamplingOp(name="b", edge_set="liked_by", fanout=2, inputs=("a",)),
            SamplingOp(name="c", edge_set="likes", strategy="full", inputs=("b",)),
        ),
    )
    sampler = InMemorySampler(graph, chosen)
    rows, times = np.arange(13), np.arange(13) * 4
    together = sampler.sample(rows, times)
    order = np.random.default_rng(0).permutation(13)
    shuffled = sampler.sample(rows[order], times[order])
    with ThreadPoolExecutor(4) as threads:
        alone = list(threads.map(lambda i: sampler.sample(rows[i : i + 1], times[i : i + 1]), rows))
    for position, row in enumerate(order):
        assert component(together, row) == component(shuffled, position)
        assert component(together, row) == component(alone[row], 0)


def test_epochs_and_seeds_draw_afresh() -> None:
    graph = homogeneous(1000)
    op = SamplingOp(name="hop", edge_set="e", fanout=10)
    sets = set()
    for seed in range(5):
        sampler = InMemorySampler(graph, SamplingPlan(seed_node_set="n", ops=(op,), seed=seed))
        for epoch in range(5):
            batch = sampler.sample([0], epoch=epoch)
            sets.add(tuple(batch.edge_rows["e"].tolist()))
            again = sampler.sample([0], epoch=epoch)
            assert again.edge_rows["e"].tolist() == batch.edge_rows["e"].tolist()
    assert len(sets) == 25


def test_later_edges_do_not_change_a_timed_draw() -> None:
    """Also not through the scale of weights, or through positions."""
    random = np.random.default_rng(1)
    times = np.sort(random.integers(0, 100, 300))
    weights = random.exponential(1, 300)
    weights[times > 60] *= 1e6

    def sample(count: int, strategy: Any) -> list[int]:
        from tfgnn_ext.graph import Feature

        indptr = np.concatenate([[0], np.full(301, count)])
        edges = EdgeSet(
            "n",
            "n",
            indptr,
            np.arange(1, count + 1, dtype=np.int32),
            times[:count],
            {"weight": Feature(weights[:count].astype(np.float32))},
        )
        graph = Graph(new_schema(), {"n": NodeSet(np.arange(301))}, {"e": edges})
        by = "weight" if strategy == "weighted" else None
        op = SamplingOp(name="hop", edge_set="e", fanout=20, strategy=strategy, by=by)
        chosen = SamplingPlan(seed_node_set="n", ops=(op,))
        return InMemorySampler(graph, chosen).sample([0], [60]).edge_rows["e"].tolist()

    visible = int((times <= 60).sum())
    for strategy in ("uniform", "weighted", "latest_k"):
        assert sample(300, strategy) == sample(visible, strategy)
        assert max(sample(300, strategy)) < visible


@pytest.mark.parametrize(
    ("rows", "times", "message"),
    [
        ([13], [0], r"`rows` of `sample` must be in \[0, 13\).*Got 13"),
        ([-1], [0], r"`rows` of `sample` must be in \[0, 13\).*Got -1"),
        ([0.5], [0], r"`rows` of `sample` must be a vector of ints"),
        ([0], None, r"`times` of `sample` must be given"),
        ([0, 1], [0], r"`times` of `sample` must have the shape of `rows`"),
        ([0], [2**63 - 1], r"`times` of `sample` must be below 9223372036854775807"),
    ],
)
def test_bad_seeds_are_refused(rows: Any, times: Any, message: str) -> None:
    chosen = SamplingPlan(
        seed_node_set="user", ops=(SamplingOp(name="a", edge_set="bought", fanout=3),)
    )
    with pytest.raises(ValueError, match=message):
        InMemorySampler(GRAPHS[(0, 1)], chosen).sample(rows, times)


def test_a_hub_leaves_no_trace_in_later_batches() -> None:
    """Slots are freed, not cleared: what a large batch left behind must not be found again."""
    graph = GRAPHS[(1, 1)]
    ops = (
        SamplingOp(name="a", edge_set="likes", strategy="full"),
        SamplingOp(name="b", edge_set="liked_by", strategy="full", inputs=("a",)),
    )
    chosen = SamplingPlan(seed_node_set="user", ops=ops)
    used = InMemorySampler(graph, chosen)
    random = np.random.default_rng(0)
    for _ in range(30):
        rows, times = random.integers(0, 13, 6), np.full(6, 30)
        fresh = InMemorySampler(graph, chosen).sample(rows, times)
        again = used.sample(rows, times)
        for index in range(6):
            assert component(again, index) == component(fresh, index)


def test_top_k_orders_integers_beyond_the_precision_of_floats() -> None:
    from tfgnn_ext.sampling.weights import falling_order

    values = 2**60 + np.array([0, 3, 1, 2])
    assert falling_order(values, np.array([0, 4]), name="w").tolist() == [1, 3, 2, 0]
    lowest = np.array([np.iinfo(np.int64).min, 5])
    assert falling_order(lowest, np.array([0, 2]), name="w").tolist() == [1, 0]
