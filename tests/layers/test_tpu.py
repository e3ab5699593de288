"""Attention layers on TPUs: what `tpu.py` checks, and that its checks fail where they should."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from tests.layers.attention_graphs import attention_graph
from tests.layers.tpu import ALLOWED, check_tpu_ready, gradients
from tfgnn_ext import layers, ops

SHAPE = (2, 12, 8)


def sequences(number: int = 2) -> list[tuple[tf.Tensor]]:
    return [(tf.random.stateless_normal(SHAPE, [seed, 1]),) for seed in range(number)]


HYPER = {"min_seq_len": 3, "bucket_size": 4, "num_samples": 2}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (layers.PolySketchAttention, {"r": 4, "block_size": 4, "local_exact": True}),
        (layers.PolySketchAttention, {"r": 4, "block_size": 4, "sketch": "srht", "degree": 8}),
        (layers.PolySketchAttention, {"block_size": 4, "sketch": "exact2"}),
        (layers.PolySketchAttention, {"sketch": "none"}),
        (layers.HyperAttention, HYPER),
    ],
)
def test_sequence_attention(kind: type, options: dict[str, Any], causal: bool) -> None:
    layer = kind(num_heads=2, key_dim=4, **options)
    layer(*sequences(1)[0], *sequences(1)[0])

    def call(x: tf.Tensor) -> tf.Tensor:
        return layer(x, x, use_causal_mask=causal)

    check_tpu_ready(gradients(layer, call), sequences())


def test_transformer_block() -> None:
    block = layers.PolySketchTransformerBlock(
        attention={"num_heads": 2, "key_dim": 4, "r": 4, "block_size": 4}, dropout=0.1
    )
    block(*sequences(1)[0])
    check_tpu_ready(gradients(block, lambda x: block(x)), sequences())


@pytest.mark.parametrize("kind", ["softmax", "polynomial", "sketch", "exact2", "hyper"])
def test_component_attention(kind: str) -> None:
    layer = layers.ComponentAttention(
        units=8,
        num_heads=2,
        node_sets=["a", "b"],
        kind=kind,
        r=4,
        edge_sets=["a_to_b"],
        padded=True,
        block_size=8,
        min_component_size=4,
        num_samples=3,
    )
    batches = [(attention_graph(seed),) for seed in range(3)]
    layer(*batches[0])

    def call(graph: Any) -> tf.Tensor:
        found = layer(graph).node_sets
        return tf.concat([found[name]["hidden_state"] for name in ("a", "b")], axis=0)

    check_tpu_ready(gradients(layer, call), batches)


@pytest.mark.parametrize(
    ("step", "batches", "message"),
    [
        (lambda x: tf.boolean_mask(x, x > 0), sequences(), "not listed for TPUs: .*Where"),
        (lambda x: tf.repeat(x[0, 0], [1] * 8), sequences(), "not listed for TPUs: .*Where"),
        (lambda x: tf.unique(tf.reshape(x, [-1])), sequences(), "not listed for TPUs: .*Unique"),
        (lambda x: x, [(tf.ones([2]),), (tf.ones([3]),)], "traced 2 times for 2 batches"),
        (lambda x: x, [(tf.ones([2], tf.int64),)], "an input is .*int64"),
        (lambda x: x, [(tf.ragged.constant([[1], [2, 3]]),)], "an input is .*int64"),
        (
            lambda x: x,
            [(tf.RaggedTensor.from_row_splits([1, 2], tf.constant([0, 2], tf.int32)),)],
            "an input has the shape",
        ),
        # Of this package: the one kind of sampling that searches.
        (
            lambda x: ops.hyper_attention(
                *[x[:, :, None]] * 3, sampling="v_norm", min_seq_len=3, block_size=4
            ),
            sequences(),
            "not listed for TPUs: .*UpperBound",
        ),
    ],
)
def test_what_is_not_for_tpus_is_found(step: Any, batches: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_tpu_ready(step, batches)


def test_dynamic_dimensions_are_found() -> None:
    """Where the list of operations would let them pass."""
    with pytest.raises(AssertionError, match="dynamic dimensions, such as"):
        check_tpu_ready(
            lambda x: tf.boolean_mask(x, x > 0), sequences(), allowed=ALLOWED | {"Where"}
        )
