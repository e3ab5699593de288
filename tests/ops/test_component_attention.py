"""Attention inside components against loops over their pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.ops.checks import check, normal
from tfgnn_ext.ops.component_attention import component_attention
from tfgnn_ext.ops.component_layout import (
    component_sum,
    component_tables,
    fit_layout_sizes,
)

SIZES = np.array([3, 0, 19, 7, 5], np.int32)  # The last one is padding.
HEADS, WIDTH, VALUE = 2, 4, 3
IDS = np.repeat(np.arange(len(SIZES)), SIZES)


def arrays() -> list[np.ndarray]:
    return [normal(len(IDS), HEADS, w, seed=s) for s, w in enumerate((WIDTH, WIDTH, VALUE))]


def dense(q: np.ndarray, k: np.ndarray, v: np.ndarray, kind: str) -> np.ndarray:
    out = np.zeros_like(v)
    for i in range(len(q)):
        for h in range(HEADS):
            total, sums = (0.0 if kind == "softmax" else 1.0), np.zeros(v.shape[2])
            for j in range(len(q)):
                if IDS[i] == IDS[j] != len(SIZES) - 1:
                    score = q[i, h] @ k[j, h] * WIDTH**-0.5
                    w = (
                        np.exp(score)
                        if kind == "softmax"
                        else score ** (2 if kind == "exact2" else 4)
                    )
                    total, sums = total + w, sums + w * v[j, h]
            if total:
                out[i, h] = sums / total
    return out


@pytest.mark.parametrize(
    ("kind", "limit"), [("softmax", 16), ("polynomial", 0), ("exact2", 0), ("exact2", 32)]
)
def test_reference(kind: Any, limit: int) -> None:
    check(
        lambda q, k, v: component_attention(
            q, k, v, tf.constant(SIZES), kind=kind, limit=limit, block_size=8, padded=True
        ),
        lambda q, k, v: dense(q, k, v, kind),
        arrays(),
        directions=1,
    )


@pytest.mark.parametrize("kind", ["softmax", "polynomial", "sketch", "exact2"])
def test_the_switch_of_branches_changes_nothing(kind: Any) -> None:
    inputs = [tf.constant(each, tf.float32) for each in arrays()]
    found = [
        component_attention(*inputs, tf.constant(SIZES), kind=kind, r=8, limit=limit, block_size=8)
        for limit in (0, 4, 16, 64)
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["softmax", "sketch", "hyper"])
def test_components_do_not_see_each_other(kind: Any) -> None:
    def run(v: np.ndarray, sizes: np.ndarray = SIZES, padded: bool = True) -> np.ndarray:
        q = [each[: len(v)] for each in arrays()[:2]]
        return component_attention(
            *(tf.constant(each) for each in (*q, v)),
            tf.constant(sizes),
            kind=kind,
            r=4,
            limit=4,
            block_size=8,
            padded=padded,
            num_samples=5,
            min_component_size=4,
        ).numpy()

    v = arrays()[2]
    before = run(v)
    for component in range(4):
        mine = component == IDS
        after = run(v + mine[:, None, None])
        assert not mine.any() or np.abs(after - before)[mine].max() > 0.1
        np.testing.assert_array_equal(after[~mine], before[~mine])
    # The padding component has no result and changes none; neither do empty components.
    assert not before[IDS == 4].any()
    if kind != "hyper":
        alone = run(v[IDS < 4], np.array([3, 19, 7], np.int32), padded=False)
        np.testing.assert_allclose(alone, before[IDS < 4], atol=1e-12)


def test_tables_of_two_node_sets() -> None:
    """Nodes lie set after set; a component attends across them."""
    a, b = np.array([2, 0, 5], np.int32), np.array([1, 3, 4], np.int32)
    sizes = fit_layout_sizes([a + b], limit=8, block=4)
    parts = [tf.constant(a), tf.constant(b)]
    tables = component_tables(parts, [7, 8], sizes)
    owner = np.concatenate([np.repeat(np.arange(3), a), np.repeat(np.arange(3), b)])
    slots = tables.node_to_slot.numpy()
    assert len(set(slots)) == 15
    np.testing.assert_array_equal(tables.slot_to_node.numpy()[slots], np.arange(15))
    # Two buckets' slots of 8, then blocks of the component of 9.
    np.testing.assert_array_equal(slots // 8 == 0, owner == 0)
    assert (slots[owner == 2] >= sizes.large_start).all()
    v = normal(15, 1, 2, seed=0)
    zero = np.zeros([15, 1, 2])
    found = component_attention(
        *(tf.constant(x) for x in (zero, zero, v)), parts, kind="softmax", layout=(sizes, tables)
    )
    for component in range(3):
        mine = owner == component
        np.testing.assert_allclose(found[mine], np.broadcast_to(v[mine].mean(0), found[mine].shape))


def test_batches_that_do_not_fit_are_refused() -> None:
    sizes = fit_layout_sizes([np.array([3, 4])], limit=8, block=4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not fit the layout"):
        component_tables([tf.constant([3, 4, 5])], [12], sizes)


def test_padding_counts_nothing() -> None:
    assert component_sum(
        [tf.constant([2, 9]), tf.constant([1, 7])], padded=True
    ).numpy().tolist() == [3, 0]


@pytest.mark.parametrize("kind", ["softmax", "polynomial", "sketch", "exact2"])
def test_static_shapes_under_xla(kind: Any) -> None:
    """One trace serves batches of any sizes, and nothing in it has a dynamic dimension."""
    traces = []

    @tf.function(jit_compile=True, autograph=False)
    def run(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch((q, k, v))
            out = component_attention(
                q, k, v, sizes, kind=kind, r=4, limit=8, block_size=8, padded=True
            )
        return out, tape.gradient(out, (q, k, v))

    inputs = [tf.constant(each, tf.float32) for each in arrays()]
    for sizes in (SIZES, np.array([30, 1, 1, 1, 1], np.int32)):
        out, _ = run(*inputs, tf.constant(sizes))
        eager = component_attention(
            *inputs, tf.constant(sizes), kind=kind, r=4, limit=8, block_size=8, padded=True
        )
        np.testing.assert_allclose(out, eager, atol=1e-5)
    assert len(traces) == 1
    hlo = run.experimental_get_compiler_ir(*inputs, tf.constant(SIZES))(stage="hlo")
    assert "<=" not in hlo.replace("direction=LE", "")
    assert "s64[" not in hlo or "custom" not in hlo


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "linear"}, "`kind` of `component_attention` must be one of softmax"),
        ({"offset": 0.0}, "`offset` .* must be > 0"),
        ({"sketch": "learned"}, "`features` .* must be given"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        component_attention(
            *(tf.constant(each) for each in arrays()), tf.constant(SIZES), **options
        )
