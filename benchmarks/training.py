"""Training GraphSAGE 2 x 64, sampling included: seeds per CPU second, and peak memory.

Ours by `model.fit`: trimmed and padded under XLA, trimmed, and untrimmed; TF-GNN's own layers
(SimpleConv, NextStateFromConcat) on the same batches; DGL and PyG by their guides' loops, where
``TFGNN_EXT_PEERS`` names a Python that has them (`scripts/peers.sh` makes one). Each side is a
process of its own; they work in turn. One thread for sampling; all threads' CPU time counts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import peers_python
from benchmarks.rows import Row, arguments, show, versions
from benchmarks.side import Side
from benchmarks.training_data import BATCH, FEATURES, write

_COMPILED = "trimmed, padded, jit_compile, steps_per_execution=20"
_OURS = {
    _COMPILED: "compiled",
    "trimmed": "trimmed",
    "untrimmed": "untrimmed",
    "TF-GNN's layers": "tf-gnn",
}
_PEERS = {"DGL": "dgl", "PyG": "torch_geometric"}
_ROUNDS = 3


def _compare(
    edge_sets: int, *, num_nodes: int, num_edges: int, steps: int, used: dict[str, str]
) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        write(
            Path(folder),
            num_nodes=num_nodes,
            num_edges=num_edges,
            edge_sets=edge_sets,
            steps=steps,
        )
        sides = {
            name: Side(sys.executable, "benchmarks.training_ours", [side, folder])
            for name, side in _OURS.items()
        }
        sides |= {
            name: Side(peers_python(), "benchmarks.training_peers", [side, folder])
            for name, side in _PEERS.items()
        }
        costs: dict[str, list[float]] = {name: [] for name in sides}
        peaks: dict[str, float] = {}
        for _ in range(_ROUNDS):
            for name, side in sides.items():
                if side.problem is None:
                    found = side.measure()
                    costs[name].append(found["cpu"])
                    peaks[name] = found["peak"]
        for side in sides.values():
            if side.problem is None:
                used.update(side.versions)
                side.close()
    rate = {name: steps * BATCH / statistics.median(c) for name, c in costs.items() if c}
    where = "one edge set" if edge_sets == 1 else f"{edge_sets} edge sets"
    rows = []
    for name, side in sides.items():
        peer = "DGL" if "DGL" in rate else "TF-GNN's layers"
        target = None
        if name == _COMPILED and "DGL" in rate:
            target = 1.2 * rate["DGL"]
        rows.append(
            Row(
                name=f"{where}: {name}",
                value=rate.get(name),
                unit="seeds/CPU s",
                baseline="" if name == peer else peer,
                baseline_value=None if name == peer else rate[peer],
                target=target,
                note=side.problem or f"peak {peaks[name]:,.0f} MiB",
            )
        )
    return rows


def main() -> None:
    options = arguments(__doc__ or "")
    sizes = {"num_nodes": 1_000_000, "num_edges": 10_000_000}
    steps = {1: 400, 5: 100}
    if options.quick:
        sizes = {"num_nodes": 200_000, "num_edges": 2_000_000}
        steps = {1: 80, 5: 20}
    used = versions("tensorflow", "tensorflow-gnn")
    found = [
        row for number in steps for row in _compare(number, steps=steps[number], used=used, **sizes)
    ]
    show(
        found,
        as_json=options.json,
        sizes={**sizes, "batch": BATCH, "features": FEATURES},
        used=used,
    )


if __name__ == "__main__":
    main()
