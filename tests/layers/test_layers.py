from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.harness import run_layer_test
from tests.models.inputs import AUTHOR, PAPER, random_inputs
from tfgnn_ext import layers
from tfgnn_ext.tensors.input_spec import FeatureInput

ITEMS = 13


def paper_inputs() -> dict[str, np.ndarray]:
    papers = random_inputs(7, components=9).nodes["paper"]
    return {name: values[:ITEMS] for name, values in papers.items()}


def test_feature_encoder() -> None:
    run_layer_test(
        lambda: layers.FeatureEncoder(features=PAPER, units=7, activation="tanh", l2=0.1, seed=1),
        paper_inputs(),
        output_shape=(ITEMS, 7),
    )


def test_feature_columns() -> None:
    run_layer_test(
        lambda: layers.FeatureColumns(features=PAPER, units=5, seed=1),
        paper_inputs(),
        # words 3, pages, prize, three ages less one: 3 + 1 + 1 + 2; missing: words 3, written 1;
        # flags: awarded, prize, verdict; codes 5.
        output_shape=(ITEMS, 7 + 4 + 3 + 5),
    )


def test_a_bag_that_is_not_yet_known_is_empty() -> None:
    columns = layers.NumberColumns({"bag": FeatureInput(kind="bag", width=2, known=True)})
    inputs = {
        "bag": np.float32([[1, -3], [2, np.nan], [0, 0], [5, 5]]),
        "bag/known": np.float32([1, 1, 1, 0]),
    }
    found = columns({name: tf.constant(value) for name, value in inputs.items()}).numpy()
    # The flag comes first.
    assert found.tolist() == [[1, 0.25, -0.75], [1, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert columns.width == 3


def test_code_embeddings() -> None:
    codes = {"#id": np.arange(ITEMS, dtype=np.int32) % 8}
    run_layer_test(
        lambda: layers.CodeEmbeddings(features=AUTHOR, units=7, id_dropout=0.4, seed=2),
        codes,
        output_shape=(ITEMS, 7),
        random=True,
    )


def test_dropped_ids_train_the_unknown_row() -> None:
    layer = layers.CodeEmbeddings(features=AUTHOR, units=3, id_dropout=0.4, seed=2)
    codes = {"#id": tf.fill([5003], 6)}
    unknown = layer({"#id": tf.constant([0])}).numpy()[0]
    dropped = (layer(codes, training=True).numpy() == unknown).all(axis=1)
    # Five standard deviations of a binomial share.
    assert abs(dropped.mean() - 0.4) < 5 * (0.24 / 5003) ** 0.5
    assert not (layer(codes, training=False).numpy() == unknown).all(axis=1).any()


@pytest.mark.parametrize("normalization", ["none", "layer"])
def test_dense_block(normalization: str) -> None:
    inputs = np.random.default_rng(0).normal(size=(ITEMS, 5)).astype(np.float32)
    run_layer_test(
        lambda: layers.DenseBlock(
            units=7, activation="tanh", normalization=normalization, dropout=0.3, l2=0.01, seed=3
        ),
        inputs,
        output_shape=(ITEMS, 7),
        random=True,
    )


def test_step_dropout() -> None:
    inputs = np.random.default_rng(0).normal(size=(ITEMS, 5)).astype(np.float32)
    run_layer_test(
        lambda: layers.StepDropout(rate=0.3, seed=3), inputs, output_shape=(ITEMS, 5), random=True
    )


def test_step_dropout_keeps_the_mean_and_goes_on_from_its_step() -> None:
    ones = tf.ones([211, 307])
    layer = layers.StepDropout(rate=0.25, seed=3)
    first, second = layer(ones, training=True).numpy(), layer(ones, training=True).numpy()
    assert set(np.unique(first)) == {0.0, np.float32(1) / np.float32(0.75)}
    assert abs(first.mean() - 1) < 5 * (0.25 / 0.75 / first.size) ** 0.5
    assert (first != second).any()
    resumed = layers.StepDropout(rate=0.25, seed=3)
    resumed.build([])
    resumed.set_weights([np.int64(1)])
    np.testing.assert_array_equal(resumed(ones, training=True), second)
    other = layers.StepDropout(rate=0.25, seed=4)(ones, training=True).numpy()
    assert (first != other).any()


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_activation_block(normalization: str) -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, size=(ITEMS, 5)).astype(np.float32)
    layer = layers.ActivationBlock(normalization=normalization)
    axis = 1 if normalization == "layer" else 0
    centred = values - values.mean(axis=axis, keepdims=True)
    epsilon = 1e-3 if normalization == "layer" else 1e-5
    expected = centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + epsilon)
    np.testing.assert_allclose(layer(values, training=True), np.maximum(expected, 0), atol=1e-4)
    if normalization == "batch":
        # The moving averages are a tenth of the way.
        mean = 0.1 * values.mean(axis=0)
        np.testing.assert_allclose(
            layer(values, training=False),
            np.maximum((values - mean) / np.sqrt(0.9 + 0.1 * values.var(axis=0)), 0),
            atol=1e-3,
        )


def test_number_columns_golden() -> None:
    # Standardised: (14 - 10) / 2 = 2; clipped: (30 - 10) / 2 = 10 -> 5; age (9 - 3) / 2 = 3.
    columns = layers.NumberColumns(
        {
            "x": FeatureInput(kind="numeric", mean=10.0, std=2.0),
            "t/age": FeatureInput(kind="age", mean=3.0, std=2.0, known=True, missing=False),
        }
    )
    found = columns(
        {
            "x": tf.constant([14.0, 30.0, np.nan, np.inf]),
            "t/age": tf.constant([9.0, 9.0, 0.0, 3.0]),
            "t/known": tf.constant([1.0, 0.0, 0.0, 1.0]),
        }
    )
    # x, asinh of the age, whether x is there, whether t is known.
    age = np.arcsinh(3.0)
    np.testing.assert_allclose(
        found, [[2, age, 1, 1], [5, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]], rtol=1e-6
    )


def test_ramps_golden() -> None:
    # Quantiles 0, 10, 40: x = 25 fills the first ramp and half of the second.
    columns = layers.NumberColumns(
        {"x": FeatureInput(kind="numeric", quantiles=(0.0, 10.0, 40.0), missing=False)}, ramps=True
    )
    found = columns({"x": tf.constant([25.0, -3.0, 99.0, np.nan])}).numpy()
    np.testing.assert_allclose(found[:, 2:], [[1, 0.5], [0, 0], [1, 1], [0, 0]])
    np.testing.assert_allclose(found[:, 0], [5, -3, 5, 0])
    np.testing.assert_allclose(found[:, 1], np.arcsinh([25, -3, 99, 0]), rtol=1e-6)


def test_statistics_are_float32_under_mixed_precision() -> None:
    # 20,000 +- 1: bfloat16 would make them all 19,968.
    year = {"year": FeatureInput(kind="numeric", mean=20000.0, std=1.0, missing=False)}
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = layers.FeatureColumns(features=year, units=1)
        found = layer({"year": tf.constant([19999.0, 20001.0])})
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert tf.cast(found, tf.float32).numpy().tolist() == [[-1.0], [1.0]]


def test_a_policy_of_its_own() -> None:
    # Without a global one: parts follow their layer.
    for layer in (
        layers.FeatureEncoder(features=PAPER, units=4, dropout=0.1, dtype="mixed_bfloat16"),
        layers.FeatureColumns(features=PAPER, units=4, dtype="mixed_bfloat16"),
    ):
        found = layer(paper_inputs(), training=True)
        assert found.dtype == tf.bfloat16
        assert all(weight.dtype != tf.bfloat16 for weight in layer.weights)


def test_far_values_stay_finite() -> None:
    columns = layers.NumberColumns(
        {
            "x": FeatureInput(kind="numeric", std=1e-3, quantiles=(0.0, 1.0), missing=False),
            "t/age": FeatureInput(kind="age", std=1e-3, known=True, missing=False),
        },
        ramps=True,
    )
    far = tf.constant([3e38, -3e38, np.nan])
    with tf.GradientTape() as tape:
        tape.watch(far)
        found = columns({"x": far, "t/age": far, "t/known": tf.constant([1.0, 1.0, 0.0])})
    assert np.isfinite(found).all()
    assert np.isfinite(tape.gradient(found, far)).all()


@pytest.mark.parametrize("reduce_type", ["mean", "sum", "max"])
def test_pool_edges_equals_numpy(reduce_type: str) -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(31, 3)).astype(np.float32)
    receivers = random.integers(0, 11, 31).astype(np.int32)
    receivers[receivers == 4] = 5
    found = layers.pool_edges(tf.constant(values), tf.constant(receivers), 11, reduce_type).numpy()
    for row in range(11):
        mine = values[receivers == row]
        expected = getattr(np, reduce_type)(mine, axis=0) if len(mine) else np.zeros(3)
        np.testing.assert_allclose(found[row], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StepDropout(rate=1.0), r"`rate` of `StepDropout` must be in \[0, 1\)"),
        (lambda: layers.DenseBlock(units=0), "`units` of `DenseBlock` must be an int >= 1. Got 0"),
        (lambda: layers.DenseBlock(units=1, normalization="group"), "one of none, layer, batch"),
        (lambda: layers.DenseBlock(units=1, l2=-1.0), "`l2` of `DenseBlock` must be >= 0"),
        (lambda: layers.FeatureEncoder(features={}, units=1), "must name at least one feature"),
        (lambda: layers.FeatureColumns(features={}, units=1), "must name at least one feature"),
        (
            lambda: layers.CodeEmbeddings(features={"x": FeatureInput(kind="numeric")}, units=1),
            "must name at least one categorical feature",
        ),
        (
            lambda: layers.CodeEmbeddings(features=AUTHOR, units=1, id_dropout=1.0),
            r"`id_dropout` of `CodeEmbeddings` must be in \[0, 1\)",
        ),
        (lambda: layers.PoolNeighbors(receiver_tag=-1), "must be SOURCE or TARGET"),
        (lambda: layers.PoolNeighbors(receiver_tag=0, reduce_type="median"), "mean, sum, max"),
        (lambda: FeatureInput(kind="text"), "`kind` of `FeatureInput` must be one of"),  # type: ignore[arg-type]
        (lambda: FeatureInput(kind="numeric", std=0.0), "`std` of `FeatureInput` must be positive"),
        (lambda: FeatureInput(kind="numeric", quantiles=(1.0, 1.0)), "must rise strictly"),
        (lambda: FeatureInput(kind="categorical"), "`size` of `FeatureInput` must be an int >= 1"),
    ],
)
def test_invalid_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
