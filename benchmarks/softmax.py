"""Exact attention that others are measured against: ``[1, num_tokens, width]`` each."""

from __future__ import annotations

from typing import Any


def chunked_softmax(q: Any, k: Any, v: Any) -> Any:
    """512 queries at a time against all keys, backward from the saved log-sum-exp."""
    import tensorflow as tf

    size, scale = min(512, q.shape[1]), q.shape[2] ** -0.5
    blocks = q.shape[1] // size

    def at(x: Any, index: Any) -> Any:
        return tf.slice(x, [0, index * size, 0], [1, size, x.shape[2]])

    @tf.custom_gradient
    def attend(q: Any, k: Any, v: Any) -> Any:
        turned_k = tf.transpose(k, [0, 2, 1])

        def forward(index: Any, outputs: Any, sums: Any) -> Any:
            score = tf.matmul(at(q, index), turned_k) * scale
            lse = tf.reduce_logsumexp(score, axis=2, keepdims=True)
            found = tf.matmul(tf.exp(score - lse), v)
            return index + 1, outputs.write(index, found), sums.write(index, lse)

        arrays = [tf.TensorArray(tf.float32, blocks) for _ in range(2)]
        _, outputs, sums = tf.while_loop(
            lambda index, *_: index < blocks, forward, (0, *arrays), parallel_iterations=1
        )
        out, lse = (tf.reshape(x.stack(), [1, q.shape[1], -1]) for x in (outputs, sums))

        def gradients(upstream: Any) -> Any:
            turned_v = tf.transpose(v, [0, 2, 1])
            shift = tf.reduce_sum(upstream * out, axis=2, keepdims=True)
            turned_q, turned_g = (tf.transpose(x, [0, 2, 1]) for x in (q, upstream))

            def backward(index: Any, rows: Any, for_k: Any, for_v: Any) -> Any:
                score = tf.matmul(at(q, index), turned_k) * scale
                weight = tf.exp(score - at(lse, index))
                flow = tf.matmul(at(upstream, index), turned_v) - at(shift, index)
                flow = weight * flow * scale
                begin, sizes = [0, 0, index * size], [1, q.shape[2], size]
                for_k += tf.matmul(tf.slice(turned_q, begin, sizes), flow)
                for_v += tf.matmul(tf.slice(turned_g, begin, sizes), weight)
                return index + 1, rows.write(index, tf.matmul(flow, k)), for_k, for_v

            zeros = tf.zeros_like(turned_k)
            _, rows, for_k, for_v = tf.while_loop(
                lambda index, *_: index < blocks,
                backward,
                (0, tf.TensorArray(tf.float32, blocks), zeros, zeros),
                parallel_iterations=1,
            )
            for_q = tf.reshape(rows.stack(), q.shape)
            return for_q, *(tf.transpose(x, [0, 2, 1]) for x in (for_k, for_v))

        return out, gradients

    return attend(q, k, v)


def einsum_softmax(q: Any, k: Any, v: Any) -> Any:
    """Exact, with all weights in memory at once."""
    import tensorflow as tf

    score = tf.einsum("bqw,bkw->bqk", q, k) * q.shape[2] ** -0.5
    return tf.einsum("bqk,bkd->bqd", tf.nn.softmax(score), v)
