"""Accuracy of the recipes in `examples/` on standard data sets, over seeds, beside PyG's models.

Every row trains a recipe as `tfgnn-ext run` does, on the given splits, once for each seed (of data
sets with several splits, seed k takes split k), and gives the mean of the test metric at the best
validation and its deviation. The data are read from ``TFGNN_EXT_DATA`` or downloaded. PyG's models
run in the same benchmark where ``TFGNN_EXT_PEERS`` names a Python that has it.

``--quick`` takes two seeds and the small data sets. ``--only NAME`` takes one recipe,
``--seeds N`` another number of seeds, and ``--results FILE`` keeps each seed's result, so that a
run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

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
    Claim(recipe="cora_appnp", target=84.5, quick=True),
    Claim(recipe="citeseer_gcn", target=71.0, peer="citeseer:gcn"),
    Claim(recipe="amazon_computers_gcn", splits=True, peer="amazon_computers:gcn"),
    Claim(recipe="amazon_computers_gat", splits=True, peer="amazon_computers:gat"),
    Claim(recipe="acm", metric="macro_f1", target=93.9, seeds=5, splits=True, peer="acm:sage"),
    Claim(recipe="minesweeper", metric="roc_auc", target=93.5, splits=True),
    Claim(recipe="tolokers", metric="roc_auc", target=83.0, splits=True),
)


class Results:
    """The test metrics of each seed, kept in a file if asked to."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, dict[str, float]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                self._found[record["key"]] = record["metrics"]

    def get(self, key: str, compute: Any) -> dict[str, float]:
        """What was found under a key, else what `compute` finds."""
        if key not in self._found:
            self._found[key] = compute()
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps({"key": key, "metrics": self._found[key]}) + "\n")
        return self._found[key]


def train(claim: Claim, seed: int) -> dict[str, float]:
    """Trains the recipe once; returns the metrics of the test split."""
    from tfgnn_ext.runner import Progress, run

    overrides = [f"training.seed={seed}"]
    if claim.splits:
        overrides.append(f"data.split={seed}")
    with tempfile.TemporaryDirectory() as folder:
        path = run(
            _ROOT / "examples" / f"{claim.recipe}.yaml",
            out=Path(folder) / "run",
            overrides=overrides,
            until="evaluate",
            progress=Progress(quiet=True),
        )
        found: dict[str, float] = json.loads((path / "metrics.json").read_text())["test"]
    return found


def train_peer(claim: Claim, seed: int) -> dict[str, float]:
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
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _mean(values: list[float]) -> tuple[float, float]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return 100 * statistics.mean(values), 100 * deviation


def _row(claim: Claim, seeds: int, results: Results) -> Row:
    ours = [
        results.get(f"{claim.recipe}/{seed}", lambda seed=seed: train(claim, seed))[claim.metric]
        for seed in range(seeds)
    ]
    mean, deviation = _mean(ours)
    note = f"± {deviation:.2f} over {seeds} seeds"
    peer = None
    if claim.peer is not None:
        try:
            theirs = [
                results.get(f"pyg/{claim.peer}/{seed}", lambda seed=seed: train_peer(claim, seed))
                for seed in range(seeds)
            ]
            peer, spread = _mean([found[claim.metric] for found in theirs])
            note += f"; PyG {peer:.2f} ± {spread:.2f}"
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
