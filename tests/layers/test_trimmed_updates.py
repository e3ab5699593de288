from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models.gcn import GCNConv

from tests.reference.graphs import random_batch
from tfgnn_ext.layers import PoolNeighbors, TrimmedUpdates
from tfgnn_ext.layers.trimmed_updates import layer_state
from tfgnn_ext.tensors.size_budget import SizeBudget

DIRECTIONS = [("cites", tfgnn.SOURCE)]
keras = tfgnn.keras.layers


def node_update(**options: Any) -> tf.keras.layers.Layer:
    return keras.NodeSetUpdate(
        {"cites": PoolNeighbors(receiver_tag=tfgnn.SOURCE)},
        keras.NextStateFromConcat(tf.keras.layers.Dense(3)),
        **options,
    )


def trimmed(update: tf.keras.layers.Layer, **options: Any) -> TrimmedUpdates:
    return TrimmedUpdates([update], seed_node_set="paper", directions=DIRECTIONS, **options)


def test_context_updates_are_refused() -> None:
    update = keras.GraphUpdate(
        node_sets={"paper": node_update()},
        context=keras.ContextUpdate(
            {"paper": keras.Pool(tfgnn.CONTEXT, "mean")},
            keras.NextStateFromConcat(tf.keras.layers.Dense(3)),
            context_input_feature=None,
        ),
    )
    with pytest.raises(ValueError, match="must not update the context"):
        trimmed(update)


def test_edge_updates_are_refused() -> None:
    update = keras.GraphUpdate(
        edge_sets={
            "cites": keras.EdgeSetUpdate(keras.NextStateFromConcat(tf.keras.layers.Dense(3)))
        },
        node_sets={"paper": node_update()},
    )
    with pytest.raises(ValueError, match="must not update edge sets"):
        trimmed(update)


def test_what_reaches_unknown_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="whose reach is known. Got Dense"):
        trimmed(tf.keras.layers.Dense(3))
    update = keras.GraphUpdate(node_sets={"paper": tf.keras.layers.Dense(3)})
    with pytest.raises(ValueError, match="must update 'paper' by a tfgnn"):
        trimmed(update)
    pool = keras.NodeSetUpdate(
        {"cites": keras.Pool(tfgnn.CONTEXT, "mean")},
        keras.NextStateFromConcat(tf.keras.layers.Dense(3)),
    )
    with pytest.raises(ValueError, match="must not pool 'cites' to the context"):
        trimmed(keras.GraphUpdate(node_sets={"paper": pool}))
    other = keras.NodeSetUpdate(
        {"by": PoolNeighbors(receiver_tag=tfgnn.SOURCE)},
        keras.NextStateFromConcat(tf.keras.layers.Dense(3)),
    )
    with pytest.raises(ValueError, match="must receive along `directions`"):
        trimmed(keras.GraphUpdate(node_sets={"paper": other}))


def test_degrees_of_trimmed_senders_are_refused() -> None:
    update = keras.NodeSetUpdate(
        {"cites": GCNConv(3, receiver_tag=tfgnn.SOURCE)},
        keras.NextStateFromConcat(tf.keras.layers.Dense(3)),
    )
    with pytest.raises(ValueError, match="must not be of GCNConv, which counts the degrees"):
        trimmed(keras.GraphUpdate(node_sets={"paper": update}))
    # Untrimmed, updates may do what they like.
    trimmed(keras.GraphUpdate(node_sets={"paper": update}), trim=False)


def test_states_after_each_layer() -> None:
    updates = [keras.GraphUpdate(node_sets={"paper": node_update()}) for _ in range(2)]
    options = {"seed_node_set": "paper", "directions": DIRECTIONS, "remember": True}
    graph = random_batch(3).graph()
    found = TrimmedUpdates(updates, **options)(graph).node_sets["paper"]
    whole = TrimmedUpdates(updates, trim=False, **options)(graph).node_sets["paper"]
    for name in (layer_state(0), layer_state(1)):
        expected = whole[name].numpy()[random_batch(3).seeds]
        np.testing.assert_allclose(found[name], expected, atol=1e-6)
    np.testing.assert_array_equal(found[layer_state(1)], found[tfgnn.HIDDEN_STATE])
    assert np.abs(found[layer_state(0)] - found[layer_state(1)]).max() > 0.01


def test_direction_of_a_convolution_must_agree() -> None:
    update = keras.NodeSetUpdate(
        {"cites": PoolNeighbors(receiver_tag=tfgnn.TARGET)},
        keras.NextStateFromConcat(tf.keras.layers.Dense(3)),
    )
    with pytest.raises(ValueError, match="must receive at the end that `directions` names"):
        trimmed(keras.GraphUpdate(node_sets={"paper": update}))


def test_budget_must_fit() -> None:
    update = keras.GraphUpdate(node_sets={"paper": node_update()})
    budget = SizeBudget(nodes={"paper": (9, 5, 5)}, edges={("cites", 0): (9, 5, 5)})
    with pytest.raises(ValueError, match="must be for 1 layers. Got one for 2"):
        trimmed(update, budget=budget)
    budget = SizeBudget(nodes={"paper": (9, 5)}, edges={("by", 0): (9, 5)})
    with pytest.raises(ValueError, match="Got none for cites"):
        trimmed(update, budget=budget)


def test_untrimmed_and_trimmed_agree() -> None:
    update = keras.GraphUpdate(node_sets={"paper": node_update()})
    graph = random_batch(3).graph()
    whole = trimmed(update, trim=False)(graph).node_sets["paper"]
    seeds = trimmed(update)(graph).node_sets["paper"]
    assert seeds.sizes.numpy().tolist() == [1, 1, 1]
    np.testing.assert_allclose(
        seeds[tfgnn.HIDDEN_STATE],
        whole[tfgnn.HIDDEN_STATE].numpy()[random_batch(3).seeds],
        atol=1e-6,
    )
