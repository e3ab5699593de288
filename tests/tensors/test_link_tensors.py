"""Batches of pairs: the same from memory and from tf.Examples, read by TF-GNN, trimmed exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn import runner

from tests.sampling.graphs import shop
from tests.sampling.test_links import LINKS
from tfgnn_ext.models import gcn, graph_sage
from tfgnn_ext.sampling import (
    InMemorySampler,
    SamplingOp,
    SamplingPlan,
    Sizes,
    sample_schema,
    write_examples,
)
from tfgnn_ext.tensors import (
    GraphTensors,
    ParseExamples,
    fit_input_spec,
    fit_size_budget,
    rounds,
    vocabularies,
)
from tfgnn_ext.tensors.readout import read_ends

GRAPH = shop(1)
PAIRS = {
    "reversed": np.array([[0, 3], [5, 11], [12, 28], [0, 0], [7, 3], [3, 9], [1, 2]], np.int32),
    # Among them a node with itself.
    "one set": np.array([[0, 3], [5, 5], [12, 28], [0, 0], [7, 3], [9, 3], [1, 2]], np.int32),
}
TIMES = np.array([50, 12, 33, 4, 50, 28, 7])


def sampler_of(kind: str) -> InMemorySampler:
    node_set, link = LINKS[kind]
    if kind == "one set":
        ops = [
            SamplingOp(name="a", edge_set="similar", fanout=3, inputs=("seed", "target")),
            SamplingOp(name="b", edge_set="similar", fanout=2, inputs=("a",)),
        ]
    else:
        ops = [
            SamplingOp(name="a", edge_set="likes", fanout=3),
            SamplingOp(name="b", edge_set="liked_by", fanout=2, inputs=("a", "target")),
            SamplingOp(name="c", edge_set="bought", fanout=4, inputs=("b", "seed")),
        ]
    plan = SamplingPlan(seed_node_set=node_set, ops=tuple(ops), link=link)
    return InMemorySampler(GRAPH, plan)


def batch_of(sampler: InMemorySampler, kind: str, budget: Sizes | None = None) -> Any:
    packed = sampler.sample_packed(PAIRS[kind], TIMES, budget=budget)
    graph, whole = GraphTensors(sampler, budget=budget)(
        tf.constant(packed), tf.constant(TIMES), len(TIMES)
    )
    assert whole.numpy().all()
    return graph


@pytest.mark.parametrize("kind", sorted(PAIRS))
def test_examples_parse_to_the_batch(kind: str) -> None:
    sampler = sampler_of(kind)
    expected = batch_of(sampler, kind)
    sampled = sampler.sample(PAIRS[kind], TIMES)
    parser = ParseExamples(sample_schema(sampler), vocabularies(sampler))
    examples = write_examples(GRAPH, sampled, readout={"label": np.ones(7, np.float32)})
    found, ids = parser.parse(tf.constant(examples))
    tf.nest.map_structure(
        np.testing.assert_array_equal,
        tf.nest.flatten(found, expand_composites=True),
        tf.nest.flatten(expected, expand_composites=True),
    )
    sets = (sampler.plan.seed_node_set, "item")
    for end, key, name in zip(range(2), ("ids", "target_ids"), sets, strict=True):
        assert ids[key].numpy().tolist() == GRAPH.node_sets[name].ids[PAIRS[kind][:, end]].tolist()


def parsed(kind: str, **readout: Any) -> tfgnn.GraphTensor:
    """Our samples as TF-GNN reads them, by the schema that we write."""
    sampler = sampler_of(kind)
    sampled = sampler.sample(PAIRS[kind], TIMES)
    schema = tfgnn.GraphSchema.FromString(
        sample_schema(sampler, readout=readout).SerializeToString()
    )
    spec = tfgnn.create_graph_spec_from_schema_pb(schema)
    examples = write_examples(GRAPH, sampled, readout=readout)
    return tfgnn.parse_example(spec, tf.constant(examples))


@pytest.mark.parametrize("kind", sorted(PAIRS))
def test_tf_gnns_structured_readout_reads_both_ends(kind: str) -> None:
    label, weight = np.arange(7, dtype=np.float32), np.arange(7) * 5
    graph = parsed(kind, label=label, weight=weight).merge_batch_to_components()
    tfgnn.validate_graph_tensor_spec_for_readout(graph.spec, ["source", "target"])
    tfgnn.validate_graph_tensor_for_readout(graph, ["source", "target"])
    sets = (sampler_of(kind).plan.seed_node_set, "item")
    for end, key in enumerate(("source", "target")):
        ids = tfgnn.structured_readout(graph, key, feature_name="#id").numpy()
        assert ids.tolist() == GRAPH.node_sets[sets[end]].ids[PAIRS[kind][:, end]].tolist()
    readout = graph.node_sets["_readout"]
    assert readout.sizes.numpy().tolist() == [1] * 7
    assert readout["label"].numpy().tolist() == label.tolist()
    assert readout["label"].dtype == tf.float32
    assert readout["weight"].numpy().tolist() == weight.tolist()


def test_our_readout_is_tf_gnns() -> None:
    graph = batch_of(sampler_of("one set"), "one set")
    state = tf.random.normal([int(graph.node_sets["item"].total_size), 5])
    graph = graph.replace_features(node_sets={"item": {"hidden_state": state}})
    for key, own in zip(("source", "target"), read_ends(graph, "hidden_state"), strict=True):
        theirs = tfgnn.structured_readout(graph, key, feature_name="hidden_state")
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.parametrize(
    "task", [runner.DotProductLinkPrediction, runner.HadamardProductLinkPrediction]
)
def test_tf_gnns_link_prediction_tasks_train_on_our_samples(task: Any) -> None:
    label = np.array([1, 0, 0, 1, 1, 0, 1], np.float32)
    graph = parsed("one set", label=label)
    whole = task()

    def states(node_set: Any, *, node_set_name: str) -> Any:
        if node_set_name == "_readout":
            return {}
        price = node_set["price"]
        price = tf.where(tf.math.is_nan(price), tf.zeros_like(price), price)
        return tf.keras.layers.Dense(16, name="in")(price[:, None])

    merged = graph.merge_batch_to_components()
    _, labels = whole.preprocess(merged)
    np.testing.assert_array_equal(tf.reshape(labels, [-1]), label)
    inputs = tf.keras.layers.Input(type_spec=merged.spec)
    hidden = tfgnn.keras.layers.MapFeatures(node_sets_fn=states)(inputs)
    hidden = tfgnn.keras.layers.GraphUpdate(
        node_sets={
            "item": tfgnn.keras.layers.NodeSetUpdate(
                {"similar": tfgnn.keras.layers.SimpleConv(
                    tf.keras.layers.Dense(16, "relu"), receiver_tag=tfgnn.SOURCE)},
                tfgnn.keras.layers.NextStateFromConcat(tf.keras.layers.Dense(8)),
            )
        }
    )(hidden)  # fmt: skip
    model = tf.keras.Model(inputs, whole.predict(hidden))
    model.compile(tf.keras.optimizers.Adam(0.02), loss=whole.losses(), metrics=whole.metrics())
    data = tf.data.Dataset.from_tensors((merged.replace_features(), labels)).repeat(30)
    losses = [model.evaluate(data.take(1), verbose=0)[0]]
    model.fit(data, verbose=0)
    losses.append(model.evaluate(data.take(1), verbose=0)[0])
    assert model.output_shape == (7, 1)
    assert losses[1] < 0.8 * losses[0]


def test_rounds_begin_at_both_ends() -> None:
    graph = batch_of(sampler_of("one set"), "one set")
    directions = [("similar", tfgnn.SOURCE)]
    found = rounds(graph, 3, "item", directions)["item"].numpy()
    starts = np.concatenate(
        [graph.edge_sets[f"_readout/{end}"].adjacency.source for end in ("source", "target")]
    )
    expected = np.zeros(len(found), int)
    expected[starts] = 3
    edges = graph.edge_sets["similar"].adjacency
    for level in (2, 1):
        for source, target in zip(edges.source.numpy(), edges.target.numpy(), strict=True):
            if expected[source] == level + 1:
                expected[target] = max(expected[target], level)
    np.testing.assert_array_equal(found, expected)
    assert (found == 3).sum() == 12  # Of seven pairs two are a node with itself.


@pytest.mark.parametrize(
    ("kind", "options", "template"),
    [
        ("reversed", {}, graph_sage),
        ("one set", {"jumping_knowledge": "concat"}, gcn),
        ("one set", {"edge_dropout": 0.3}, graph_sage),
    ],
)
def test_trimmed_and_padded_models_give_the_states_of_whole_ones(
    kind: str, options: dict[str, Any], template: Any
) -> None:
    sampler = sampler_of(kind)
    graph = batch_of(sampler, kind)
    relaxed = graph.spec.relax(num_nodes=True, num_edges=True)
    spec = fit_input_spec([graph], relaxed, GRAPH, sampler.plan)

    def states(graph: Any, spec: Any, trim: bool) -> list[Any]:
        model = template(spec, units=8, num_layers=2, trim=trim, seed=3, **options)
        return [end[:7].numpy() for end in read_ends(model(graph), "hidden_state")]

    whole = states(graph, spec, False)
    for expected, found in zip(whole, states(graph, spec, True), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert whole[0].std() > 0.01

    totals = {n: int(p.total_size) + 9 for n, p in graph.node_sets.items() if n != "_readout"}
    edges = {n: int(graph.edge_sets[n].total_size) + 5 for n in sampler.layout.edge_sets}
    padded = batch_of(sampler, kind, Sizes(nodes=totals, edges=edges))
    directions = [(name, tfgnn.SOURCE) for name in sorted(edges)]
    budget = fit_size_budget(
        [graph], 2, sampler.plan.seed_node_set, directions, node_totals=totals, edge_totals=edges
    )
    statistics = {**spec.statistics(), "budget": budget.to_json()}
    static = type(spec).with_statistics(padded.spec, spec.seed_node_set, statistics)
    assert static.budget is not None
    model = template(static, units=8, num_layers=2, seed=3, **options)
    compiled = tf.function(lambda graph: read_ends(model(graph), "hidden_state"), jit_compile=True)
    for expected, found in zip(whole, compiled(padded), strict=True):
        assert found.shape[0] == 8
        np.testing.assert_allclose(found[:7], expected, rtol=1e-5, atol=1e-6)
