"""Attention layers on sequences: Keras' call, masks, saving, decoding."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgnn_ext.layers import HyperAttention, PolySketchAttention, PolySketchTransformerBlock

KINDS: list[tuple[type, dict[str, Any]]] = [
    (PolySketchAttention, {"r": 8, "local_exact": True, "block_size": 4}),
    (PolySketchAttention, {"r": 8, "sketch": "srht", "block_size": 4}),
    (PolySketchAttention, {"sketch": "exact2", "block_size": 4}),
    (PolySketchAttention, {"sketch": "none"}),
    (HyperAttention, {"min_seq_len": 6, "bucket_size": 4, "num_samples": 3}),
]


def make(kind: type, options: dict[str, Any]) -> Any:
    return kind(num_heads=2, key_dim=4, value_dim=3, seed=5, **options)


def sequence(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 1])


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_layer(kind: type, options: dict[str, Any], tmp_path: Any) -> None:
    inputs = tf.keras.Input([11, 7])
    layer = make(kind, options)
    model = tf.keras.Model(inputs, layer(inputs, inputs, use_causal_mask=True))
    x = sequence(3, 11, 7)
    expected = model(x)
    assert expected.shape == (3, 11, 7)
    # The future is not seen. Of HyperAttention this holds of values: which keys a query meets
    # exactly depends on its place among all queries of its half.
    later = tf.concat([x[:, :8], x[:, 8:] + 1], axis=1)
    other = later if kind is PolySketchAttention else x
    changed = layer(other, later, key=other, use_causal_mask=True)
    np.testing.assert_allclose(changed[:, :8], expected[:, :8], atol=1e-5)
    assert np.abs(changed - expected)[:, 8:].max() > 1e-3
    # Saved and loaded; its config is JSON.
    again = kind.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.get_config() == layer.get_config()
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), expected, atol=1e-6)
    # A step of training moves all that can be trained.
    before = [w.numpy() for w in layer.trainable_weights]
    model.compile(tf.keras.optimizers.Adam(0.1), "mse", jit_compile=True)
    model.fit(x, tf.ones_like(expected), verbose=0)
    for old, weight in zip(before, layer.trainable_weights, strict=True):
        # Softmax does not see a bias of keys.
        if not (isinstance(layer, HyperAttention) and "key/bias" in weight.name):
            assert (old != weight.numpy()).any(), weight.name


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_mixed_precision(kind: type, options: dict[str, Any], policy: str) -> None:
    x = sequence(2, 9, 7)
    exact = make(kind, options)(x, x)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        layer = make(kind, options)
        found = layer(x, x)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert found.dtype == policy.removeprefix("mixed_")
    assert all(weight.dtype == tf.float32 for weight in layer.weights)
    if kind is PolySketchAttention:  # A hash may fall on the other side of its hyperplane.
        np.testing.assert_allclose(tf.cast(found, tf.float32), exact, atol=0.1, rtol=0.1)
    assert np.isfinite(tf.cast(found, tf.float32)).all()


@pytest.mark.parametrize(("kind", "options"), KINDS[:4])
def test_masks(kind: type, options: dict[str, Any]) -> None:
    layer = make(kind, options)
    x, y = sequence(2, 5, 7), sequence(2, 6, 7, seed=1)
    mask = tf.constant([[True] * 4 + [False] * 2] * 2)
    expected = layer(x, y[:, :4])
    np.testing.assert_allclose(layer(x, y, attention_mask=mask[:, None]), expected, atol=1e-6)
    masked = tf.keras.layers.Masking(9.0)(tf.where(mask[:, :, None], y, 9.0))
    np.testing.assert_allclose(layer(x, masked), expected, atol=1e-6)
    with pytest.raises(ValueError, match="`attention_mask` .*MultiHeadAttention"):
        layer(x, y, attention_mask=tf.ones([2, 5, 6]))
    with pytest.raises(ValueError, match="`return_attention_scores` .* must be False"):
        layer(x, y, return_attention_scores=True)
    with pytest.raises(ValueError, match="`use_causal_mask` .* equally many. Got 5 and 6"):
        layer(x, y, use_causal_mask=True)


@pytest.mark.parametrize("attention", [{"r": 8, "local_exact": True}, {"sketch": "exact2"}])
def test_decoding(attention: dict[str, Any]) -> None:
    block = PolySketchTransformerBlock(
        attention={"num_heads": 2, "key_dim": 4, "block_size": 3, **attention}, seed=1
    )
    x = sequence(2, 8, 6)
    expected = block(x)
    state = block.start_decoding(2)
    size = sum(tf.size(each).numpy() for each in state)
    for token in range(8):
        found, state = block.decode(x[:, token], state)
        np.testing.assert_allclose(found, expected[:, token], atol=1e-5)
    assert sum(tf.size(each).numpy() for each in state) == size


def test_weights_of_softmax_fit_hyper_attention() -> None:
    exact = make(HyperAttention, {"min_seq_len": 64})
    x = sequence(2, 9, 7)
    keras = tf.keras.layers.MultiHeadAttention(2, 4, value_dim=3)
    keras(x, x)
    exact(x, x)
    for ours, theirs in zip(exact.trainable_weights, keras.weights, strict=True):
        ours.assign(tf.reshape(theirs, ours.shape))
    for causal in (False, True):
        np.testing.assert_allclose(
            exact(x, x, use_causal_mask=causal), keras(x, x, use_causal_mask=causal), atol=1e-5
        )
