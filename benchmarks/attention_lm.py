"""A transformer whose tokens mix by attention alone, trained with any kind of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.attention_tasks import Batch

LEARNED = {"sketch": "learned"}
KINDS: dict[str, dict[str, Any]] = {
    "no attention": {},
    "softmax": {},
    "exact, degree 4": {"sketch": "none", "degree": 4},
    "exact, degree 2": {"sketch": "exact2"},
    "learned sketch, r = 16": {**LEARNED, "r": 16},
    "learned sketch, r = 32": {**LEARNED, "r": 32},
    "learned sketch, r = 64": {**LEARNED, "r": 64},
    "learned sketch, r = 16, local exact": {**LEARNED, "r": 16, "local_exact": True},
    "learned sketch, r = 32, local exact": {**LEARNED, "r": 32, "local_exact": True},
    "learned sketch, r = 64, local exact": {**LEARNED, "r": 64, "local_exact": True},
    "orthogonal sketch, r = 32": {"sketch": "orthogonal", "r": 32},
    "orthogonal sketch, r = 32, local exact": {
        "sketch": "orthogonal",
        "r": 32,
        "local_exact": True,
    },
}


def places(context: int, width: int, longest: int) -> np.ndarray:
    """Sines and cosines of wavelengths up to the longest: a shift is linear in them."""
    rates = float(longest) ** -np.linspace(0, 1, width // 2)
    angles = np.arange(context)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def model(
    kind: str,
    *,
    codes: int,
    context: int,
    width: int,
    heads: int,
    key_dim: int,
    layers: int,
    block: int,
    seed: int,
    hyper_layers: int = 0,
    longest: int | None = None,
    shift: bool = False,
) -> Any:
    """A transformer from codes ``[batch, context]`` to logits ``[batch, context, codes]``.

    With "softmax", the last `hyper_layers` layers are HyperAttention on a quarter of the context:
    blocks and samples of 32 keys. Weights of a model fit another `context` of the same `longest`.
    With `shift`, what attends is a convolution of each token and the one before.
    """
    import tensorflow as tf

    from tfgnn_ext.layers import HyperAttention, PolySketchAttention

    tf.keras.utils.set_random_seed(seed)

    def attended(states: Any, layer: int) -> Any:
        same = {
            "num_heads": heads,
            "key_dim": key_dim,
            "value_dim": width // heads,
            "seed": 10 * seed + layer,
        }
        if kind == "softmax":
            hyper = layer >= layers - hyper_layers
            attention = HyperAttention(
                **same,
                min_seq_len=context // 4 if hyper else context,
                bucket_size=32,
                num_samples=32,
            )
        else:
            attention = PolySketchAttention(**same, **KINDS[kind], block_size=block)
        normal = tf.keras.layers.LayerNormalization()(states)
        if shift:
            before = tf.pad(normal[:, :-1], [[0, 0], [1, 0], [0, 0]])
            normal = tf.keras.layers.Dense(width)(tf.concat([normal, before], axis=2))
        return states + attention(normal, normal, use_causal_mask=True)

    inputs = tf.keras.Input([context], dtype=tf.int32)
    states = tf.keras.layers.Embedding(
        codes, width, embeddings_initializer=tf.keras.initializers.RandomNormal(0, 1.0)
    )(inputs)
    states += tf.constant(places(context, width, longest or context))
    for layer in range(layers):
        states = attended(states, layer) if kind != "no attention" else states
        normal = tf.keras.layers.LayerNormalization()(states)
        hidden = tf.keras.layers.Dense(4 * width, "gelu")(normal)
        states += tf.keras.layers.Dense(width)(hidden)
    logits = tf.keras.layers.Dense(codes)(tf.keras.layers.LayerNormalization()(states))
    return tf.keras.Model(inputs, logits)


def fit(made: Any, batches: Iterator[Batch], steps: int, rate: float) -> list[float]:
    """Trains with Adam, a warm-up of a tenth of the steps and a cosine; the losses."""
    import tensorflow as tf

    optimizer = tf.keras.optimizers.Adam(0.0, beta_2=0.98, jit_compile=False)
    optimizer.build(made.trainable_variables)

    @tf.function(jit_compile=True)
    def step(x: Any, y: Any, weight: Any, rate: Any) -> Any:
        with tf.GradientTape() as tape:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, made(x, training=True))
            loss = tf.reduce_sum(each * weight) / tf.reduce_sum(weight)
        gradients = tape.gradient(loss, made.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(gradients, made.trainable_variables, strict=True))
        return loss

    losses = []
    for index in range(steps):
        now = min(1, 10 * (index + 1) / steps) * (0.55 + 0.45 * np.cos(np.pi * index / steps))
        losses.append(float(step(*next(batches), tf.constant(rate * now, tf.float32))))
    return losses


def evaluate(made: Any, batches: Iterator[Batch], steps: int) -> tuple[float, float]:
    """The mean loss and the share of right answers."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def measure(x: Any, y: Any, weight: Any) -> Any:
        logits = made(x)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == y, tf.float32)
        return [tf.reduce_sum(v * weight) / tf.reduce_sum(weight) for v in (each, right)]

    found = np.mean([[float(v) for v in measure(*next(batches))] for _ in range(steps)], axis=0)
    return float(found[0]), float(found[1])
