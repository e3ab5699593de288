"""What attention kinds do to quality: a character language model, and recall over long ranges.

The text is the sources of Python's documentation as Debian's package python3.11-doc ships them
(`/usr/share/doc/python3.11/html/_sources`, 11 MB of English and code). Every kind trains one
transformer on the same batches for the same number of steps; perplexity per character is of the
last twentieth of the text, which no step sees. HyperAttention has the weights of softmax: it
takes the place of softmax in the last layer of the trained model, before and after some further
steps.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)

KINDS: dict[str, dict[str, Any]] = {
    "none": {},
    "softmax": {},
    "polynomial, degree 4": {"sketch": "none", "degree": 4},
    "polynomial, degree 2 (exact2)": {"sketch": "exact2"},
    "learned sketch, r = 16": {"sketch": "learned", "r": 16},
    "learned sketch, r = 32": {"sketch": "learned", "r": 32},
    "learned sketch, r = 64": {"sketch": "learned", "r": 64},
    "learned sketch, r = 16, local exact": {"sketch": "learned", "r": 16, "local_exact": True},
    "learned sketch, r = 32, local exact": {"sketch": "learned", "r": 32, "local_exact": True},
    "learned sketch, r = 64, local exact": {"sketch": "learned", "r": 64, "local_exact": True},
    "orthogonal sketch, r = 32": {"sketch": "orthogonal", "r": 32},
    "orthogonal sketch, r = 32, local exact": {
        "sketch": "orthogonal",
        "r": 32,
        "local_exact": True,
    },
}


def read_text(folder: pathlib.Path) -> np.ndarray:
    """The text's characters as codes: ASCII, all else one code."""
    paths = sorted(folder.rglob("*.rst.txt"))
    joined = b"\n".join(path.read_bytes() for path in paths)
    if len(joined) < 5_000_000:
        raise SystemExit(f"`--text` must be a folder with 5 MB of *.rst.txt. Got {folder}.")
    return np.minimum(np.frombuffer(joined, np.uint8), 127).astype(np.int32)


def model(
    kind: str,
    *,
    codes: int,
    context: int,
    width: int,
    heads: int,
    layers: int,
    block: int,
    seed: int,
) -> Any:
    """A transformer from codes ``[batch, context]`` to logits ``[batch, context, codes]``."""
    import tensorflow as tf

    from tfgnn_ext.layers import HyperAttention, PolySketchAttention

    tf.keras.utils.set_random_seed(seed)

    def attended(states: Any, layer: int) -> Any:
        same = {"num_heads": heads, "key_dim": width // heads, "seed": 10 * seed + layer}
        if kind in ("softmax", "hyper"):
            hyper = kind == "hyper" and layer == layers - 1
            attention = HyperAttention(
                **same,
                min_seq_len=context // 4 if hyper else context,
                bucket_size=32,
                num_samples=32,
            )
        else:
            attention = PolySketchAttention(**same, **KINDS[kind], block_size=block)
        normal = tf.keras.layers.LayerNormalization()(states)
        return states + attention(normal, normal, use_causal_mask=True)

    inputs = tf.keras.Input([context], dtype=tf.int32)
    states = tf.keras.layers.Embedding(codes, width)(inputs)
    places = tf.keras.layers.Embedding(context, width)(tf.range(context))
    # Four tokens side by side: what is near is known without attention, as the kind "none" shows.
    near = tf.keras.layers.Conv1D(width, 4, padding="causal")(states)
    states = states + near + places
    for layer in range(layers):
        states = attended(states, layer) if kind != "none" else states
        normal = tf.keras.layers.LayerNormalization()(states)
        hidden = tf.keras.layers.Dense(4 * width, "gelu")(normal)
        states += tf.keras.layers.Dense(width)(hidden)
    logits = tf.keras.layers.Dense(codes)(tf.keras.layers.LayerNormalization()(states))
    return tf.keras.Model(inputs, logits)


def fit(made: Any, batches: Iterator[tuple[Any, Any, Any]], steps: int, rate: float) -> list[float]:
    """Trains with Adam, warm-up and a cosine; the losses."""
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
        now = rate * min(1, (index + 1) / 50) * (0.55 + 0.45 * np.cos(np.pi * index / steps))
        losses.append(float(step(*next(batches), tf.constant(now, tf.float32))))
    return losses


def text_batches(text: np.ndarray, *, batch: int, context: int, seed: int) -> Iterator[Any]:
    random = np.random.default_rng(seed)
    ones = np.ones([batch, context], np.float32)
    while True:
        starts = random.integers(0, len(text) - context - 1, batch)
        rows = text[starts[:, None] + np.arange(context + 1)]
        yield rows[:, :-1], rows[:, 1:], ones


def recall_batches(task: str, *, batch: int, context: int, seed: int) -> Iterator[Any]:
    """The papers' synthetic tasks, with the loss on the answers alone.

    induction: a special code is followed by one of 16 codes somewhere in the first half; at the end
    it comes again, and the answer is what followed it. copying: 8 codes at random places of noise,
    to be told in their order at the end.
    """
    random = np.random.default_rng(seed)
    special, noise, answers = 16, 17, 8
    while True:
        if task == "induction":
            x = random.integers(0, 16, [batch, context + 1])
            at = random.integers(0, context // 2, batch)
            rows = np.arange(batch)
            x[rows, at] = special
            x[:, -2] = special
            x[:, -1] = x[rows, at + 1]
            weight = np.zeros([batch, context], np.float32)
            weight[:, -1] = 1
        else:
            x = np.full([batch, context + 1], noise)
            data = random.integers(0, 16, [batch, answers])
            for row in range(batch):
                places = np.sort(random.choice(context - answers - 1, answers, replace=False))
                x[row, places] = data[row]
            x[:, -answers - 1] = special
            x[:, -answers:] = data
            weight = np.zeros([batch, context], np.float32)
            weight[:, -answers:] = 1
        yield x[:, :-1].astype(np.int32), x[:, 1:].astype(np.int32), weight


def evaluate(made: Any, batches: Iterator[Any], steps: int) -> tuple[float, float]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--text", type=pathlib.Path, default="/usr/share/doc/python3.11/html/_sources"
    )
    parser.add_argument("--task", choices=("text", "induction", "copying"), default="text")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    options = parser.parse_args()
    sizes = {"batch": options.batch, "context": options.context}
    if options.task == "text":
        text = read_text(options.text)
        split = len(text) - len(text) // 20

        def batches(seed: int, *, train: bool) -> Iterator[Any]:
            part = text[:split] if train else text[split:]
            return text_batches(part, seed=seed, **sizes)
    else:

        def batches(seed: int, *, train: bool) -> Iterator[Any]:
            return recall_batches(options.task, seed=seed if train else 10_000 + seed, **sizes)

    for seed in range(options.seeds):
        for kind in options.kinds:
            shape = {
                "codes": 128 if options.task == "text" else 18,
                "context": options.context,
                "width": options.width,
                "heads": options.heads,
                "layers": options.layers,
                "block": options.block,
                "seed": seed,
            }
            begin = time.process_time()
            made = model(kind, **shape)
            losses = fit(made, batches(seed, train=True), options.steps, options.rate)
            loss, right = evaluate(made, batches(99, train=False), 20)
            row = {"task": options.task, "kind": kind, "seed": seed, "loss": loss, "right": right}
            row |= {"train_loss": float(np.mean(losses[-20:])), "parameters": made.count_params()}
            row["cpu_seconds"] = time.process_time() - begin
            print(json.dumps(row), flush=True)
            if kind == "softmax" and options.task == "text":
                hyper = model("hyper", **shape)
                hyper.set_weights(made.get_weights())
                loss, _ = evaluate(hyper, batches(99, train=False), 20)
                fit(hyper, batches(seed + 50, train=True), options.steps // 8, options.rate / 10)
                tuned, _ = evaluate(hyper, batches(99, train=False), 20)
                fit(made, batches(seed + 50, train=True), options.steps // 8, options.rate / 10)
                same, _ = evaluate(made, batches(99, train=False), 20)
                for name, value in (
                    ("hyper in the last layer, untuned", loss),
                    ("hyper in the last layer, fine-tuned", tuned),
                    ("softmax, fine-tuned alike", same),
                ):
                    print(json.dumps({"kind": name, "seed": seed, "loss": value}), flush=True)


if __name__ == "__main__":
    main()
