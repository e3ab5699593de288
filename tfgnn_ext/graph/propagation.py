"""Features of far nodes as features of a node: propagated once, before any training.

What SIGN (Rossi et al., "SIGN: Scalable Inception Graph Neural Networks", 2020) does for one edge
set and SeHGNN (Yang et al., "Simple and Efficient Heterogeneous Graph Neural Network", AAAI 2023)
for many: along every path of edge sets, the mean of what lies at its end becomes a feature. A model
then reads nothing but nodes' own features; see the template `sehgnn`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from tfgnn_ext.graph.feature import Feature
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.node_set import NodeSet
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.schema import declare_feature, new_schema
from tfgnn_ext.graph.seed_columns import SPLITS
from tfgnn_ext.graph.seeds import Seeds
from tfgnn_ext.graph.timed_parts import timed_parts

FEATURES, LABELS = "via:", "labels:"
_ROWS = 8192  # Whose paths exist at a time while labels are propagated.

Path = tuple[str, ...]
Floats = npt.NDArray[np.float32]


def propagate_features(
    graph: Graph, node_set: str, *, hops: int, edge_sets: Sequence[str] | None = None
) -> Graph:
    """Adds the mean features at the end of every path of edge sets.

    With the row-normalised adjacency A_e of each edge set, from source to target, a path
    ``e_1, ..., e_k`` gives ``A_e1 ... A_ek X``, where X holds the features of the last target: its
    numbers (a missing one reads as the column's mean), and for each string a column a value. A node
    from which a path leads nowhere gets zeros.

    Args:
      graph: A graph that is the same at all times.
      node_set: Whose nodes get the features.
      hops: The most edge sets of a path, at least 1.
      edge_sets: Which to follow; default: all.

    Returns:
      The graph, whose `node_set` has one more feature ``[num_nodes, width]`` for each path that
      ends in a node set with features, named ``via:e_1>e_2``.

    Raises:
      ValueError: An argument is out of range, the graph depends on time, or a feature is ragged.

    >>> import numpy as np
    >>> from tfgnn_ext.graph import EdgeSet, new_schema
    >>> schema = new_schema()
    >>> declare_feature(schema.node_sets["n"], "x", "DT_FLOAT")
    >>> schema.edge_sets["e"].source = schema.edge_sets["e"].target = "n"
    >>> nodes = NodeSet(np.arange(3), {"x": Feature(np.array([1, 2, 4], np.float32))})
    >>> edges = EdgeSet("n", "n", np.array([0, 2, 3, 3]), np.array([1, 2, 2], np.int32))
    >>> wide = propagate_features(Graph(schema, {"n": nodes}, {"e": edges}), "n", hops=2)
    >>> {k: f.values.ravel().tolist() for k, f in wide.node_sets["n"].features.items()}
    {'x': [1.0, 2.0, 4.0], 'via:e': [3.0, 4.0, 0.0], 'via:e>e': [2.0, 0.0, 0.0]}
    """
    paths = list(_paths(graph, node_set, hops, edge_sets, "propagate_features"))
    matrices = {name: _mean(graph, name) for name in sorted({e for path in paths for e in path})}
    columns = {
        name: _columns(name, graph.node_sets[name])
        for name in sorted({graph.edge_sets[path[-1]].target for path in paths})
    }
    ends: dict[Path, Floats] = {}

    def at(path: Path) -> Floats:
        """What a path's first source gets; paths share their tails."""
        if path not in ends:
            tail = at(path[1:]) if path[1:] else columns[graph.edge_sets[path[0]].target]
            ends[path] = np.asarray(matrices[path[0]] @ tail, np.float32)
        return ends[path]

    added = {}
    for path in paths:
        if columns[graph.edge_sets[path[-1]].target].shape[1]:
            added[FEATURES + ">".join(path)] = at(path)
    return _with_features(graph, node_set, added)


def propagate_labels(
    graph: Graph, seeds: Seeds, *, hops: int, edge_sets: Sequence[str] | None = None
) -> Graph:
    """Adds the mean training labels at the end of every path that leads back to the node set.

    A path, ``P = A_e1 ... A_ek``, gives ``(P - diag(P)) Y``, with the label of a training seed as a
    row of Y, a column a class, and zeros for other nodes: no node sees its own label, to the bit,
    and none sees one of validation or test. Only models without messages between nodes may read
    it: a neighbour's feature holds the node's own label, and would send it back.

    Args:
      graph: A graph that is the same at all times.
      seeds: Whose labels of the split "train" are propagated.
      hops, edge_sets: As for `propagate_features`.

    Returns:
      The graph, whose seed node set has one more feature ``[num_nodes, num_classes]`` for each
      path, named ``labels:e_1>e_2``.

    Raises:
      ValueError: As for `propagate_features`, or no path leads back.
    """
    paths = [
        path
        for path in _paths(graph, seeds.node_set, hops, edge_sets, "propagate_labels")
        if graph.edge_sets[path[-1]].target == seeds.node_set
    ]
    if not paths:
        raise ValueError(
            "`hops` of `propagate_labels` must be so many that a path leads from "
            f"{seeds.node_set!r} back to it. Got {hops}."
        )
    training = seeds.splits == SPLITS.index("train")
    rows, firsts = np.unique(seeds.rows[training], return_index=True)
    # [num_training_seeds, num_classes]
    given = seeds.labels[training][firsts]
    labels = (
        np.eye(len(seeds.classes), dtype=np.float32)[given]
        if seeds.target == "class"
        else given.astype(np.float32)
    )
    matrices = {name: _mean(graph, name) for name in sorted({e for path in paths for e in path})}
    total = graph.node_sets[seeds.node_set].num_nodes
    added = {}
    for path in paths:
        last = matrices[path[-1]][:, rows]
        found = np.zeros((total, len(seeds.classes)), np.float32)
        for begin in range(0, total, _ROWS):
            block = slice(begin, min(begin + _ROWS, total))
            chain = [matrices[name] for name in path[:-1]]
            # [rows of the block, num_training_seeds]
            product = last[block] if not chain else chain[0][block]
            for matrix in chain[1:]:
                product = product @ matrix
            if chain:
                product = product @ last
            entries = product.tocoo()
            own = rows[entries.col] == entries.row + begin
            values = np.where(own, 0, entries.data)
            others = sp.csr_matrix((values, (entries.row, entries.col)), shape=entries.shape)
            found[block] = others @ labels
        added[LABELS + ">".join(path)] = found
    return _with_features(graph, seeds.node_set, added)


def _paths(
    graph: Graph, node_set: str, hops: int, edge_sets: Sequence[str] | None, function: str
) -> Iterator[Path]:
    """The paths of edge sets from a node set, the shorter ones first."""
    if isinstance(hops, bool) or hops < 1:
        raise ValueError(f"`hops` of `{function}` must be an int >= 1. Got {hops!r}.")
    if node_set not in graph.node_sets:
        raise ValueError(
            f"`node_set` of `{function}` must be one of {', '.join(sorted(graph.node_sets))}. Got "
            f"{node_set!r}."
        )
    unknown = sorted(set(edge_sets or ()) - set(graph.edge_sets))
    if unknown:
        raise ValueError(
            f"`edge_sets` of `{function}` must be of {', '.join(sorted(graph.edge_sets))}. Got "
            f"{', '.join(unknown)}."
        )
    timed = timed_parts(graph)
    if timed:
        raise ValueError(
            f"`graph` of `{function}` must be the same at all times: what is propagated would "
            f"show the future. Got {'; '.join(timed)}."
        )
    names = sorted(graph.edge_sets if edge_sets is None else set(edge_sets))
    longest: list[tuple[Path, str]] = [((), node_set)]
    for _ in range(hops):
        longest = [
            ((*path, name), graph.edge_sets[name].target)
            for path, end in longest
            for name in names
            if graph.edge_sets[name].source == end
        ]
        yield from (path for path, _ in longest)


def _mean(graph: Graph, name: str) -> sp.csr_matrix:
    """The adjacency of an edge set, ``[num_sources, num_targets]``, whose rows sum to 1 or 0."""
    edges = graph.edge_sets[name]
    degrees = np.diff(edges.indptr)
    weights = np.repeat(1 / np.maximum(degrees, 1), degrees).astype(np.float32)
    shape = (len(degrees), graph.node_sets[edges.target].num_nodes)
    # Copied: what follows works in place.
    arrays = (weights, np.asarray(edges.targets), edges.indptr)
    matrix = sp.csr_matrix(arrays, shape=shape, copy=True)
    matrix.sum_duplicates()
    return matrix


def _columns(name: str, nodes: NodeSet) -> Floats:
    """All of a node set's features as numbers, ``[num_nodes, width]``."""
    blocks: list[npt.NDArray[np.floating]] = [np.zeros((nodes.num_nodes, 0), np.float32)]
    for key, feature in sorted(nodes.features.items()):
        if isinstance(feature.values, Ragged):
            raise ValueError(
                "`graph` of `propagate_features` must have no ragged features where paths end. Got "
                f"{key!r} of {name!r}."
            )
        values = np.asarray(feature.values).reshape(nodes.num_nodes, -1)
        if feature.vocabulary is None:
            numbers = values.astype(np.float32)
            there = np.isfinite(numbers)
            sums = np.where(there, numbers, 0).sum(axis=0, dtype=np.float64)
            means = sums / np.maximum(there.sum(axis=0), 1)
            blocks.append(np.where(there, numbers, means.astype(np.float32)))
            continue
        # A column a value; code 0 is what is missing.
        counts = np.zeros((nodes.num_nodes, len(feature.vocabulary)), np.float32)
        np.add.at(counts, (np.arange(nodes.num_nodes)[:, None], values), 1)
        blocks.append(counts[:, 1:])
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _with_features(graph: Graph, node_set: str, added: dict[str, Floats]) -> Graph:
    schema = new_schema()
    schema.CopyFrom(graph.schema)
    nodes = graph.node_sets[node_set]
    for name, values in added.items():
        declare_feature(schema.node_sets[node_set], name, "DT_FLOAT", values.shape[1:])
    features = {**nodes.features, **{name: Feature(values) for name, values in added.items()}}
    wide = dataclasses.replace(nodes, features=features)
    return Graph(schema, {**graph.node_sets, node_set: wide}, graph.edge_sets)
