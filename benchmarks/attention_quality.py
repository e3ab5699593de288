"""What attention kinds do to quality: a small language model, and recall over long ranges.

The text is the sources of Python's documentation, 11 MB of English and code under the Python
licence, as Debian's package python3.11-doc ships them (`apt-get install python3.11-doc`; `--text`
takes any folder with 5 MB of *.rst.txt). Every kind trains the same transformer, in which tokens
mix by attention alone, on the same batches for the same number of steps; what is reported is of the
last twentieth of the text, which no step sees. HyperAttention has the weights of softmax: it takes
the place of softmax in the last layers of the trained model, before and after some further steps,
which softmax takes too.

Recall tasks (`--task induction`, `--task copying`) train on rows of growing length and measure at
each, up to 2,304 tokens; what attends is there a convolution of each token and the one before, so
that one layer can find what followed a token. HyperAttention takes the place of softmax as trained.
Runs print an object a line, so that they can be made in pieces; `--table
FILE` reads such lines and prints the means over seeds.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from benchmarks.attention_lm import KINDS, evaluate, fit, model
from benchmarks.attention_tasks import (
    RECALL_CODES,
    Batch,
    read_text,
    recall_batches,
    text_batches,
)

Batches = Callable[[int, bool], Iterator[Batch]]


def run(
    kind: str, seed: int, batches: Batches, *, steps: int, rate: float, tune: int, shape: Any
) -> Iterator[dict[str, Any]]:
    """Trains one model and measures it; then, if it is softmax, HyperAttention in its place."""

    def row(name: str, made: Any, since: float) -> dict[str, Any]:
        used = time.process_time() - since
        loss, right = evaluate(made, batches(99, False), 40)
        found = {"kind": name, "seed": seed, "loss": loss, "right": right, "cpu_seconds": used}
        return {**found, "parameters": made.count_params()}

    begin = time.process_time()
    made = model(kind, seed=seed, **shape)
    losses = fit(made, batches(seed, True), steps, rate)
    parts = np.array_split(losses, 10)
    yield {**row(kind, made, begin), "training": [round(float(np.mean(p)), 3) for p in parts]}
    if kind != "softmax" or not tune:
        return
    trained = made.get_weights()
    for layers in range(shape["layers"] + 1):
        begin = time.process_time()
        other = model(kind, seed=seed, hyper_layers=layers, **shape)
        other.set_weights(trained)
        name = f"HyperAttention in the last {layers} layers"
        if layers:
            yield row(f"{name}, as it is", other, begin)
        fit(other, batches(seed + 50, True), tune, rate / 10)
        yield row(f"{name}, tuned" if layers else "softmax, tuned alike", other, begin)


def recall(
    task: str,
    kind: str,
    seed: int,
    *,
    lengths: list[int],
    steps: list[int],
    rate: float,
    shape: Any,
) -> Iterator[dict[str, Any]]:
    """Trains on rows of growing lengths, and measures at each: does the kind find a needle?

    A batch holds 2,304 tokens at least, whatever the length.
    """
    begin = time.process_time()
    weights = None
    for part, (length, number) in enumerate(zip(lengths, steps, strict=True)):
        same = {**shape, "context": length, "codes": RECALL_CODES, "longest": lengths[-1]}
        made = model(kind, seed=seed, shift=True, **same)
        if weights is not None:
            made.set_weights(weights)
        batch = max(1, 2304 // length)
        rows = recall_batches(task, batch=batch, context=length, seed=10 * seed + part, hard=False)
        losses = fit(made, rows, number, rate)
        weights = made.get_weights()
        used = time.process_time() - begin
        others = {kind: made}
        if kind == "softmax" and length == lengths[-1]:
            hyper = model(kind, seed=seed, shift=True, hyper_layers=shape["layers"], **same)
            hyper.set_weights(weights)
            others["HyperAttention in its place"] = hyper
        for name, other in others.items():
            hard = recall_batches(task, batch=batch, context=length, seed=99, hard=True)
            loss, right = evaluate(other, hard, 100)
            found = {"kind": f"{name}, {task}, {length:,} tokens", "seed": seed, "loss": loss}
            found |= {"right": right, "cpu_seconds": used, "parameters": made.count_params()}
            yield {
                **found,
                "training": [round(float(v), 2) for v in losses[:: max(1, number // 8)]],
            }


def table(path: pathlib.Path) -> None:
    """Prints the means over seeds of the lines of a file, in the order in which they came."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text().splitlines():
        found = json.loads(line)
        rows.setdefault(found["kind"], []).append(found)
    base = np.mean([row["loss"] for row in rows.get("softmax", [{"loss": np.nan}])])
    print("| | loss | perplexity | beside softmax | right | parameters | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for kind, found in rows.items():
        loss, right, used = (
            np.array([row[key] for row in found]) for key in ("loss", "right", "cpu_seconds")
        )
        spread = loss.std(ddof=1) if len(loss) > 1 else np.nan
        around = np.exp(loss).std(ddof=1) if len(loss) > 1 else np.nan
        print(
            f"| {kind} | {loss.mean():.3f} ± {spread:.3f} | {np.exp(loss).mean():.2f} ± "
            f"{around:.2f} | {100 * (loss.mean() / base - 1):+.1f}% | {100 * right.mean():.1f}% | "
            f"{found[0]['parameters']:,} | {used.mean():.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument(
        "--text", type=pathlib.Path, default="/usr/share/doc/python3.11/html/_sources"
    )
    parser.add_argument("--task", choices=("text", "induction", "copying"), default="text")
    parser.add_argument("--lengths", type=int, nargs="*", default=[64, 256, 2304])
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--tune", type=int, default=250, help="further steps of HyperAttention")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=2)
    for name, value in (
        ("codes", 1024),
        ("context", 256),
        ("width", 64),
        ("heads", 2),
        ("key_dim", 32),
        ("layers", 2),
        ("block", 32),
    ):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    options = vars(parser.parse_args())
    if options["table"] is not None:
        table(options["table"])
        return
    names = ("codes", "context", "width", "heads", "key_dim", "layers", "block")
    shape = {name: options[name] for name in names}
    if options["task"] != "text":
        for seed in options["seeds"]:
            for kind in options["kinds"]:
                # Short rows teach what long ones only stretch: half of all steps are on them.
                rest = len(options["lengths"]) - 1
                steps = [options["steps"] // 2] + [options["steps"] // (2 * max(rest, 1))] * rest
                for row in recall(
                    options["task"],
                    kind,
                    seed,
                    lengths=options["lengths"],
                    steps=steps,
                    rate=options["rate"],
                    shape=shape,
                ):
                    print(json.dumps(row), flush=True)
        return
    text, _ = read_text(options["text"], codes=options["codes"])
    split = len(text) - len(text) // 20

    def batches(seed: int, train: bool) -> Iterator[Batch]:
        part = text[:split] if train else text[split:]
        return text_batches(part, seed=seed, batch=options["batch"], context=options["context"])

    for seed in options["seeds"]:
        for kind in options["kinds"]:
            for row in run(
                kind,
                seed,
                batches,
                shape=shape,
                **{name: options[name] for name in ("steps", "rate", "tune")},
            ):
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
