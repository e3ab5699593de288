"""Cora's citations as link prediction: ``python cora_tables.py FOLDER`` writes its tables.

Of the 5,278 pairs of papers of which one cites the other, 85 % are there for messages and training,
5 % for validation and 10 % for the test. The edge set ``cites`` holds the first alone, in both
directions; ``linked`` holds all of them, so that no true pair is drawn as a negative one. No
operation follows it.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph import EdgeSet, datasets, write_tables

SHARES = {"validation": 0.05, "test": 0.10}


def edge_set(pairs: np.ndarray, num_nodes: int) -> EdgeSet:
    """Pairs ``[num_pairs, 2]`` as the edges of both directions."""
    both = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    counts = np.bincount(both[:, 0], minlength=num_nodes)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return EdgeSet("paper", "paper", indptr, both[:, 1].astype(np.int32))


def write(folder: Path, seed: int = 0) -> None:
    """Writes ``schema.pbtxt``, the graph's tables and ``pairs.parquet``."""
    graph = datasets.load("cora").graph
    (name,) = graph.edge_sets
    papers, edges = graph.node_sets["paper"], graph.edge_sets[name]
    pairs = np.stack([edges.source_rows, edges.targets], axis=1)
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    random = np.random.default_rng(seed)
    # Which end comes first says nothing.
    pairs = np.where(random.random(len(pairs))[:, None] < 0.5, pairs, pairs[:, ::-1])
    splits = np.full(len(pairs), "train", object)
    order, begin = random.permutation(len(pairs)), 0
    for split, share in SHARES.items():
        end = begin + round(share * len(pairs))
        splits[order[begin:end]], begin = split, end
    schema = type(graph.schema).FromString(graph.schema.SerializeToString())
    del schema.edge_sets[name]
    for each in ("cites", "linked"):
        schema.edge_sets[each].source = schema.edge_sets[each].target = "paper"
    sets = {
        "cites": edge_set(pairs[splits == "train"], papers.num_nodes),
        "linked": edge_set(pairs, papers.num_nodes),
    }
    write_tables(dataclasses.replace(graph, schema=schema, edge_sets=sets), folder)
    ids = papers.ids[pairs]
    table = {"source": ids[:, 0], "target": ids[:, 1], "split": splits}
    pq.write_table(pa.table(table), folder / "pairs.parquet")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
