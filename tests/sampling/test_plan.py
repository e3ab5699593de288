"""Plans: what they refuse, and the bounds they promise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sampling.graphs import shop
from tfgnn_ext.sampling import InMemorySampler, SamplingOp, SamplingPlan

ENDS = {"likes": ("user", "item"), "similar": ("item", "item")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fanout": 0}, "`fanout` of `SamplingOp` 'a' must be an int >= 1. Got 0."),
        ({"fanout": True}, "`fanout` of `SamplingOp` 'a' must be an int >= 1. Got True."),
        ({"fanout": 2.5}, "`fanout` of `SamplingOp` 'a' must be an int >= 1. Got 2.5."),
        ({"fanout": None}, "`fanout` of `SamplingOp` 'a' must be an int >= 1. Got None."),
        (
            {"strategy": "full"},
            "`fanout` of `SamplingOp` 'a' must be left out with strategy 'full'. Got 3.",
        ),
        ({"strategy": "best"}, "`strategy` of `SamplingOp` 'a' must be one of uniform"),
        ({"strategy": "weighted"}, "`by` of `SamplingOp` 'a' must name an edge feature"),
        ({"by": "weight"}, "`by` of `SamplingOp` 'a' must be left out with strategy 'uniform'"),
        ({"inputs": ()}, "`inputs` of `SamplingOp` 'a' must name at least one operation"),
        ({"name": ""}, "`name` of `SamplingOp` must be a non-empty string"),
    ],
)
def test_bad_operations_are_refused(options: dict[str, Any], message: str) -> None:
    valid: dict[str, Any] = {"name": "a", "edge_set": "likes", "fanout": 3}
    with pytest.raises(ValueError, match="of `SamplingOp`") as error:
        SamplingOp(**{**valid, **options})
    assert str(error.value).startswith(message)


def test_bad_plans_are_refused() -> None:
    op = SamplingOp(name="a", edge_set="likes", fanout=3)
    with pytest.raises(ValueError, match="must have unique names. Got 'a' twice"):
        SamplingPlan(seed_node_set="user", ops=(op, op))
    late = SamplingOp(name="b", edge_set="similar", fanout=3, inputs=("c",))
    with pytest.raises(ValueError, match=r"must name earlier operations \(a, seed\). Got 'c'"):
        SamplingPlan(seed_node_set="user", ops=(op, late))
    with pytest.raises(ValueError, match="must be one of likes, similar. Got 'hates'"):
        SamplingPlan(
            seed_node_set="user", ops=(SamplingOp(name="a", edge_set="hates", fanout=3),)
        ).validate(ENDS)
    with pytest.raises(ValueError, match="must lead to node set 'user'.*leads to 'item'"):
        SamplingPlan(seed_node_set="item", ops=(op,)).validate(ENDS)


def test_plans_that_do_not_fit_a_graph_are_refused() -> None:
    graph = shop(0)

    def build(**options: Any) -> InMemorySampler:
        op = SamplingOp(name="a", **options)
        return InMemorySampler(graph, SamplingPlan(seed_node_set="user", ops=(op,)))

    with pytest.raises(ValueError, match=r"must be an edge feature \(weight\)"):
        build(edge_set="likes", strategy="top_k", by="heft", fanout=2)
    with pytest.raises(ValueError, match="must be on an edge set without time for 'top_k'"):
        build(edge_set="bought", strategy="top_k", by="weight", fanout=2)
    with pytest.raises(ValueError, match="`seed_node_set`.* must be one of item, user. Got 'cat'"):
        InMemorySampler(graph, SamplingPlan(seed_node_set="cat"))


def test_bounds_hold_and_are_attained() -> None:
    plan = SamplingPlan(
        seed_node_set="user",
        ops=(
            SamplingOp(name="a", edge_set="likes", fanout=3),
            SamplingOp(name="b", edge_set="similar", fanout=2, inputs=("a",)),
            SamplingOp(name="c", edge_set="similar", fanout=5, inputs=("a", "b")),
        ),
    )
    assert plan.most_requests() == {"a": 1, "b": 3, "c": 9}
    assert plan.most_edges() == {"likes": 3, "similar": 51}
    assert plan.most_nodes(ENDS) == {"user": 1, "item": 54}
    open_ended = SamplingPlan(
        seed_node_set="user", ops=(SamplingOp(name="a", edge_set="likes", strategy="full"),)
    )
    assert open_ended.most_edges() == {"likes": None}
