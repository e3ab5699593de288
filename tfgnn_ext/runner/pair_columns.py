"""The columns that a baseline learns from where seeds are pairs: what a graph says without a model.

Common neighbours, and their sum weighted as Adamic and Adar do ("Friends and neighbors on the Web",
Social Networks 2003), are the usual measures of link prediction (Liben-Nowell, Kleinberg: "The
link-prediction problem for social networks", JASIST 2007).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from tfgnn_ext.graph import Graph, LinkSeeds, Ragged
from tfgnn_ext.sampling import Link

_CHUNK = 4096


def pair_columns(graph: Graph, seeds: LinkSeeds, link: Link) -> dict[str, npt.NDArray[Any]]:
    """Measures of pairs on the graph without the edges between the two.

    Args:
      graph: The graph.
      seeds: The pairs.
      link: Whose edge set and reverse are read, as undirected edges.

    Returns:
      By name, float32 ``[num_pairs]``: the degrees of both nodes (of a negative pair's first node
      without the link that it was drawn for); within one node set, the number
      of their common neighbours, and Adamic and Adar's sum of ``1 / log degree`` over these;
      between two node sets, the number of paths of three edges; and for each numeric feature that
      both have, in one shape, the cosine of the two.

    Raises:
      ValueError: The edges have times, so that what is there depends on each pair's time; or the
        link names no edge set.
    """
    names = [name for name in (link.edge_set, link.reverse) if name is not None]
    if not names or any(graph.edge_sets[name].times is not None for name in names):
        got = "edges with times" if names else "no `edge_set`"
        raise ValueError(
            "`features` of `baseline` must be given where the link's edges have times, or it names "
            f"no edge set. Got {got}."
        )
    adjacency = _adjacency(graph, seeds.node_sets, link)
    first, second = seeds.rows[:, 0], seeds.rows[:, 1]
    own = np.asarray(adjacency[first, second]).reshape(-1)
    # [num_nodes], the number of neighbours
    degrees = [np.asarray(adjacency.sum(axis=1 - end)).reshape(-1) for end in range(2)]
    # A negative pair's first node must not show that it has the link the positive pair has not.
    linked = np.asarray(adjacency[first, seeds.rows[:, 2]]).reshape(-1)
    columns = {
        "degree.source": degrees[0][first] - linked,
        "degree.target": degrees[1][second] - own,
    }
    if seeds.node_sets[0] == seeds.node_sets[1]:
        weights = 1 / np.log(np.maximum(degrees[0], 2))
        columns["common_neighbors"] = _products(adjacency, adjacency.T, first, second)
        columns["adamic_adar"] = _products(
            adjacency @ sp.diags(weights), adjacency.T, first, second
        )
    else:
        paths = _products(adjacency @ adjacency.T, adjacency, first, second)
        columns["paths_of_three"] = paths - own * (degrees[0][first] + degrees[1][second] - 1)
    ends = [graph.node_sets[name].features for name in seeds.node_sets]
    for name in sorted(set(ends[0]) & set(ends[1])):
        features = [end[name] for end in ends]
        arrays = [feature.values for feature in features]
        if any(f.known_at is not None or f.vocabulary is not None for f in features) or any(
            isinstance(values, Ragged) or values.ndim != 2 for values in arrays
        ):
            continue
        if arrays[0].shape[1] == arrays[1].shape[1]:
            columns[f"cosine.{name}"] = _cosines(arrays[0], arrays[1], first, second)
    return {name: np.asarray(values, np.float32) for name, values in columns.items()}


def _adjacency(graph: Graph, node_sets: tuple[str, str], link: Link) -> sp.csr_array:
    """Whether nodes are linked, ``[num_firsts, num_seconds]`` of 0 and 1, without loops."""
    shape = tuple(graph.node_sets[name].num_nodes for name in node_sets)
    found = sp.csr_array(shape, dtype=np.float64)
    for name, reversed_ in ((link.edge_set, False), (link.reverse, True)):
        if name is not None:
            edges = graph.edge_sets[name]
            ends = (edges.source_rows, np.asarray(edges.targets))
            rows, columns = ends[::-1] if reversed_ else ends
            found += sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    if node_sets[0] == node_sets[1]:
        found = found + found.T
        found = found - sp.diags_array(found.diagonal())
    found = sp.csr_array(found)
    found.eliminate_zeros()
    found.data[:] = 1
    return found


def _products(left: Any, right: Any, first: Any, second: Any) -> npt.NDArray[np.float64]:
    """``(left @ right)[first, second]``, without the whole product."""
    left, right = sp.csr_array(left), sp.csr_array(sp.csc_array(right).T)
    found = np.empty(len(first))
    for begin in range(0, len(first), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        found[part] = (left[first[part]] * right[second[part]]).sum(axis=1)
    return found


def _cosines(left: Any, right: Any, first: Any, second: Any) -> npt.NDArray[np.float64]:
    norms = [np.linalg.norm(values, axis=1) for values in (left, right)]
    found = np.empty(len(first))
    for begin in range(0, len(first), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        products = np.einsum("ij,ij->i", left[first[part]], right[second[part]])
        lengths = norms[0][first[part]] * norms[1][second[part]]
        found[part] = np.divide(products, lengths, out=np.zeros(len(products)), where=lengths > 0)
    return found
