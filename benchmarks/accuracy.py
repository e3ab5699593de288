"""Accuracy of the recipes in `examples/` on standard data sets, over seeds, beside PyG's models.

Every row trains a recipe as `tfgnn-ext run` does, on the given splits, once for each seed (of data
sets with several splits, seed k takes split k), and gives the mean of the test metric at the best
validation and its deviation. The data are read from ``TFGNN_EXT_DATA`` or downloaded. PyG's models
run in the same benchmark where ``TFGNN_EXT_PEERS`` names a Python that has it. CPU seconds are a
seed's, from data that are read already to the metrics, imports not counted; of recipes, the first
seed pays for what all share.

``--quick`` takes two seeds and the small data sets. ``--only NAME`` takes one recipe,
``--seeds N`` another number of seeds, and ``--results FILE`` keeps each seed's result, so that a
run that was stopped goes on; a recipe that has changed since is trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers import peers_python
from benchmarks.rows import Row, show, versions

_ROOT = Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """What a recipe should reach.

    Attributes:
      recipe: Its file in ``examples/``, without the ending.
      metric: Of the test split.
      target: In percent; None: at least the peer's mean in the same run.
      seeds: How many.
      splits: Whether seed k trains on split k.
      peer: The model of `accuracy_peers` beside it.
      quick: Whether ``--quick`` takes it.
    """

    recipe: str
    metric: str = "accuracy"
    target: float | None = None
    seeds: int = 10
    splits: bool = False
    peer: str | None = None
    quick: bool = False


CLAIMS = (
    Claim(recipe="cora_gcn", target=82.5, peer="cora:gcn", quick=True),
    Claim(recipe="cora_gcnii", target=84.5),
    Claim(recipe="citeseer_gcn", target=71.0, peer="citeseer:gcn"),
    Claim(recipe="amazon_computers_gcn", splits=True, peer="amazon_computers:gcn"),
    Claim(recipe="amazon_computers_gat", splits=True, peer="amazon_computers:gat"),
    Claim(recipe="acm", metric="macro_f1", target=93.9, seeds=5, splits=True, peer="acm:sage"),
    Claim(recipe="minesweeper", metric="roc_auc", target=93.5, splits=True),
    Claim(recipe="tolokers", metric="roc_auc", target=83.0, splits=True),
)


@dataclasses.dataclass(frozen=True)
class Found:
    """What one seed gave.

    Attributes:
      metrics: Of the test split.
      cpu_s: CPU seconds.
    """

    metrics: dict[str, float]
    cpu_s: float


class Results:
    """What each seed gave, kept in a file if asked to."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, Found] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                self._found[record["key"]] = Found(record["metrics"], record["cpu_s"])

    def get(self, name: str, made_by: Path, seed: int, compute: Callable[[], Found]) -> Found:
        """What was found of a seed, else what `compute` finds.

        Args:
          name: Of what is trained.
          made_by: The file that says how: with other content, nothing was found yet.
          seed: The seed.
          compute: Trains it.
        """
        content = hashlib.sha256(made_by.read_bytes()).hexdigest()[:12]
        key = f"{name}@{content}/{seed}"
        if key not in self._found:
            self._found[key] = compute()
            if self._path is not None:
                with self._path.open("a") as file:
                    record = {"key": key, **dataclasses.asdict(self._found[key])}
                    file.write(json.dumps(record) + "\n")
        return self._found[key]


def recipe_path(claim: Claim) -> Path:
    """The recipe's file."""
    return _ROOT / "examples" / f"{claim.recipe}.yaml"


def train(claim: Claim, seed: int) -> Found:
    """Trains the recipe once."""
    from tfgnn_ext import training  # noqa: F401  # Imports are not what is timed.
    from tfgnn_ext.runner import Progress, run

    overrides = [f"training.seed={seed}"]
    if claim.splits:
        overrides.append(f"data.split={seed}")
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = run(
            recipe_path(claim),
            out=Path(folder) / "run",
            overrides=overrides,
            until="evaluate",
            progress=Progress(quiet=True),
        )
        metrics: dict[str, float] = json.loads((path / "metrics.json").read_text())["test"]
    return Found(metrics, time.process_time() - start)


def train_peer(claim: Claim, seed: int) -> Found:
    """Trains PyG's model once, on the same split; see `accuracy_peers`."""
    assert claim.peer is not None
    name, model = claim.peer.split(":")
    from benchmarks.accuracy_data import write
    from tfgnn_ext.graph import datasets

    with tempfile.TemporaryDirectory() as folder:
        write(datasets.load(name, split=seed if claim.splits else 0), Path(folder))
        command = [peers_python(), "-m", "benchmarks.accuracy_peers", model, folder, str(seed)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=False)
        except OSError as error:
            raise ImportError(str(error)) from None
    if done.returncode:
        raise ImportError(done.stderr.strip().splitlines()[-1])
    return Found(**json.loads(done.stdout.splitlines()[-1]))


def _summary(found: list[Found], metric: str) -> tuple[float, str]:
    """The mean in percent, and its deviation and cost in words."""
    values = [100 * one.metrics[metric] for one in found]
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    cost = statistics.mean(one.cpu_s for one in found)
    return statistics.mean(values), f"± {deviation:.2f}, {cost:.0f} CPU s a seed"


def _row(claim: Claim, seeds: int, results: Results) -> Row:
    numbers = range(seeds)
    mean, words = _summary(
        [
            results.get(
                claim.recipe, recipe_path(claim), seed, functools.partial(train, claim, seed)
            )
            for seed in numbers
        ],
        claim.metric,
    )
    note = f"{words}, {seeds} seeds"
    peer = None
    if claim.peer is not None:
        name, how = f"pyg/{claim.peer}", _ROOT / "benchmarks" / "accuracy_peers.py"
        try:
            theirs = [
                results.get(name, how, seed, functools.partial(train_peer, claim, seed))
                for seed in numbers
            ]
            peer, words = _summary(theirs, claim.metric)
            note += f"; PyG {peer:.2f} {words}"
        except ImportError as error:
            note += f"; PyG not installed ({error})"
    return Row(
        name=f"{claim.recipe}, test {claim.metric}",
        value=mean,
        unit="%",
        baseline="" if peer is None else f"PyG {claim.peer}",
        baseline_value=peer,
        target=peer if claim.target is None else claim.target,
        note=note,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds of the small data sets")
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--only", action="append", help="a recipe; may be given more than once")
    parser.add_argument("--seeds", type=int, help="instead of 10 (5 on ACM)")
    parser.add_argument("--results", type=Path, help="where each seed's result is kept")
    options = parser.parse_args()
    results = Results(options.results)
    rows = []
    for claim in CLAIMS:
        if (options.only and claim.recipe not in options.only) or (
            options.quick and not claim.quick
        ):
            continue
        rows.append(_row(claim, options.seeds or (2 if options.quick else claim.seeds), results))
        print(f"{claim.recipe}: {rows[-1].value:.2f} {rows[-1].note}", file=sys.stderr, flush=True)
    show(
        rows,
        as_json=options.json,
        sizes={"seeds": options.seeds or "10, ACM 5"},
        used=versions("tensorflow", "tensorflow-gnn"),
    )


if __name__ == "__main__":
    main()
