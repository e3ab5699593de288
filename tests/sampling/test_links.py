"""Samples of pairs: both ends, no edge between them, the twin's bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import sampling as twin
from tests.sampling.graphs import shop
from tests.sampling.test_kernel import component
from tfgnn_ext.graph import EdgeSet, Graph, NodeSet, new_schema
from tfgnn_ext.sampling import InMemorySampler, Link, SamplingOp, SamplingPlan, Sizes

GRAPHS = {(seed, strings): shop(seed, strings=strings) for seed in range(3) for strings in (0, 1)}
# The node set of the first nodes, and the link.
LINKS = {
    "reversed": ("user", Link(node_set="item", edge_set="likes", reverse="liked_by")),
    "timed": ("user", Link(node_set="item", edge_set="bought")),
    "one set": ("item", Link(node_set="item", edge_set="similar", reverse="similar")),
    "free": ("user", Link(node_set="item")),
}


def plan(draws: Any, link: Link, node_set: str) -> SamplingPlan:
    every = ["uniform", "weighted", "top_k", "latest_k", "full"]
    timed = ["uniform", "weighted", "latest_k", "full"]
    plain = ["uniform", "latest_k", "full"]

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

    if node_set == "item":
        ops = [op("near", "similar", ("seed", "target"), plain)]
        ops += [op("fans", "liked_by", ("target", "near"), every)]
        ops += [op("again", "similar", ("target", "seed", "near"), plain)]
    else:
        ops = [op("liked", "likes", ("seed",), every), op("bought", "bought", ("seed",), timed)]
        ops += [op("fans", "liked_by", ("target", "liked"), every)]
        ops += [op("more", "bought", ("fans", "seed"), timed)]
        ops += [op("again", "likes", ("fans", "seed"), every)]
    seed = draws(st.integers(-(2**63), 2**63 - 1))
    return SamplingPlan(seed_node_set=node_set, ops=tuple(ops), seed=seed, link=link)


def neighbours(graph: Graph, edge_set: str, row: int) -> list[int]:
    edges = graph.edge_sets[edge_set]
    return edges.targets[edges.indptr[row] : edges.indptr[row + 1]].tolist()


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_kernel_equals_its_plain_twin(data: st.DataObject) -> None:
    graph = GRAPHS[data.draw(st.sampled_from(sorted(GRAPHS)))]
    node_set, link = LINKS[data.draw(st.sampled_from(sorted(LINKS)))]
    chosen = plan(data.draw, link, node_set)
    pairs = []
    for _ in range(data.draw(st.integers(1, 5))):
        first = data.draw(st.integers(0, graph.node_sets[node_set].num_nodes - 1))
        linked = neighbours(graph, link.edge_set or "bought", first)
        anything = list(range(graph.node_sets[link.node_set].num_nodes))
        some = st.sampled_from(linked or anything) | st.sampled_from(anything)
        pairs.append((first, data.draw(some), data.draw(some)))
    if data.draw(st.booleans()):
        pairs = [pair[:2] for pair in pairs]
    times = data.draw(st.lists(st.integers(0, 55), min_size=len(pairs), max_size=len(pairs)))
    epoch = data.draw(st.integers(0, 3))
    batch = InMemorySampler(graph, chosen).sample(np.array(pairs), np.array(times), epoch=epoch)
    assert batch.ends is not None
    offsets = {name: np.cumsum(sizes) - sizes for name, sizes in batch.node_sizes.items()}
    for index, (pair, time) in enumerate(zip(pairs, times, strict=True)):
        expected = twin.sample(graph, chosen, pair, time, epoch)
        found = component(batch, index)
        assert {k: v for k, v in found.nodes.items() if v} == {
            k: v for k, v in expected.nodes.items() if v
        }
        assert found.edges == expected.edges
        for end, name, row in zip(
            batch.ends.indices, (node_set, link.node_set), pair[:2], strict=True
        ):
            assert batch.node_rows[name][end[index]] == row
            assert offsets[name][index] <= end[index] < offsets[name][index] + 2


def messages_between(graph: Graph, chosen: SamplingPlan, pair: tuple[int, int]) -> int:
    """How many edges between a pair's nodes its sample holds, in both directions."""
    batch = InMemorySampler(graph, chosen).sample(np.array([pair]), np.array([50]))
    first, second = chosen.seed_node_set, LINKS["reversed"][1].node_set
    count = 0
    for name in batch.edge_rows:
        edges = graph.edge_sets[name]
        ends = (
            batch.node_rows[edges.source][batch.edge_source[name]],
            batch.node_rows[edges.target][batch.edge_target[name]],
        )
        for order, sets in ((pair, (first, second)), (pair[::-1], (second, first))):
            if (edges.source, edges.target) == sets:
                count += int(((ends[0] == order[0]) & (ends[1] == order[1])).sum())
    return count


@pytest.mark.parametrize("strategy", ["full", "uniform", "weighted", "top_k", "latest_k"])
def test_the_target_edge_never_reaches_messages(strategy: Any) -> None:
    """Whoever draws it, from whichever end and at whichever hop; without the link, it does."""
    graph = GRAPHS[(0, 1)]
    by = "weight" if strategy in ("weighted", "top_k") else None
    hop = {"strategy": strategy, "by": by, "fanout": None if strategy == "full" else 12}
    ops = (
        SamplingOp(name="liked", edge_set="likes", **hop),
        SamplingOp(name="fans", edge_set="liked_by", inputs=("target", "liked"), **hop),
        SamplingOp(name="again", edge_set="likes", inputs=("fans",), **hop),
    )
    removing, keeping = (
        SamplingPlan(seed_node_set="user", ops=ops, link=link)
        for link in (LINKS["reversed"][1], LINKS["free"][1])
    )
    edges = graph.edge_sets["likes"]
    pairs = list(zip(edges.source_rows.tolist(), edges.targets.tolist(), strict=True))
    assert len(set(pairs)) < len(pairs)  # Some occur several times.
    kept = 0
    for pair in pairs:
        assert messages_between(graph, removing, pair) == 0
        kept += messages_between(graph, keeping, pair)
    assert kept > len(pairs)


def test_a_positive_and_a_negative_pair_draw_equally_many() -> None:
    """The target edge is left out before the draw: afterwards, its place would stay empty."""
    targets = np.arange(1, 11, dtype=np.int32)
    indptr = np.concatenate([[0], np.full(12, 10)])
    edges = EdgeSet("n", "n", indptr, targets)
    graph = Graph(new_schema(), {"n": NodeSet(np.arange(12))}, {"e": edges})
    op = SamplingOp(name="hop", edge_set="e", fanout=9)
    chosen = SamplingPlan(
        seed_node_set="n", ops=(op,), link=Link(node_set="n", edge_set="e", reverse="e")
    )
    batch = InMemorySampler(graph, chosen).sample(np.array([[0, 3], [0, 11]]))
    assert batch.edge_sizes["e"].tolist() == [9, 9]
    assert 2 not in batch.edge_rows["e"][:9]  # Position 2 leads to node 3; all others are there.


def test_a_negative_pair_does_not_hold_the_link_it_was_drawn_for() -> None:
    """Of pairs with one first node, what is around it does not tell which is the true one."""
    graph = GRAPHS[(0, 1)]
    ops = (
        SamplingOp(name="liked", edge_set="likes", strategy="full"),
        SamplingOp(name="fans", edge_set="liked_by", strategy="full", inputs=("liked",)),
        SamplingOp(name="again", edge_set="liked_by", strategy="full", inputs=("target",)),
    )
    chosen = SamplingPlan(seed_node_set="user", ops=ops, link=LINKS["reversed"][1])
    sampler = InMemorySampler(graph, chosen)
    for first in range(13):
        linked = set(neighbours(graph, "likes", first))
        other = next(row for row in range(29) if row not in linked)
        for second in linked:
            around = []
            for rows in ([first, second, second], [first, other, second], [first, other]):
                found = component(sampler.sample(np.array([rows]), [50]), 0)
                items = found.nodes["item"]
                around.append({items[end] for source, end, _ in found.edges["likes"] if not source})
            assert around[0] == around[1] == linked - {second}
            assert around[2] == linked  # The control.


def test_draws_with_a_gap_are_those_of_the_graph_without_the_edge() -> None:
    """Uniform, latest and top draws are the same as if the edge had never been there."""
    random = np.random.default_rng(0)
    for times in (None, np.sort(random.integers(0, 9, 40))):
        targets = np.sort(random.integers(1, 12, 40)).astype(np.int32)
        if times is not None:
            targets = targets[random.permutation(40)]
            order = np.lexsort((targets, times))
            targets = targets[order]
        for gone in range(1, 12):
            kept = targets != gone
            without = EdgeSet(
                "n",
                "n",
                np.concatenate([[0], np.full(12, kept.sum())]),
                targets[kept],
                None if times is None else times[kept],
            )
            whole = EdgeSet("n", "n", np.concatenate([[0], np.full(12, 40)]), targets, times)
            for strategy in ("uniform", "latest_k", "full"):
                fanout = None if strategy == "full" else 7
                op = SamplingOp(name="hop", edge_set="e", fanout=fanout, strategy=strategy)
                link = Link(node_set="n", edge_set="e")
                chosen = SamplingPlan(seed_node_set="n", ops=(op,), link=link)
                drawn = []
                for edges in (whole, without):
                    graph = Graph(new_schema(), {"n": NodeSet(np.arange(12))}, {"e": edges})
                    batch = InMemorySampler(graph, chosen).sample(np.array([[0, gone]]), [5])
                    drawn.append(edges.targets[batch.edge_rows["e"]].tolist())
                assert drawn[0] == drawn[1]


def test_padded_batches_keep_both_ends_of_what_does_not_fit() -> None:
    graph = GRAPHS[(1, 1)]
    node_set, link = LINKS["one set"]
    ops = (SamplingOp(name="a", edge_set="similar", strategy="full", inputs=("seed", "target")),)
    chosen = SamplingPlan(seed_node_set=node_set, ops=ops, link=link)
    sampler = InMemorySampler(graph, chosen)
    pairs = np.array([[0, 1], [2, 2], [5, 4]])
    times = [9, 9, 9]
    free = sampler.sample(pairs, times)
    room = int(free.node_sizes["item"][0]) + 3
    budget = Sizes(nodes={"item": room + 1}, edges={"similar": 200})
    batch = sampler.sample(pairs, times, budget=budget)
    assert batch.whole.tolist() == [True, False, False]
    assert batch.node_sizes["item"].tolist() == [room - 3, 1, 2, 1]
    assert batch.ends is not None
    first, second = (batch.node_rows["item"][end] for end in batch.ends.indices)
    assert first.tolist() == [0, 2, 5, 0]
    assert second.tolist() == [1, 2, 4, 0]
    assert [end[-1] for end in batch.ends.indices] == [room, room]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"node_set": "shop"}, "`node_set` of `Link` must be one of item, user. Got 'shop'."),
        ({"edge_set": "has"}, "`edge_set` of `Link` must be one of .* Got 'has'."),
        ({"edge_set": "liked_by"}, "must lead from 'user' to 'item'. Got 'liked_by', from 'item'"),
        ({"reverse": "bought"}, "`reverse` of `Link` must lead from 'item' to 'user'"),
        ({"op": "seed"}, "`op` of `Link` must differ from `seed_op`"),
        ({"edge_set": None}, "`reverse` of `Link` must be left out without `edge_set`"),
        ({"op": ""}, "`op` of `Link` must be a non-empty string"),
    ],
)
def test_links_are_checked(change: dict[str, Any], says: str) -> None:
    options = {"node_set": "item", "edge_set": "likes", "reverse": "liked_by", **change}
    with pytest.raises(ValueError, match=says):
        InMemorySampler(GRAPHS[(0, 1)], SamplingPlan(seed_node_set="user", link=Link(**options)))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([0], r"`rows` of `sample` must be pairs of ints, \[batch, 2 or 3\]"),
        ([[0, 29]], r"must be in \[0, 29\), the rows of node set 'item'. Got 29"),
        ([[13, 2]], r"must be in \[0, 13\), the rows of node set 'user'. Got 13"),
    ],
)
def test_bad_pairs_are_refused(rows: Any, says: str) -> None:
    chosen = SamplingPlan(seed_node_set="user", link=LINKS["free"][1])
    with pytest.raises(ValueError, match=says):
        InMemorySampler(GRAPHS[(0, 1)], chosen).sample(rows, [3])
