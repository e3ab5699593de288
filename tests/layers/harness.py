"""What every layer on tensors is put through, once for each set of arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

Value = Any  # A tensor, or a dictionary or tuple of tensors.


def _specs(inputs: Value, *, static: bool) -> Value:
    def spec(tensor: tf.Tensor) -> tf.keras.KerasTensor:
        rows = tensor.shape[0] if static else None
        return tf.keras.Input(batch_size=rows, shape=tensor.shape[1:], dtype=tensor.dtype)

    return tf.nest.map_structure(spec, inputs)


def run_layer_test(
    make: Callable[[], tf.keras.layers.Layer],
    inputs: Value,
    *,
    output_shape: tuple[int, ...],
    permute: bool = True,
    random: bool = False,
) -> None:
    """Runs a layer through all that a Keras layer of this package has to stand.

    Args:
      make: Makes the layer; twice the same one.
      inputs: Tensors ``[num_items, ...]``, alone or in a dictionary.
      output_shape: Of the result.
      permute: Whether items are treated alike: then permuted items give permuted results, and items
        added behind them change nothing.
      random: Whether training calls are random.
    """
    inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
    layer = make()
    outputs = layer(inputs)
    assert outputs.shape == output_shape
    assert outputs.dtype == tf.float32
    assert np.isfinite(outputs).all()

    # The same arguments, the same weights; the config makes them again, from JSON.
    other = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert other.get_config() == layer.get_config()
    other = type(layer).from_config(_as_json(layer.get_config()))
    np.testing.assert_array_equal(other(inputs), outputs)
    assert [w.name for w in other.weights] == [w.name for w in layer.weights]

    # In a functional model, saved and loaded.
    keras_inputs = _specs(inputs, static=False)
    model = tf.keras.Model(keras_inputs, layer(keras_inputs))
    np.testing.assert_allclose(model(inputs), outputs, atol=1e-6)
    clone = type(model).from_config(model.get_config())
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(inputs), outputs, atol=1e-6)

    # Compiled.
    for training in (False, True):
        eager, compiled = make(), make()
        for _ in range(2):
            expected = eager(inputs, training=training) if random else eager(inputs)
            run = tf.function(
                lambda values, layer=compiled, training=training: (
                    layer(values, training=training) if random else layer(values)
                ),
                jit_compile=True,
                autograph=False,
            )
            if not compiled.built:
                compiled(inputs)
            np.testing.assert_allclose(run(inputs), expected, atol=1e-5)

    # One step of fit moves every trainable weight that the loss sees.
    trained = tf.keras.Model(keras_inputs, layer(keras_inputs))
    trained.compile(tf.keras.optimizers.Adam(0.1), "mse")
    before = [w.numpy() for w in layer.trainable_weights]
    history = trained.fit(inputs, np.full(output_shape, 9.0), batch_size=output_shape[0], verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for old, weight in zip(before, layer.trainable_weights, strict=True):
        assert (old != weight.numpy()).any(), weight.name

    _check_mixed_precision(make, inputs, outputs)
    if permute:
        _check_items(make(), inputs, outputs.numpy())


def _as_json(config: Mapping[str, Any]) -> Any:
    import json

    return json.loads(json.dumps(config))


def _check_mixed_precision(
    make: Callable[[], tf.keras.layers.Layer], inputs: Value, outputs: tf.Tensor
) -> None:
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = make()
        found = layer(inputs)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert found.dtype == tf.bfloat16
    assert all(w.dtype != tf.bfloat16 for w in layer.weights)
    np.testing.assert_allclose(tf.cast(found, tf.float32), outputs, rtol=0.1, atol=0.1)


def _check_items(layer: tf.keras.layers.Layer, inputs: Value, outputs: np.ndarray) -> None:
    order = np.random.default_rng(0).permutation(len(outputs))
    moved = tf.nest.map_structure(lambda value: tf.gather(value, order), inputs)
    np.testing.assert_allclose(layer(moved), outputs[order], atol=1e-5)
    longer = tf.nest.map_structure(lambda value: tf.concat([value, value[:2]], axis=0), inputs)
    np.testing.assert_allclose(layer(longer)[: len(outputs)], outputs, atol=1e-5)
