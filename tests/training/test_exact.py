"""Layer-wise exact inference: equal to the whole graph at once, whatever the chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.training.test_full_graph import untimed_papers
from tfgnn_ext import models, training
from tfgnn_ext.graph import Seeds
from tfgnn_ext.tensors import InputSpec, WholeGraph, WholeGraphBatches, whole_graph_spec


def body(whole: WholeGraph, name: str, **options: Any) -> training.ModelFn:
    statistics = whole_graph_spec(whole, "paper").statistics()

    def make(graph_spec: Any) -> tf.keras.Model:
        spec = InputSpec.with_statistics(graph_spec, "paper", statistics)
        return models.TEMPLATES[name](spec, **{"units": 8, "receivers": "both", **options})

    return make


def composed(whole: WholeGraph, seeds: Seeds, model_fn: training.ModelFn) -> tuple[Any, ...]:
    source = WholeGraphBatches(whole, seeds)
    choice = (np.arange(len(seeds)), np.ones(len(seeds)), 0)
    data = source.dataset(lambda step: choice, 0, 1)
    task = training.NodeClassification("paper", num_classes=len(seeds.classes))
    model = training.compose(task, model_fn, data.element_spec[0])
    return task, model, source


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("graph_sage", {"jumping_knowledge": "concat", "normalization": "batch"}),
        ("gcn", {"edge_dropout": 0.3}),
        ("hgt", {}),
        ("appnp", {"num_layers": 2}),
        ("gat_v2", {"receivers": "target", "jumping_knowledge": "max"}),
    ],
)
def test_equals_full_graph(name: str, options: dict[str, Any]) -> None:
    graph, seeds = untimed_papers()
    whole = WholeGraph(graph)
    task, model, source = composed(whole, seeds, body(whole, name, **options))
    expected = training.Predictor(task, model, source)()
    # One chunk, and so many that hubs stand alone.
    for items in (1_000_000, 150):
        found = training.ExactPredictor(task, model, whole, seeds, items_per_step=items)()
        np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=2e-6)
        np.testing.assert_allclose(found.values, expected.values, atol=2e-6)
        np.testing.assert_array_equal(found.ids, expected.ids)
    assert np.abs(expected.embeddings).max() > 0.1


def test_some_seeds_in_any_order() -> None:
    graph, seeds = untimed_papers()
    whole = WholeGraph(graph)
    task, model, source = composed(whole, seeds, body(whole, "graph_sage"))
    expected = training.Predictor(task, model, source)()
    chosen = np.array([5, 2, 9, 2])
    found = training.ExactPredictor(task, model, whole, seeds.take(chosen))()
    np.testing.assert_allclose(found.logits, expected.logits[chosen], atol=2e-6)
    evaluation = training.evaluate(task, model, source, exact=whole)
    np.testing.assert_allclose(evaluation.predictions.logits, expected.logits, atol=2e-6)


def test_members_keep_their_order() -> None:
    graph, seeds = untimed_papers()
    whole = WholeGraph(graph)
    sides = training.side_by_side(
        [body(whole, "graph_sage", seed=seed, units=units) for seed, units in ((1, 5), (2, 3))]
    )
    task, model, source = composed(whole, seeds, sides)
    expected = training.Predictor(task, model, source)()
    found = training.ExactPredictor(task, model, whole, seeds)()
    np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=2e-6)


def test_refusals() -> None:
    graph, seeds = untimed_papers()
    whole = WholeGraph(graph)
    task, model, _ = composed(whole, seeds, body(whole, "graph_sage", virtual_node=True))
    predict = training.ExactPredictor(task, model, whole, seeds)
    with pytest.raises(ValueError, match="`virtual_node`, which hears every node"):
        predict()

    task, model, _ = composed(whole, seeds, body(whole, "graph_transformer"))
    predict = training.ExactPredictor(task, model, whole, seeds)
    with pytest.raises(ValueError, match="whose reach is known"):
        predict()

    def plain(spec: Any) -> tf.keras.Model:
        inputs = tf.keras.layers.Input(type_spec=spec)
        states = tf.keras.layers.Lambda(
            lambda graph: graph.replace_features(
                node_sets={"paper": {"hidden_state": graph.node_sets["paper"]["words"]}}
            )
        )(inputs)
        return tf.keras.Model(inputs, states)

    task, model, _ = composed(whole, seeds, plain)
    with pytest.raises(ValueError, match="must be of message passing templates"):
        training.ExactPredictor(task, model, whole, seeds)
