"""An ensemble is the mean of its members' logits, and a model like any other."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.training.toy import ToySource, toy_model, toy_seeds
from tfgnn_ext import training
from tfgnn_ext.training.seed_batches import SeedBatches

SEEDS, FEATURES = toy_seeds(37, num_classes=3)


def _member(task: training.NodeClassification, seed: int) -> tf.keras.Model:
    model = training.compose(task, toy_model, _dataset().element_spec[0])
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(size=value.shape) for value in model.get_weights()])
    return model


def _dataset() -> tf.data.Dataset:
    batches = SeedBatches(len(SEEDS), 7, shuffle=False, partial="pad", resample=False)
    return ToySource(SEEDS, FEATURES, 7).dataset(batches, 0, 1)


def test_logits_are_the_mean_and_embeddings_stand_side_by_side() -> None:
    task = training.NodeClassification("item", num_classes=3)
    members = [_member(task, seed) for seed in range(3)]
    dataset = _dataset()
    model = training.ensemble(task, [toy_model] * 3, members, dataset.element_spec[0])
    graph, *_ = next(iter(dataset))
    found = training.inference_model(task, model)(graph)
    parts = [training.inference_model(task, member)(graph) for member in members]
    logits = np.stack([part["logits"] for part in parts])
    np.testing.assert_allclose(found["logits"], logits.mean(axis=0), rtol=1e-5, atol=1e-5)
    # The control: no member alone is the mean.
    assert np.abs(logits - logits.mean(axis=0)).max(axis=(1, 2)).min() > 0.1
    embeddings = np.concatenate([part["embedding"] for part in parts], axis=-1)
    np.testing.assert_array_equal(found["embedding"], embeddings)


def test_of_one_member_is_the_member() -> None:
    task = training.NodeClassification("item", num_classes=3)
    member, spec = _member(task, 5), _dataset().element_spec[0]
    model = training.ensemble(task, [toy_model], [member], spec)
    for found, expected in zip(model.get_weights(), member.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_return_to_a_model_of_the_same_make() -> None:
    task, spec = training.NodeClassification("item", num_classes=3), _dataset().element_spec[0]
    model = training.ensemble(task, [toy_model] * 2, [_member(task, 1), _member(task, 2)], spec)
    again = training.compose(task, training.side_by_side([toy_model] * 2), spec)
    again.set_weights(model.get_weights())
    graph, *_ = next(iter(_dataset()))
    np.testing.assert_array_equal(again(graph), model(graph))


def test_members_must_be_given() -> None:
    task, spec = training.NodeClassification("item", num_classes=3), _dataset().element_spec[0]
    with pytest.raises(ValueError, match=r"one for each of `model_fns`\. Got 0 models and 1"):
        training.ensemble(task, [toy_model], [], spec)
