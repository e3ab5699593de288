from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.models.inputs import Inputs, padded_spec, random_inputs, unpadded_spec
from tests.reference.graphs import ENDS
from tfgnn_ext import models
from tfgnn_ext.graph import EdgeSet, Feature, Graph, NodeSet, new_schema
from tfgnn_ext.graph.schema import declare_feature
from tfgnn_ext.tensors import WholeGraph, whole_graph_spec

TRIMMED: dict[str, list[dict[str, Any]]] = {
    "graph_sage": [
        {},
        {"receivers": "both", "reduce_type": "mean|max", "encoding": "columns", "num_layers": 3},
    ],
    "gat_v2": [{}, {"receivers": "both", "combine": "sum", "residual": "identity"}],
    "appnp": [{"num_layers": 2}, {"receivers": "both", "num_layers": 3, "alpha": 0.3}],
    "gcn": [
        {},
        {"receivers": "both", "degrees": "receiver", "residual": "linear", "linear_last": True},
    ],
    "gcnii": [{"num_layers": 2}, {"receivers": "both", "num_layers": 3, "strength": 1.5}],
    "gin": [{}, {"receivers": "both", "jumping_knowledge": "max"}],
    "hgt": [{}, {"receivers": "both", "normalization": "none"}],
    "mt_albis": [
        {},
        {"attention": "gat_v2", "next_state": "dense", "combine": "sum", "encoding": "columns"},
        {"reduce_type": "mean|sum|max", "num_layers": 1},
    ],
    "multi_head_attention": [{}, {"receivers": "target", "combine": "sum"}],
    "rgcn": [{}, {"receivers": "both", "num_bases": 2, "jumping_knowledge": "concat"}],
    "vanilla_mpnn": [{}, {"receivers": "both", "reduce_type": "mean|max", "num_layers": 3}],
}
CASES = [
    pytest.param(name, options, id=f"{name}-{index}")
    for name, cases in TRIMMED.items()
    for index, options in enumerate(cases)
]


def seed_states(
    model: Callable[..., tfgnn.GraphTensor], inputs: Inputs, **options: Any
) -> np.ndarray:
    graph = model(inputs.graph(), **options)
    return tfgnn.keras.layers.ReadoutFirstNode(
        node_set_name="paper", feature_name=tfgnn.HIDDEN_STATE
    )(graph).numpy()


def compiled(model: tf.keras.Model) -> Callable[..., tfgnn.GraphTensor]:
    """One graph for batches of any size: eager calls of many small operations take seconds."""
    spec = unpadded_spec().graph_spec
    return tf.function(lambda graph, training=False: model(graph, training=training), [spec])


def make(name: str, spec: Any, **options: Any) -> tf.keras.Model:
    return models.TEMPLATES[name](spec, units=8, **{"seed": 3, **options})


@pytest.mark.parametrize("name", sorted(models.TEMPLATES))
def test_templates_are_described(name: str) -> None:
    template = models.TEMPLATES[name]
    assert template is getattr(models, name)
    assert name in models.__all__
    documentation = inspect.getdoc(template) or ""
    hints = typing.get_type_hints(template)
    spec, *keywords = inspect.signature(template).parameters.values()
    assert spec.name == "spec"
    assert hints["return"] is tf.keras.Model
    assert {"units", "seed"} <= {keyword.name for keyword in keywords}
    for keyword in keywords:
        assert keyword.kind is keyword.KEYWORD_ONLY
        assert keyword.name in hints
        assert keyword.default is not keyword.empty
        assert f"  {keyword.name}: " in documentation


@pytest.mark.parametrize(("name", "options"), CASES)
def test_trimmed_equals_untrimmed(name: str, options: dict[str, Any]) -> None:
    spec = unpadded_spec(few=True)
    trimmed = make(name, spec, **options)
    whole = make(name, spec, **options, trim=False)
    for left, right in zip(trimmed.weights, whole.weights, strict=True):
        # One seed, one set of initial weights.
        np.testing.assert_array_equal(left, right)
    inputs = [random_inputs(seed) for seed in range(3)]
    run_trimmed, run_whole = compiled(trimmed), compiled(whole)
    run_padded = None
    # Compiling takes most of the time: the first case stands for the others, and those that pool as
    # `graph_sage` does are not compiled.
    if options == TRIMMED[name][0]:
        padded = make(name, padded_spec(inputs, 2, "source", few=True), **options)
        jit_compile = name not in ("appnp", "gcnii", "gin", "rgcn")
        run_padded = tf.function(lambda graph: padded(graph), jit_compile=jit_compile)
    for each in inputs:
        expected = seed_states(run_whole, each)
        assert expected.shape == (4, 16 if options.get("jumping_knowledge") == "concat" else 8)
        assert np.isfinite(expected).all()
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(seed_states(run_trimmed, each), expected, atol=1e-5)
        if run_padded is not None:
            states = run_padded(each.padded().graph()).node_sets["paper"]
            assert states.sizes.numpy().tolist() == [1] * 5
            np.testing.assert_allclose(states[tfgnn.HIDDEN_STATE][:4], expected, atol=2e-5)


def test_padded_without_budget_is_exact() -> None:
    inputs = random_inputs(1)
    spec = padded_spec([inputs], 2, "source")
    import dataclasses

    padded = make("graph_sage", dataclasses.replace(spec, budget=None))
    whole = make("graph_sage", unpadded_spec(), trim=False)
    np.testing.assert_allclose(
        seed_states(padded, inputs.padded())[:4], seed_states(whole, inputs), atol=1e-5
    )


def test_budget_must_fit_the_model() -> None:
    spec = padded_spec([random_inputs(0)], 2, "source")
    with pytest.raises(ValueError, match="must be for 3 layers. Got one for 2"):
        make("graph_sage", spec, num_layers=3)
    with pytest.raises(ValueError, match="must hold every direction"):
        make("graph_sage", spec, receivers="both")


def test_invalid_arguments() -> None:
    spec = unpadded_spec()
    for name, options in (
        ("graph_sage", {"num_layers": 0}),
        ("mt_albis", {"message_units": 0}),
        ("vanilla_mpnn", {"message_units": -3}),
        ("graph_sage", {"receivers": "sideways"}),
        ("graph_sage", {"encoding": "raw"}),
        ("graph_sage", {"reduce_type": "median"}),
        ("graph_sage", {"normalization": "group"}),
        ("graph_sage", {"edge_dropout": 1.0}),
        ("graph_sage", {"l2": -1.0}),
        ("graph_sage", {"jumping_knowledge": "lstm"}),
        ("gat_v2", {"num_heads": 3}),
        ("multi_head_attention", {"num_heads": 0}),
        ("gat_v2", {"combine": "mean"}),
        ("appnp", {"alpha": 0.0}),
        ("appnp", {"encoding": "columns"}),
        ("gcn", {"degrees": "sender"}),
        ("gcnii", {"strength": 1.8}),
        ("gcnii", {"round_l2": -1.0}),
        ("gcnii", {"normalization": "layer"}),
        ("hgt", {"linear_last": True}),
        ("gin", {"residual": "linear"}),
        ("rgcn", {"num_bases": -1}),
        ("hgt", {"num_heads": 0}),
        ("hgt", {"encoding": "columns"}),
        ("hgt", {"residual": "identity"}),
        ("mt_albis", {"num_heads": 3, "attention": "gat_v2"}),
        ("mt_albis", {"attention": "self"}),
        ("mt_albis", {"residual": "linear"}),
    ):
        key = next(iter(options))
        with pytest.raises(ValueError, match=f"`{key}` .*must be"):
            make(name, spec, **options)


def test_what_hears_every_node_forbids_trimming() -> None:
    spec = unpadded_spec()
    for options in ({"normalization": "batch"}, {"virtual_node": True}):
        with pytest.raises(ValueError, match="`trim` of `MessagePassing` must be False"):
            make("graph_sage", spec, **options)
    padded = padded_spec([random_inputs(0)], 2, "source")
    with pytest.raises(ValueError, match="must not be 'batch' on padded batches"):
        make("graph_sage", padded, normalization="batch", trim=False)


def test_virtual_node_hears_its_component_alone() -> None:
    # By one edge set, so that nodes without edges exist.
    options = {"virtual_node": True, "num_layers": 2, "trim": False, "units": 32}
    run = compiled(models.graph_sage(unpadded_spec(), **options))
    plain = compiled(models.graph_sage(unpadded_spec(), num_layers=2, trim=False, units=32))
    inputs = random_inputs(0, components=12)
    papers = inputs.batch.node_sizes["paper"]
    starts = np.cumsum(papers) - papers
    far = {
        component: int(rows[-1])
        for component in range(12)
        if len(rows := _deaf(inputs, starts[component], papers[component]))
    }
    assert far
    component, row = next(iter(far.items()))
    changed = inputs.with_value("paper", "pages", row, 40.0)
    moved = np.abs(seed_states(run, changed) - seed_states(run, inputs)).max(axis=1)
    assert moved[component] > 1e-5
    assert not moved[np.arange(12) != component].any()
    moved = np.abs(seed_states(plain, changed) - seed_states(plain, inputs)).max(axis=1)
    assert not moved.any()


def _deaf(inputs: Inputs, start: int, size: int) -> np.ndarray:
    """Papers of a component whose states its seed cannot hear in two rounds."""
    count = int(inputs.batch.node_sizes["paper"].sum())
    authors = int(inputs.batch.node_sizes["author"].sum())
    offset = {"paper": 0, "author": count}
    hears = np.eye(count + authors, dtype=bool)
    for name, (source, target) in inputs.batch.edges.items():
        hears[offset[ENDS[name][0]] + source, offset[ENDS[name][1]] + target] = True
    heard = (hears @ hears)[start]
    rows = np.arange(start, start + size)
    return rows[~heard[rows]]


def seed_with(inputs: Inputs, condition: np.ndarray) -> int:
    """A component whose seed fulfils a condition on papers."""
    for component, row in enumerate(inputs.batch.seeds):
        if condition[row]:
            return component
    raise AssertionError("no such seed")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("graph_sage", "columns"), ("graph_sage", "dense"), ("mt_albis", "dense"), ("gin", "dense")],
)
def test_every_input_reaches_the_seed(name: str, encoding: str) -> None:
    # A linear unit may be dead for one seed; 32 are not.
    model = compiled(
        models.TEMPLATES[name](unpadded_spec(), units=32, num_layers=2, encoding=encoding)
    )
    inputs = random_inputs(6, components=12)
    before = seed_states(model, inputs)
    papers, seeds = inputs.nodes["paper"], inputs.batch.seeds
    known = papers["prize/known"] > 0

    def change(set_name: str, feature: str, index: Any, value: Any) -> np.ndarray:
        after = seed_states(model, inputs.with_value(set_name, feature, index, value))
        return np.abs(after - before).max(axis=1)

    everything = np.ones(len(known), bool)
    for feature, condition, value in (
        ("words", ~np.isnan(papers["words"]).any(axis=1), 2.5),
        ("words", ~np.isnan(papers["words"]).any(axis=1), np.nan),
        ("pages", everything, 20.0),
        ("prize", known, 3.0),
        ("prize/known", everything, None),
        ("venue", papers["venue"] != 1, 1),
        ("venue", papers["venue"] != 0, 0),
        ("verdict", papers["verdict"] != 2, 2),
        ("verdict/known", everything, None),
        ("written/age", ~np.isnan(papers["written/age"]), 90.0),
        ("written/age", ~np.isnan(papers["written/age"]), np.nan),
        ("awarded/age", known, 31.0),
    ):
        component = seed_with(inputs, condition)
        row = seeds[component]
        if value is None:
            value = 1 - papers[feature][row]
        moved = change("paper", feature, row, value)
        assert moved[component] > 1e-4, (feature, value)
        assert not moved[np.arange(12) != component].any(), feature
    # What is not known is masked, whatever its value.
    row = seeds[seed_with(inputs, ~known)]
    assert not change("paper", "prize", row, 5.0).any()
    assert not change("paper", "awarded/age", row, 5.0).any()
    # Authors of a seed, by their id; edges of a seed, by their age.
    paper, author = inputs.batch.edges["by"]
    edge = next(e for e, p in enumerate(paper) if p in seeds)
    assert change(
        "author", "#id", author[edge], (inputs.nodes["author"]["#id"][author[edge]] + 1) % 8
    ).any()
    edge = next(e for e, p in enumerate(inputs.batch.edges["cites"][0]) if p in seeds)
    assert change("cites", "time/age", edge, 60.0).any()


@pytest.mark.parametrize("name", ["hgt", "mt_albis", "rgcn"])
def test_one_seed_one_model(name: str) -> None:
    spec = unpadded_spec(few=True)
    tf.keras.utils.set_random_seed(1)
    first = make(name, spec, dropout=0.4, id_dropout=0.3)
    tf.keras.utils.set_random_seed(2)
    second = make(name, spec, dropout=0.4, id_dropout=0.3)
    third = make(name, spec, dropout=0.4, id_dropout=0.3, seed=4)
    inputs = random_inputs(0)
    for _ in range(2):
        states = seed_states(first, inputs, training=True)
        np.testing.assert_array_equal(seed_states(second, inputs, training=True), states)
    assert np.abs(seed_states(third, inputs) - seed_states(first, inputs)).max() > 0.01
    # Kernels of one shape start apart.
    kernels = [w.numpy() for w in first.trainable_weights if "kernel" in w.name]
    for index, kernel in enumerate(kernels):
        for other in kernels[:index]:
            assert kernel.shape != other.shape or (kernel != other).any()


@pytest.mark.parametrize("dropped", ["dropout", "feature_dropout", "edge_dropout", "id_dropout"])
def test_dropout_goes_on_where_weights_were_saved(dropped: str, tmp_path: Any) -> None:
    name, spec, inputs = "graph_sage", unpadded_spec(few=True), random_inputs(0, components=12)
    rates = {"id_dropout": 0.0, dropped: 0.5}
    model = make(name, spec, **rates)
    still = [seed_states(model, inputs) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    states = [seed_states(model, inputs, training=True) for _ in range(4)]
    assert any((states[0] != other).any() for other in states[1:])
    model.save_weights(tmp_path / "weights")
    expected = seed_states(model, inputs, training=True)
    other = make(name, spec, **rates)
    other.load_weights(tmp_path / "weights").assert_consumed()
    np.testing.assert_array_equal(seed_states(other, inputs, training=True), expected)


@pytest.mark.parametrize("name", ["gcn"])
def test_fit_compiled(name: str) -> None:
    inputs = [random_inputs(seed) for seed in range(3)]
    model = make(name, padded_spec(inputs, 2, "source"), dropout=0.2, edge_dropout=0.2, l2=1e-4)
    states = tfgnn.keras.layers.ReadoutFirstNode(
        node_set_name="paper", feature_name=tfgnn.HIDDEN_STATE
    )(model.output)
    head = tf.keras.Model(model.input, tf.keras.layers.Dense(1)(states))
    head.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=True)
    graphs = tf.data.Dataset.from_generator(
        lambda: (each.padded().graph() for each in inputs),
        output_signature=inputs[0].padded().graph().spec,
    )
    labels, weights = [[0.0], [1.0], [1.0], [0.0], [0.0]], [1.0, 1.0, 1.0, 1.0, 0.0]
    data = graphs.map(lambda graph: (graph, tf.constant(labels), tf.constant(weights))).repeat()
    history = head.fit(data, epochs=2, steps_per_epoch=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_linear_last_round_makes_the_classic_gcn() -> None:
    """``A relu(A X W_0 + b_0) + b_1``: the last round's kernel is the head's."""
    schema = new_schema()
    declare_feature(schema.node_sets["n"], "x", "DT_FLOAT", (3,))
    schema.edge_sets["e"].source = schema.edge_sets["e"].target = "n"
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    sources, targets = np.array([0, 0, 1, 2, 4]), np.array([1, 3, 3, 0, 2], np.int32)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=5))])
    graph = Graph(
        schema,
        {"n": NodeSet(np.arange(5), {"x": Feature(x)})},
        {"e": EdgeSet("n", "n", indptr, targets)},
    )
    whole = WholeGraph(graph)
    model = make("gcn", whole_graph_spec(whole, "n"), linear_last=True, encoding="columns")
    kernel, *biases = model.get_weights()
    for weight, bias in zip(model.weights[1:], biases, strict=True):
        weight.assign(bias + np.arange(8))
    states = model(whole.at("n", tf.range(5))).node_sets["n"][tfgnn.HIDDEN_STATE].numpy()

    a = np.eye(5)
    a[sources, targets] = 1
    a /= np.sqrt(a.sum(axis=1, keepdims=True) * a.sum(axis=0, keepdims=True))
    hidden = np.maximum(a @ ((x - x.mean(axis=0)) / x.std(axis=0)) @ kernel + np.arange(8), 0)
    np.testing.assert_allclose(states, a @ hidden + np.arange(8), atol=1e-5)
    assert (hidden == 0).any()
