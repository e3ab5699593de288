"""Attention against query-chunked exact softmax: CPU seconds, forward and backward, and memory.

One head, h = d = 64, float32, one thread. The baseline handles 512 queries at a time against all
keys and goes backward from the saved log-sum-exp, in the faster of its builds, as a graph or under
XLA; the others run under XLA. Sketches take their features as given: what makes them is listed by
itself. Beside each ratio to softmax stands the bound that multiplications alone would give.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import gc
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.rows import Row, cpu_seconds, interleaved, show, versions
from benchmarks.softmax import chunked_softmax, einsum_softmax

WIDTH = 64
Step = Callable[..., Any]


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


def faster(function: Step, values: list[Any]) -> Step:
    """The faster build, at the size of the values."""
    steps = [step_of(function, jit=jit) for jit in (False, True)]
    for step in steps:
        step(*values)
    return min(steps, key=lambda step: cpu_seconds(lambda: step(*values)))


def peak_bytes(name: str, length: int) -> int:
    """The most memory of forward and backward passes over that before them; in a new process.

    Memory that a process once had it keeps: whoever is measured second in one process seems to need
    none.
    """
    # Large tensors are given back when they end: what counts is what lives at one time, not how the
    # allocator cuts up what it holds.
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak_bytes, name, length).result()


def _peak_bytes(name: str, length: int) -> int:
    one_thread()
    function, widths = measured(name)
    step, values = step_of(function, jit=False), inputs(length, widths)
    # What TensorFlow takes once, whatever the length.
    step(*inputs(512, widths))
    step.get_concrete_function(*values)  # type: ignore[attr-defined]
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


def measured(name: str) -> tuple[Step, tuple[int, ...]]:
    """A kind of attention, or what it is compared with, and the widths of its inputs."""
    softmax = {"einsum softmax": einsum_softmax, "query-chunked softmax": chunked_softmax}
    if name in softmax:
        return softmax[name], (WIDTH,) * 3
    kind = kinds()[name]
    return kind.function, kind.widths


def growth(times: dict[int, float]) -> float:
    """The least-squares exponent of time in length."""
    lengths = [n for n in times if n >= 4096]
    return float(np.polyfit(np.log(lengths), np.log([times[n] for n in lengths]), 1)[0])


def components(quick: bool) -> list[Row]:
    """Skewed components: buckets and blocks against the best single formulation."""
    import tensorflow as tf

    from tfgnn_ext.ops.component_attention import component_attention, component_limit
    from tfgnn_ext.ops.component_layout import component_tables, fit_layout_sizes

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

        def run(q: Any, k: Any, v: Any, layout: Any, counts: Any = counts) -> Any:
            return component_attention(
                q, k, v, counts, sketch="learned", features=(q, k), layout=layout
            )

        def layout(limit: int, sizes: Any = sizes, counts: Any = counts, n: int = n) -> Any:
            """What an input pipeline makes."""
            fitted = fit_layout_sizes([np.array(sizes)], limit=limit)
            return fitted, component_tables([counts], [n], fitted)

        def padded(q: Any, k: Any, v: Any, sizes: Any = sizes) -> Any:
            most = max(sizes)
            parts = [
                tf.stack(
                    [
                        tf.pad(part, [[0, most - size], [0, 0], [0, 0]])
                        for part, size in zip(tf.split(each, sizes), sizes, strict=True)
                    ]
                )
                for each in (q, k, v)
            ]
            q, k, v = (tf.transpose(p, [0, 2, 1, 3]) for p in parts)
            weight = tf.matmul(q, k, transpose_b=True) ** 2
            return tf.matmul(weight, v) / (1 + tf.reduce_sum(weight, axis=3, keepdims=True))

        sides: dict[str, Step] = {
            name: functools.partial(run, layout=layout(limit))
            for name, limit in (
                ("buckets and blocks", component_limit("sketch", r=32, width=32)),
                ("buckets alone", int(max(sizes))),
                ("blocks alone", 0),
            )
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


# What is measured: the features' or inputs' widths, the multiplications a token, and the targets:
# times faster than softmax, and than causal softmax.
class Kind(NamedTuple):
    function: Step
    widths: tuple[int, ...]
    cost: int
    target: float
    causal_target: float | None = None


def kinds() -> dict[str, Kind]:
    found = {}
    for r, target in ((16, 120), (32, 40), (64, 9)):
        cost = 6 * WIDTH * r * (r + 1)
        found[f"sketch, r = {r}"] = Kind(sketched(r), (r, r, WIDTH), cost, target)
    for block in (512, 256):
        cost = 6 * WIDTH * 32 * 33 + 14 * WIDTH * block
        widths = (32, 32, WIDTH, WIDTH, WIDTH)
        name = f"causal sketch, r = 32, exact blocks of {block}"
        found[name] = Kind(causal_sketched(block), widths, cost, 25, 12)
    found["HyperAttention, b = m = 256"] = Kind(hyper, (WIDTH,) * 3, 14 * WIDTH * 512, 60)
    return found


def speed(quick: bool) -> list[Row]:
    """Each kind beside softmax at one length."""
    n = 8_192 if quick else 32_768
    softmax = inputs(n, (WIDTH,) * 3)
    few = inputs(4_096, (WIDTH,) * 3)
    base = faster(chunked_softmax, few)
    sides: dict[str, tuple[Step, list[Any]]] = {
        "softmax, query-chunked": (base, softmax),
        "causal softmax in tiles": (step_of(exact(causal=True), jit=False), softmax),
    }
    for name, kind in kinds().items():
        sides[name] = step_of(kind.function, jit=True), inputs(n, kind.widths)
    for sketch, r in (("orthogonal", 32), ("learned", 16), ("learned", 32), ("exact2", 64)):
        step = step_of(features_of(sketch, r), jit=True)
        sides[f"features, {sketch}, r = {r}"] = step, inputs(n, (WIDTH, WIDTH))
    for name, (step, values) in sides.items():
        if "softmax" in name:
            step.get_concrete_function(*values)  # Traced, not run: a run takes long.
        else:
            step(*values)
    times = interleaved(
        {name: functools.partial(step, *values) for name, (step, values) in sides.items()}
    )
    # Seven products of queries and keys, a token.
    multiplications = 14 * WIDTH * n
    rows = [
        Row(name=f"{name}, {n}", value=value, unit="CPU s")
        for name, value in times.items()
        if name not in kinds()
    ]
    for name, kind in kinds().items():
        for other, target in (
            ("softmax, query-chunked", kind.target),
            ("causal softmax in tiles", kind.causal_target),
        ):
            if target is not None:
                rows.append(
                    Row(
                        name=f"{name}, {n}: times faster than {other}",
                        value=times[other] / times[name],
                        unit="x",
                        target=None if quick else target,
                        note=f"{times[name]:.4f} s; bound {multiplications / kind.cost:.0f}x"
                        if other.startswith("softmax")
                        else "",
                    )
                )
    return rows


def growths(quick: bool) -> list[Row]:
    """How time grows with the length."""
    lengths = [1024, 4096, 8192] if quick else [4096, 16_384, 65_536, 131_072]
    rows = []
    for name, kind in kinds().items():
        step = step_of(kind.function, jit=True)
        times = {}
        for length in lengths:
            values = inputs(length, kind.widths)
            step(*values)
            times[length] = float(
                np.median([cpu_seconds(lambda s=step, v=values: s(*v)) for _ in range(3)])
            )
        rows.append(
            Row(
                name=f"{name}: growth exponent from 4,096 to {lengths[-1]:,}",
                value=growth(times),
                unit="",
                target=None if quick else 1.10,
                at_most=True,
                note=", ".join(f"{key}: {value:.4f} s" for key, value in times.items()),
            )
        )
        if name.startswith("Hyper") and not quick:
            value = times[131_072]
            rows.append(
                Row(name=f"{name}, 131,072", value=value, unit="CPU s", target=1.5, at_most=True)
            )
    return rows


def memory(quick: bool) -> list[Row]:
    """The most memory over the process of forward and backward passes."""
    length = 4096 if quick else 16_384
    bases = {
        name: (peak_bytes(name, length), target)
        for name, target in (("einsum softmax", 0.1), ("query-chunked softmax", 0.5))
    }
    rows = []
    for name in kinds():
        value = peak_bytes(name, length)
        for other, (size, target) in bases.items():
            rows.append(
                Row(
                    name=f"memory at {length}, {name}: share of {other}",
                    value=value / size,
                    unit="",
                    target=None if quick else target,
                    at_most=True,
                    note=f"{value / 2**20:.0f} of {size / 2**20:.0f} MiB",
                )
            )
    return rows


def peers(quick: bool) -> list[Row]:
    """What others have, at 4,096 tokens, beside softmax here."""
    import tensorflow as tf

    n = 4096
    keras = tf.keras.layers.MultiHeadAttention(1, WIDTH)
    values = inputs(n, (WIDTH,) * 3)
    sides: dict[str, Callable[[], Any]] = {
        "Keras MultiHeadAttention": functools.partial(
            step_of(lambda x: keras(x, x), jit=False), values[0]
        ),
        "softmax, query-chunked": functools.partial(faster(chunked_softmax, values), *values),
    }
    torch = torch_step(n)
    if torch is not None:
        sides["PyTorch scaled_dot_product_attention"] = torch
    for work in sides.values():
        work()
    rows = [
        Row(name=f"{name}, {n}", value=value, unit="CPU s")
        for name, value in interleaved(sides).items()
    ]
    if torch is None:
        name = f"PyTorch scaled_dot_product_attention, {n}"
        rows.append(Row(name=name, value=None, unit="CPU s", note="torch is not installed"))
    return rows


PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "speed": speed,
    "growths": growths,
    "memory": memory,
    "components": components,
    "peers": peers,
}


def one_thread() -> None:
    """TensorFlow works in one thread."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same claims at a smaller size")
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="some parts")
    options = parser.parse_args()
    one_thread()
    for part in options.only:
        rows = PARTS[part](options.quick)
        show(rows, as_json=options.json, sizes={"width": WIDTH}, used=versions("tensorflow"))


def torch_step(n: int) -> Callable[[], None] | None:
    """PyTorch's attention, forward and backward, where it is installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    q, k, v = (torch.randn(1, 1, n, WIDTH, requires_grad=True) for _ in range(3))

    def work() -> None:
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        out.backward(out.detach())

    return work


if __name__ == "__main__":
    main()
