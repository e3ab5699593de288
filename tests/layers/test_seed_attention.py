"""Seed attention against its formula, written with loops."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgnn_ext.layers.seed_attention import SeedAttention

COMPONENTS, SEED, ITEM, HEADS, UNITS, POOLED = 7, 5, 11, 3, 6, 2
GROUPS = (4, 1, 3)


def inputs(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    mask = (random.random((COMPONENTS, sum(GROUPS))) < 0.7).astype(np.float32)
    mask[2] = 0  # A component that reached nothing.
    return (
        random.normal(size=(COMPONENTS, SEED)).astype(np.float32),
        random.normal(size=(COMPONENTS, sum(GROUPS), ITEM)).astype(np.float32),
        mask,
    )


def layer() -> SeedAttention:
    made = SeedAttention(groups=GROUPS, num_heads=HEADS, units=UNITS, pooled_units=POOLED, seed=4)
    made(inputs())
    random = np.random.default_rng(9)  # Biases begin at 0.
    made.set_weights([w + random.normal(size=w.shape) / 5 for w in made.get_weights()])
    return made


def reference(
    attention: SeedAttention, seeds: np.ndarray, items: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    names = [w.name.partition(":")[0].rpartition("/")[2] for w in attention.weights]
    w = dict(zip(names, attention.get_weights(), strict=True))
    width = UNITS // HEADS
    rows = []
    for c in range(COMPONENTS):
        values, found = [], []
        begin = 0
        for g, slots in enumerate(GROUPS):
            chosen = [begin + i for i in range(slots) if mask[c, begin + i]]
            begin += slots
            for h in range(HEADS):
                index = g * HEADS + h
                part = slice(index * width, (index + 1) * width)
                q = seeds[c] @ w["query"][:, part] + w["query_bias"][part]
                scores = np.array([q @ (w["key"][index] @ items[c, i]) for i in chosen])
                weights = np.exp(scores / np.sqrt(width))
                parts = [items[c, i] @ w["value"][index] + w["value_bias"][index] for i in chosen]
                total = sum((a * p for a, p in zip(weights, parts, strict=True)), np.zeros(width))
                values.append(total / weights.sum() if chosen else total)
            flat = [
                np.maximum(items[c, i] @ w["pooled"][g] + w["pooled_bias"][g], 0) for i in chosen
            ]
            found.append(np.mean(flat, axis=0) if flat else np.zeros(POOLED))
            found.append(np.max(flat, axis=0) if flat else np.zeros(POOLED))
        rows.append(np.concatenate([*values, *found]))
    return np.array(rows)


def test_it_equals_its_formula() -> None:
    attention = layer()
    found = attention(inputs())
    assert found.shape == (COMPONENTS, len(GROUPS) * (UNITS + 2 * POOLED))
    np.testing.assert_allclose(found, reference(attention, *inputs()), atol=1e-5)
    assert not found.numpy()[2].any()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_equals_eager(jit_compile: bool) -> None:
    attention = layer()
    compiled = tf.function(attention, jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(inputs()), attention(inputs()), atol=1e-5)


def test_masked_items_and_their_order_do_not_count() -> None:
    attention = layer()
    seeds, items, mask = inputs()
    before = attention((seeds, items, mask)).numpy()
    items = np.where(mask[..., None] > 0, items, 1e3).astype(np.float32)
    np.testing.assert_allclose(attention((seeds, items, mask)), before, atol=1e-5)
    order = np.array([3, 1, 0, 2, 4, 7, 5, 6])  # Within each group.
    np.testing.assert_allclose(
        attention((seeds, items[:, order], mask[:, order])), before, atol=1e-5
    )


def test_groups_do_not_mix() -> None:
    attention = layer()
    seeds, items, mask = inputs()
    before = attention((seeds, items, mask)).numpy()
    items[:, 4] += 1  # The one slot of the second group.
    after = attention((seeds, items, mask)).numpy()
    changed = np.abs(after - before).max(axis=0) > 1e-6
    values = changed[: len(GROUPS) * UNITS].reshape(len(GROUPS), UNITS)
    assert values.any(axis=1).tolist() == [False, True, False]


def test_configuration_and_gradients() -> None:
    attention = layer()
    again = SeedAttention.from_config(attention.get_config())
    again(inputs())
    again.set_weights(attention.get_weights())
    np.testing.assert_array_equal(again(inputs()), attention(inputs()))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(attention(inputs()) ** 2)
    gradients = tape.gradient(loss, attention.trainable_weights)
    assert all(np.abs(g.numpy()).max() > 0 for g in gradients)
    with pytest.raises(
        ValueError, match="`num_heads` of `SeedAttention` must be an int >= 1. Got 0"
    ):
        SeedAttention(groups=[1], num_heads=0, units=4, pooled_units=2)
    with pytest.raises(ValueError, match="`units` of `SeedAttention` must be a multiple of"):
        SeedAttention(groups=[1], num_heads=4, units=6, pooled_units=1)
