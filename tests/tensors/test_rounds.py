from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.reference.graphs import Batch, random_batch
from tests.reference.rounds import reference_rounds
from tfgnn_ext.tensors.rounds import rounds

DIRECTIONS = {
    "source": [("by", 0), ("cites", 0), ("wrote", 0)],
    "target": [("cites", 1), ("wrote", 1)],
    "both": [("by", 0), ("by", 1), ("cites", 0), ("cites", 1)],
}


def test_golden_two_paths() -> None:
    # s -> a -> b -> c and s -> b: by the first path b is at distance 2, by the second at 1. With
    # L = 3: s 3, a 2, b 2, c 1; d, which nobody points to, 0.
    edges = np.array([[0, 1, 2, 0], [1, 2, 3, 2]])
    graph = tfgnn.GraphTensor.from_pieces(
        node_sets={"n": tfgnn.NodeSet.from_fields(sizes=[5], features={})},
        edge_sets={
            "e": tfgnn.EdgeSet.from_fields(
                sizes=[4], adjacency=tfgnn.Adjacency.from_indices(("n", edges[0]), ("n", edges[1]))
            )
        },
    )
    assert rounds(graph, 3, "n", [("e", tfgnn.SOURCE)])["n"].numpy().tolist() == [3, 2, 2, 1, 0]
    # The other way nothing reaches the seed.
    assert rounds(graph, 3, "n", [("e", tfgnn.TARGET)])["n"].numpy().tolist() == [3, 0, 0, 0, 0]


@pytest.mark.parametrize("receivers", sorted(DIRECTIONS))
@pytest.mark.parametrize("num_layers", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_equals_breadth_first_search(seed: int, num_layers: int, receivers: str) -> None:
    batch = random_batch(seed, components=4)
    directions = DIRECTIONS[receivers]
    found = rounds(batch.graph(), num_layers, "paper", directions)
    expected = reference_rounds(batch, num_layers, directions)
    for name, values in expected.items():
        assert found[name].dtype == tf.int32
        assert found[name].numpy().tolist() == values.tolist()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_padding_counts_zero(jit_compile: bool) -> None:
    batch = random_batch(5)
    padded = batch.padded({"paper": 41, "author": 23}, {"cites": 67, "by": 53, "wrote": 47})
    graph = padded.graph()

    @tf.function(jit_compile=jit_compile)
    def count(graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        return rounds(graph, 3, "paper", DIRECTIONS["both"], padded=True)

    expected = reference_rounds(batch, 3, DIRECTIONS["both"])
    for name, values in count(graph).items():
        real = len(expected[name])
        assert values.numpy()[:real].tolist() == expected[name].tolist()
        assert not values.numpy()[real:].any()


def test_components_without_nodes_have_no_seed() -> None:
    empty = np.zeros((2, 0), np.int32)
    none = np.zeros(3, np.int32)
    batch = Batch(
        node_sizes={"paper": np.array([2, 0, 0], np.int32), "author": none},
        edge_sizes=dict.fromkeys(("cites", "by", "wrote"), none),
        edges=dict.fromkeys(("cites", "by", "wrote"), empty),
        states={"paper": np.zeros((2, 1), np.float32), "author": np.zeros((0, 1), np.float32)},
        edge_states={n: np.zeros((0, 1), np.float32) for n in ("cites", "by", "wrote")},
    )
    assert rounds(batch.graph(), 2, "paper", [("cites", 0)])["paper"].numpy().tolist() == [2, 0]


def test_context_is_refused() -> None:
    with pytest.raises(ValueError, match="context hears every node"):
        rounds(random_batch(0).graph(), 2, "paper", [("cites", tfgnn.CONTEXT)])
