from __future__ import annotations

import pytest

from tests.sampling.graphs import shop
from tfgnn_ext.graph import ids_alone
from tfgnn_ext.graph.schema import extra
from tfgnn_ext.sampling import InMemorySampler, SamplingOp, SamplingPlan, sample_schema


def test_one_node_set_is_bare_and_the_rest_stays() -> None:
    graph = shop(2)
    name = next(n for n, part in graph.node_sets.items() if part.features and n != "user")
    bare = ids_alone(graph, [name])
    assert not bare.node_sets[name].features
    assert not bare.node_sets[name].times
    assert not bare.schema.node_sets[name].features
    assert not {"times"} & set(extra(bare.schema.node_sets[name]))
    assert bare.node_sets[name].ids is graph.node_sets[name].ids
    for other in set(graph.node_sets) - {name}:
        assert bare.node_sets[other] is graph.node_sets[other]
        assert bare.schema.node_sets[other] == graph.schema.node_sets[other]
    assert graph.node_sets[name].features
    # A sample says so, too.
    op = next(
        e for e, part in graph.edge_sets.items() if part.source == "user" and part.target == name
    )
    plan = SamplingPlan(seed_node_set="user", ops=(SamplingOp(name="a", edge_set=op, fanout=2),))
    found = sample_schema(InMemorySampler(bare, plan)).node_sets[name].features
    assert not set(graph.node_sets[name].features) & set(found)


def test_unknown_node_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="`node_sets` of `ids_alone` must be of .* Got moon"):
        ids_alone(shop(2), ["moon"])
