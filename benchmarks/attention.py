"""Attention against query-chunked exact softmax: CPU seconds, forward and backward, and memory.

One head, h = d = 64, float32, one thread. The baseline handles 512 queries at a time against all
keys and goes backward from the saved log-sum-exp. Each side runs as a graph and under XLA, and the
faster build counts. Sketches take their features as given: what makes them is listed by itself.
Beside each ratio to softmax stands the bound that multiplications alone would give.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.rows import Row, arguments, cpu_seconds, show, versions

WIDTH = 64
Step = Callable[..., Any]


def chunked_softmax(q: Any, k: Any, v: Any) -> Any:
    """The baseline: exact, 512 queries at a time against all keys."""
    import tensorflow as tf

    size, scale = min(512, q.shape[1]), WIDTH**-0.5
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
                begin, sizes = [0, 0, index * size], [1, WIDTH, size]
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
    import tensorflow as tf

    score = tf.einsum("bqw,bkw->bqk", q, k) * WIDTH**-0.5
    return tf.einsum("bqk,bkd->bqd", tf.nn.softmax(score), v)


def rows_of(function: Step) -> Step:
    """A function of ``[batch, tokens, heads, width]`` for rows."""
    return lambda *inputs: function(*(x[:, :, None] for x in inputs))[:, :, 0]


def sketched(r: int) -> Step:
    from tfgnn_ext.ops import polysketch_attention

    def attend(x: Any, y: Any, v: Any) -> Any:
        return polysketch_attention(v, v, v, sketch="learned", r=r, features=(x, y))

    return rows_of(attend)


def causal_sketched(block: int) -> Step:
    from tfgnn_ext.ops import polysketch_attention

    def attend(x: Any, y: Any, q: Any, k: Any, v: Any) -> Any:
        return polysketch_attention(
            q,
            k,
            v,
            sketch="learned",
            degree=4,
            features=(x, y),
            causal=True,
            local_exact=True,
            block_size=block,
        )

    return rows_of(attend)


def exact(*, causal: bool) -> Step:
    from tfgnn_ext.ops import softmax_attention

    return rows_of(functools.partial(softmax_attention, causal=causal))


def hyper(q: Any, k: Any, v: Any) -> Any:
    from tfgnn_ext.ops import hyper_attention

    return rows_of(functools.partial(hyper_attention, min_seq_len=0))(q, k, v)


def features_of(kind: str, r: int) -> Step:
    """What makes the features: a random sketch or the learned one, of queries and keys."""
    from tfgnn_ext.layers.sketch_features import SketchFeatures

    layer = SketchFeatures(sketch=kind, r=r)

    def make(q: Any, k: Any) -> Any:
        return layer(q)[1] + layer(k)[1]

    return make


def inputs(n: int, widths: tuple[int, ...]) -> list[Any]:
    import tensorflow as tf

    random = np.random.default_rng(n)
    return [
        tf.constant(random.normal(size=(1, n, width)) * width**-0.25, tf.float32)
        for width in widths
    ]


def step_of(function: Step, *, jit: bool) -> Step:
    """Output and gradients of all inputs."""
    import tensorflow as tf

    @tf.function(jit_compile=jit, autograph=False)
    def step(*values: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = function(*values)
        return outputs, tape.gradient(outputs, values, outputs)

    return step


def best(function: Step, values: list[Any], repeats: int) -> tuple[float, str]:
    """Median CPU seconds of the faster build."""
    found = []
    for jit in (True, False):
        step = step_of(function, jit=jit)
        step(*values)
        times = [cpu_seconds(lambda step=step: step(*values)) for _ in range(repeats)]
        found.append((float(np.median(times)), "XLA" if jit else "graph"))
    return min(found)


def peak_bytes(function: Step, values: list[Any]) -> int:
    """The most memory over that before, of the second call of the graph build."""
    step = step_of(function, jit=False)
    step(*values)
    gc.collect()

    def status(key: str) -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return 1024 * int(line.split()[1])
        raise KeyError(key)

    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    step(*values)
    return status("VmHWM") - before


def growth(times: dict[int, float]) -> float:
    """The least-squares exponent of time in length."""
    lengths = [n for n in times if n >= 4096]
    return float(np.polyfit(np.log(lengths), np.log([times[n] for n in lengths]), 1)[0])


def components(quick: bool) -> list[Row]:
    """Skewed components: buckets and blocks against the best single formulation."""
    import tensorflow as tf

    from tfgnn_ext.ops.component_attention import component_attention

    random = np.random.default_rng(0)
    skewed = [*random.integers(8, 65, 40), 300, 700]
    cases = {"60 components of 8 to 64": list(random.integers(8, 65, 60))}
    cases["40 small, one 300, one 700"] = skewed
    cases["one of 10,000"] = [2_000 if quick else 10_000]
    rows = []
    for name, sizes in cases.items():
        n = int(sum(sizes))
        values = [tf.constant(random.normal(size=(n, 4, 32)), tf.float32) for _ in range(3)]
        counts = tf.constant(sizes, tf.int32)

        def run(q: Any, k: Any, v: Any, limit: int | None, counts: Any = counts) -> Any:
            return component_attention(
                q, k, v, counts, sketch="learned", features=(q, k), limit=limit
            )

        def padded(q: Any, k: Any, v: Any, sizes: Any = sizes) -> Any:
            most = max(sizes)
            parts = [
                tf.stack([tf.pad(p, [[0, most - len(p)], [0, 0], [0, 0]]) for p in x])
                for x in ([*tf.split(each, sizes)] for each in (q, k, v))
            ]
            q, k, v = (tf.transpose(p, [0, 2, 1, 3]) for p in parts)
            weight = tf.matmul(q, k, transpose_b=True) ** 2
            return tf.matmul(weight, v) / (1 + tf.reduce_sum(weight, axis=3, keepdims=True))

        sides: dict[str, Step] = {
            "buckets and blocks": functools.partial(run, limit=None),
            "buckets alone": functools.partial(run, limit=int(max(sizes))),
            "blocks alone": functools.partial(run, limit=0),
        }
        if n < 5_000:
            sides["padded to the longest"] = padded
        times = {}
        for key, side in sides.items():
            step = step_of(side, jit=False)
            step(*values)
            times[key] = float(
                np.median([cpu_seconds(lambda s=step, v=values: s(*v)) for _ in range(5)])
            )
        ours = times.pop("buckets and blocks")
        single = min(times, key=lambda key: times[key])
        rows.append(
            Row(
                name=f"components, {name}: slower than the best single formulation",
                value=ours / times[single],
                unit="x",
                target=1.3,
                at_most=True,
                note=f"{ours:.4f} s; " + ", ".join(f"{k} {t:.4f} s" for k, t in times.items()),
            )
        )
    return rows


def main() -> None:
    options = arguments(__doc__ or "")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    n = 8_192 if options.quick else 32_768
    softmax = inputs(n, (WIDTH,) * 3)
    rows: list[Row] = []
    base, build = best(chunked_softmax, softmax, 1 if not options.quick else 2)
    rows.append(Row(name=f"softmax, query-chunked, {n}", value=base, unit="CPU s", note=build))
    for name, causal in (("softmax in tiles", False), ("causal softmax in tiles", True)):
        value, build = best(exact(causal=causal), softmax, 1)
        rows.append(Row(name=f"{name}, {n}", value=value, unit="CPU s", note=build))
    causal_base = rows[-1].value
    multiplications = 14 * WIDTH * n  # Seven products of queries and keys, a token.

    def claim(
        name: str, function: Step, widths: tuple[int, ...], target: float | None, cost: float
    ) -> float:
        value, build = best(function, inputs(n, widths), 3)
        rows.append(
            Row(
                name=f"{name}, {n}: times faster than query-chunked softmax",
                value=base / value,
                unit="x",
                target=None if options.quick else target,
                note=f"{value:.4f} s, {build}; bound {multiplications / cost:.0f}x",
            )
        )
        return value

    growths: dict[str, tuple[Step, tuple[int, ...]]] = {}
    for r, target in ((16, 120), (32, 40), (64, 9)):
        cost = 12 * WIDTH * r * (r + 1) / 2
        widths = (r, r, WIDTH)
        claim(f"sketch, r = {r}", sketched(r), widths, target, cost)
        growths[f"sketch, r = {r}"] = sketched(r), widths
    half = 12 * WIDTH * 528
    for block in (512, 256):
        widths = (32, 32, WIDTH, WIDTH, WIDTH)
        name = f"causal sketch, r = 32, exact blocks of {block}"
        value = claim(name, causal_sketched(block), widths, 25, half + 14 * WIDTH * block)
        assert causal_base is not None
        rows.append(
            Row(
                name=f"{name}, {n}: times faster than causal softmax",
                value=causal_base / value,
                unit="x",
                target=None if options.quick else 12,
            )
        )
        growths[name] = causal_sketched(block), widths
    claim("HyperAttention, b = m = 256", hyper, (WIDTH,) * 3, 60, 14 * WIDTH * 512)
    growths["HyperAttention, b = m = 256"] = hyper, (WIDTH,) * 3
    for kind, r in (("orthogonal", 32), ("learned", 16), ("learned", 32), ("exact2", 64)):
        value, build = best(features_of(kind, r), inputs(n, (WIDTH, WIDTH)), 2)
        rows.append(
            Row(name=f"features, {kind}, r = {r}, {n}", value=value, unit="CPU s", note=build)
        )
    lengths = [1024, 4096, 8192] if options.quick else [1024, 4096, 16_384, 65_536, 131_072]
    for name, (function, widths) in growths.items():
        step = step_of(function, jit=True)
        times = {}
        for length in lengths:
            values = inputs(length, widths)
            step(*values)
            times[length] = float(
                np.median([cpu_seconds(lambda s=step, v=values: s(*v)) for _ in range(3)])
            )
        rows.append(
            Row(
                name=f"{name}: growth exponent from 4,096 to {lengths[-1]:,}",
                value=growth(times),
                unit="",
                target=None if options.quick else 1.10,
                at_most=True,
                note=", ".join(f"{key}: {value:.4f} s" for key, value in times.items()),
            )
        )
        if name.startswith("Hyper") and not options.quick:
            rows.append(
                Row(
                    name=f"{name}, 131,072",
                    value=times[131_072],
                    unit="CPU s",
                    target=1.5,
                    at_most=True,
                )
            )
    length = 4096 if options.quick else 16_384
    whole = peak_bytes(einsum_softmax, inputs(length, (WIDTH,) * 3))
    chunked = peak_bytes(chunked_softmax, inputs(length, (WIDTH,) * 3))
    for name, (function, widths) in growths.items():
        value = peak_bytes(function, inputs(length, widths))
        for other, size, target in (("einsum", whole, 0.1), ("query-chunked", chunked, 0.5)):
            rows.append(
                Row(
                    name=f"memory at {length}, {name}: share of {other} softmax",
                    value=value / size,
                    unit="",
                    target=None if options.quick else target,
                    at_most=True,
                    note=f"{value / 2**20:.0f} of {size / 2**20:.0f} MiB",
                )
            )
    keras = tf.keras.layers.MultiHeadAttention(1, WIDTH)
    few = inputs(4096, (WIDTH,))
    value, build = best(lambda x: keras(x, x), few, 2)
    rows.append(Row(name="Keras MultiHeadAttention, 4096", value=value, unit="CPU s", note=build))
    rows += components(options.quick)
    rows.append(torch_row(n))
    show(rows, as_json=options.json, sizes={"n": n, "width": WIDTH}, used=versions("tensorflow"))


def torch_row(n: int) -> Row:
    """PyTorch's scaled_dot_product_attention, where it is installed."""
    name = f"PyTorch scaled_dot_product_attention, {n}"
    try:
        import torch
    except ImportError:
        return Row(name=name, value=None, unit="CPU s", note="torch is not installed")
    torch.set_num_threads(1)
    q, k, v = (torch.randn(1, 1, n, WIDTH, requires_grad=True) for _ in range(3))

    def work() -> None:
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        out.backward(out.detach())

    work()
    return Row(name=name, value=cpu_seconds(work), unit="CPU s")


if __name__ == "__main__":
    main()
