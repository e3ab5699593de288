"""Negative pairs: the twin's, of the right distribution, true neighbours never among them."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.reference.negatives import negatives as twin
from tests.sampling.graphs import shop
from tests.sampling.test_links import GRAPHS, LINKS
from tfgnn_ext.graph import EdgeSet, Graph, NodeSet, new_schema
from tfgnn_ext.graph.link_seeds import GIVEN, LinkSeeds
from tfgnn_ext.sampling import Link, Negatives, NegativeSampler, SamplingPlan

LEVEL = 1e-3


def pairs_of(graph: Graph, node_sets: tuple[str, str], rows: Any, times: Any = None) -> LinkSeeds:
    """Positive pairs of given rows."""
    rows = np.asarray(rows)
    ids = [graph.node_sets[name].ids[rows[:, end]].tolist() for end, name in enumerate(node_sets)]
    table = {"source": ids[0], "target": ids[1], "split": ["train"] * len(rows)}
    if times is not None:
        table["when"] = times
    return LinkSeeds.from_table(
        graph, pa.table(table), node_sets=node_sets, time=None if times is None else "when"
    )


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_draws_equal_those_of_the_plain_twin(data: st.DataObject) -> None:
    graph = GRAPHS[data.draw(st.sampled_from(sorted(GRAPHS)))]
    node_set, link = LINKS[data.draw(st.sampled_from(sorted(LINKS)))]
    plan = SamplingPlan(
        seed_node_set=node_set, link=link, seed=data.draw(st.integers(-(2**63), 2**63 - 1))
    )
    firsts = graph.node_sets[node_set].num_nodes
    pair = st.tuples(st.integers(0, firsts - 1), st.integers(0, 28))
    pairs = data.draw(st.lists(pair, min_size=1, max_size=6))
    times = data.draw(st.lists(st.integers(0, 55), min_size=len(pairs), max_size=len(pairs)))
    parts, tables = [], {}
    for name in data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        strategies = ["uniform", "table"] + ["degree"] * (link.edge_set is not None)
        strategy = data.draw(st.sampled_from(strategies))
        options: dict[str, Any] = {}
        if strategy == "uniform":
            options["time"] = data.draw(st.sampled_from([None, "listed"]))
        if strategy != "table" and node_set == "user":
            options["reject"] = data.draw(st.sampled_from([None, ("likes", "bought"), ()]))
        if strategy == "table":
            tables[name] = data.draw(st.lists(pair, max_size=40))
        num = data.draw(st.integers(1, 4))
        parts.append(Negatives(num=num, strategy=strategy, name=name, **options))
    epoch = data.draw(st.integers(0, 2))
    expected = [
        [
            row
            for part in parts
            for row in twin(graph, plan, part, pair, time, epoch, tables.get(part.name))
        ]
        for pair, time in zip(pairs, times, strict=True)
    ]
    sampler = NegativeSampler(graph, plan, parts, tables=tables)
    seeds = pairs_of(graph, (node_set, link.node_set), pairs, times)
    every, dropped = sampler.add_to(seeds, policy="drop")
    order = data.draw(st.permutations(range(len(every))))
    rows = sampler.rows_at(every, order, epoch)
    for position, row in zip(order, rows.tolist(), strict=True):
        group, slot = every.groups[position], every.slots[position]
        second = pairs[group][1] if slot == GIVEN else expected[group][slot]
        assert row == [pairs[group][0], second, pairs[group][1]]
        assert every.labels[position] == (slot == GIVEN)
    # Whether there is one does not depend on the epoch.
    assert dropped == sum(row is None for rows in expected for row in rows)
    assert len(every) + dropped == len(pairs) * (1 + sum(part.num for part in parts))


def star(neighbours: list[int], size: int, degrees: Any = None) -> Graph:
    """Node 0 with some neighbours, among nodes to which others lead `degrees` times."""
    sources, targets = [0] * len(neighbours), list(neighbours)
    for row, degree in enumerate(degrees if degrees is not None else []):
        sources += [1] * degree
        targets += [row] * degree
    order = np.lexsort((targets, sources))
    counts = np.bincount(sources, minlength=size)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    edges = EdgeSet("n", "n", indptr, np.array(targets)[order].astype(np.int32))
    return Graph(new_schema(), {"n": NodeSet(np.arange(size) * 3)}, {"e": edges})


def counts(graph: Graph, link: Link, part: Negatives, pair: list[int], draws: int) -> Any:
    """How often each node is drawn, over many seeds of the plan."""
    size = graph.node_sets["n"].num_nodes
    found = np.zeros(size, np.int64)
    seeds = pairs_of(graph, ("n", "n"), [pair])
    for seed in range(draws // part.num):
        plan = SamplingPlan(seed_node_set="n", link=link, seed=seed)
        every, _ = NegativeSampler(graph, plan, [part]).add_to(seeds)
        found += np.bincount(every.rows[1:, 1], minlength=size)
    return found


def p_value(found: Any, weights: Any) -> float:
    """Of the counts, if draws are proportional to the weights."""
    expected = np.asarray(weights) / np.sum(weights) * found.sum()
    if found[expected == 0].any():
        return 0.0
    return float(chisquare(found[expected > 0], expected[expected > 0]).pvalue)


def test_uniform_negatives_are_uniform_over_those_that_are_not_linked() -> None:
    graph, link = star([2, 3, 5, 5, 8], 11), Link(node_set="n", edge_set="e")
    found = counts(graph, link, Negatives(num=20), [0, 4], 6000)
    allowed = np.ones(11)
    allowed[[0, 2, 3, 4, 5, 8]] = 0  # Itself, the pair's own, neighbours.
    assert p_value(found, allowed) > LEVEL
    # The control: without rejection, the same draws are not of that distribution.
    free = counts(graph, Link(node_set="n"), Negatives(num=20), [0, 4], 6000)
    assert p_value(free, allowed) < LEVEL
    allowed[[2, 3, 5, 8]] = 1
    assert p_value(free, allowed) > LEVEL


def test_degree_negatives_are_in_proportion_to_degrees() -> None:
    degrees = [1, 0, 4, 2, 3, 7, 1, 5, 2, 0, 9]
    graph, link = star([2, 3, 5], 11, degrees), Link(node_set="n", edge_set="e")
    found = counts(graph, link, Negatives(num=20, strategy="degree"), [0, 4], 6000)
    weights = np.array(degrees)
    weights[[0, 2, 3, 4, 5]] = 0
    assert p_value(found, weights) > LEVEL
    assert p_value(found, weights > 0) < LEVEL  # The control: not uniform.
    uniform = counts(graph, link, Negatives(num=20), [0, 4], 6000)
    assert p_value(uniform[weights > 0], weights[weights > 0]) < LEVEL


@pytest.mark.parametrize("strategy", ["uniform", "degree"])
def test_the_last_resort_has_the_same_distribution(strategy: Any) -> None:
    """Of 400 nodes all but three are linked: nearly four of five draws use up their attempts."""
    left = {100: 1, 200: 2, 300: 5}
    linked = [row for row in range(1, 400) if row not in left]
    degrees = np.ones(400, int)
    for row, degree in left.items():
        degrees[row] = degree
    graph, link = star(linked, 400, degrees), Link(node_set="n", edge_set="e")
    found = counts(graph, link, Negatives(num=50, strategy=strategy), [0, 1], 3000)
    weights = np.zeros(400)
    for row, degree in left.items():
        weights[row] = degree if strategy == "degree" else 1
    assert p_value(found, weights) > LEVEL
    weights[200] *= 1.4  # The control.
    assert p_value(found, weights) < LEVEL


def test_who_knows_everybody_is_an_error_or_dropped() -> None:
    graph, link = star(list(range(1, 40)), 40), Link(node_set="n", edge_set="e")
    sampler = NegativeSampler(graph, SamplingPlan(seed_node_set="n", link=link), [Negatives(num=3)])
    seeds = pairs_of(graph, ("n", "n"), [[0, 2], [7, 2]])
    says = (
        "negatives 'negatives': each first node must leave a node that is no neighbour. Got too "
        r"few for 0 of node set 'n' \(3 negatives; policy drop leaves them out\)."
    )
    with pytest.raises(ValueError, match=says):
        sampler.add_to(seeds)
    every, dropped = sampler.add_to(seeds, policy="drop")
    assert dropped == 3
    assert every.groups.tolist() == [0, 1, 1, 1, 1]
    assert every.labels.tolist() == [1, 1, 0, 0, 0]
    assert every.ids[0].tolist() == (0, 6)


def test_nothing_later_than_the_seed_is_known() -> None:
    """Later edges change neither who is rejected nor the weights; nor do later nodes appear."""
    graph = GRAPHS[(0, 1)]
    node_set, link = LINKS["timed"]
    plan = SamplingPlan(seed_node_set=node_set, link=link)
    parts = [
        Negatives(num=5, name="u", time="listed"),
        Negatives(num=5, name="d", strategy="degree"),
    ]
    edges, items = graph.edge_sets["bought"], graph.node_sets["item"]
    rows = np.stack([edges.source_rows, edges.targets], axis=1)
    seeds = pairs_of(graph, (node_set, link.node_set), rows, [25] * len(rows))
    # The future is another one: its edges lead elsewhere, its nodes come later still.
    assert edges.times is not None
    targets = np.where(edges.times > 25, (edges.targets + 7) % 29, edges.targets).astype(np.int32)
    listed = items.times["listed"]
    other = dataclasses.replace(
        graph,
        edge_sets={**graph.edge_sets, "bought": dataclasses.replace(edges, targets=targets)},
        node_sets={
            **graph.node_sets,
            "item": dataclasses.replace(
                items, times={**items.times, "listed": np.where(listed > 25, listed + 9, listed)}
            ),
        },
    )
    drawn = [NegativeSampler(g, plan, parts).add_to(seeds)[0] for g in (graph, other)]
    np.testing.assert_array_equal(drawn[0].rows, drawn[1].rows)
    seen = {(a, b) for (a, b), time in zip(rows.tolist(), edges.times, strict=True) if time <= 25}
    future = {tuple(row) for row in rows.tolist()} - seen
    false = drawn[0].labels == 0
    found = {tuple(row) for row in drawn[0].rows[false, :2].tolist()}
    assert not found & seen
    assert found & future  # What happens later may well be drawn: nobody knows yet.
    uniform = false & (drawn[0].slots < 5)
    assert (listed[drawn[0].rows[uniform, 1]] <= 25).all()
    assert (listed > 25).any()
    # The control: without times, all edges count.
    late = dataclasses.replace(seeds, times=np.full(len(seeds), 50))
    changed = [NegativeSampler(g, plan, parts).add_to(late)[0].rows for g in (graph, other)]
    assert (changed[0] != changed[1]).any()


def test_draws_depend_on_neither_batch_nor_thread_but_on_epoch_name_and_seed() -> None:
    graph = GRAPHS[(2, 1)]
    node_set, link = LINKS["reversed"]
    plan = SamplingPlan(seed_node_set=node_set, link=link)
    rows = np.stack([np.arange(13), np.arange(13) * 2], axis=1)
    seeds = pairs_of(graph, (node_set, link.node_set), rows)
    sampler = NegativeSampler(graph, plan, [Negatives(num=4)])
    every, _ = sampler.add_to(seeds)
    with ThreadPoolExecutor(4) as threads:
        alone = list(threads.map(lambda i: sampler.rows_at(every, [i], 0)[0], range(len(every))))
    np.testing.assert_array_equal(every.rows, alone)
    few, _ = sampler.add_to(seeds.take([5, 2]))
    np.testing.assert_array_equal(few.rows, every.rows[[*range(25, 30), *range(10, 15)]])
    given = every.slots == GIVEN
    for other in (
        sampler.rows_at(every, np.arange(len(every)), 1),
        NegativeSampler(graph, plan, [Negatives(num=4, name="x")]).add_to(seeds)[0].rows,
        NegativeSampler(graph, dataclasses.replace(plan, seed=1), [Negatives(num=4)])
        .add_to(seeds)[0]
        .rows,
    ):
        np.testing.assert_array_equal(other[given], every.rows[given])
        assert (other[~given] != every.rows[~given]).any(axis=1).mean() > 0.7


def test_hard_negatives_come_from_the_users_table() -> None:
    graph, link = star([2, 3], 20), Link(node_set="n", edge_set="e")
    plan = SamplingPlan(seed_node_set="n", link=link)
    part = Negatives(num=2, strategy="table", name="hard")
    table = [[0, 5], [0, 2], [0, 9], [4, 1]]  # Also a neighbour: it is the user's say.
    sampler = NegativeSampler(graph, plan, [part, Negatives(num=1)], tables={"hard": table})
    seeds = pairs_of(graph, ("n", "n"), [[0, 3], [4, 0]])
    every, dropped = sampler.add_to(seeds, policy="drop")
    assert dropped == 1
    first = every.rows[every.groups == 0]
    assert set(first[1:3, 1]) < {2, 5, 9}
    assert len(set(first[1:3, 1])) == 2
    assert every.slots.tolist() == [GIVEN, 0, 1, 2, GIVEN, 0, 2]
    with pytest.raises(ValueError, match="must have 2 rows in its table. Got too few for 12 of"):
        sampler.add_to(seeds)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"num": True}, "`num` of `Negatives` must be an int >= 1. Got True."),
        ({"strategy": "hard"}, "must be one of uniform, degree, table. Got 'hard'."),
        ({"strategy": "table", "time": "t"}, "`time` of `Negatives` must be left out with"),
        ({"strategy": "degree", "time": "t"}, "`time` of `Negatives` must be left out with"),
        ({"name": ""}, "`name` of `Negatives` must be a non-empty string"),
        ({"time": "born"}, r"must be a time of node set 'item' \(listed, recalled\). Got 'born'."),
        ({"reject": ("liked_by",)}, r"from 'user' to 'item' \(bought, likes\). Got 'liked_by'."),
        ({"strategy": "table"}, "'negatives', of strategy 'table', must have a table"),
    ],
)
def test_negatives_are_checked(options: dict[str, Any], says: str) -> None:
    plan = SamplingPlan(seed_node_set="user", link=LINKS["reversed"][1])
    with pytest.raises(ValueError, match=says):
        NegativeSampler(shop(0), plan, [Negatives(**options)])


def test_plans_must_fit() -> None:
    graph = GRAPHS[(0, 1)]
    with pytest.raises(ValueError, match="must be of a plan with a `link`"):
        NegativeSampler(graph, SamplingPlan(seed_node_set="user"), [Negatives()])
    free = SamplingPlan(seed_node_set="user", link=LINKS["free"][1])
    with pytest.raises(ValueError, match="must not be 'degree' for free pairs"):
        NegativeSampler(graph, free, [Negatives(strategy="degree")])
    with pytest.raises(ValueError, match="must have unique names. Got a, a."):
        NegativeSampler(graph, free, [Negatives(name="a"), Negatives(name="a")])
    timed = SamplingPlan(seed_node_set="user", link=LINKS["timed"][1])
    sampler = NegativeSampler(graph, timed, [Negatives()])
    with pytest.raises(ValueError, match="`seeds` of `add_to` must have times"):
        sampler.add_to(pairs_of(graph, ("user", "item"), [[0, 1]]))
    with pytest.raises(ValueError, match="must be error or drop. Got 'skip'."):
        sampler.add_to(pairs_of(graph, ("user", "item"), [[0, 1]], [3]), policy="skip")
