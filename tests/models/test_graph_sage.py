from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.models.inputs import input_spec, random_inputs, unpadded_spec
from tests.reference.graph_sage import reference_graph_sage
from tests.reference.graphs import ENDS
from tfgnn_ext.layers import FeatureColumns
from tfgnn_ext.models import graph_sage
from tfgnn_ext.tensors.trimming import edge_set_name

DIRECTIONS = {
    "source": [(name, 0) for name in sorted(ENDS)],
    "both": [(name, tag) for name in sorted(ENDS) for tag in (0, 1)],
}


@pytest.mark.parametrize("receivers", sorted(DIRECTIONS))
def test_equals_dense_reference(receivers: str) -> None:
    spec = unpadded_spec()
    model = graph_sage(spec, units=7, num_layers=2, encoding="columns", receivers=receivers)
    inputs = random_inputs(4)
    states = tfgnn.keras.layers.ReadoutFirstNode(
        node_set_name="paper", feature_name=tfgnn.HIDDEN_STATE
    )(model(inputs.graph()))
    # The encodings are tested by themselves.
    encoders = {
        layer.name: layer for layer in model.submodules if isinstance(layer, FeatureColumns)
    }

    def encoded(sets: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {
            name: encoders[f"encode_{name}"](features).numpy().astype(np.float64)
            for name, features in sets.items()
            if f"encode_{name}" in encoders
        }

    kernels = []
    weights = {w.name: w.numpy().astype(np.float64) for w in model.trainable_weights}
    updates = sorted(
        (m for m in model.submodules if isinstance(m, tfgnn.keras.layers.GraphUpdate)),
        key=lambda update: update.name,
    )
    assert len(updates) == 2
    for update in updates:
        config = update.get_config()
        node_sets = {
            key.removeprefix("node_sets/"): value
            for key, value in config.items()
            if key.startswith("node_sets/")
        }
        kernels.append(
            {
                name: tuple(w.numpy().astype(np.float64) for w in part.trainable_weights)
                for name, part in node_sets.items()
            }
        )
    assert set(kernels[0]) == {"author", "paper"}
    assert set(kernels[1]) == {"paper"}
    assert len(weights) == len({w.name for w in model.trainable_weights})
    expected = reference_graph_sage(
        inputs.batch,
        encoded(inputs.nodes),
        encoded(inputs.edges),
        kernels,
        DIRECTIONS[receivers],
        edge_set_name,
    )
    assert (expected > 0).any()
    np.testing.assert_allclose(states, expected, atol=1e-5)


def test_l2_enters_the_loss() -> None:
    model = graph_sage(unpadded_spec(), units=4, l2=0.5)
    kernels = [w for w in model.trainable_weights if "kernel" in w.name]
    expected = sum(0.5 * float(tf.reduce_sum(tf.square(kernel))) for kernel in kernels)
    assert len(kernels) == 5
    model(random_inputs(0).graph())
    np.testing.assert_allclose(sum(map(float, model.losses)), expected, rtol=1e-5)


def test_mixed_precision() -> None:
    inputs = random_inputs(2)
    spec = unpadded_spec()
    expected = graph_sage(spec, units=8)(inputs.graph()).node_sets["paper"]
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = graph_sage(spec, units=8)
        states = model(inputs.graph()).node_sets["paper"][tfgnn.HIDDEN_STATE]
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert states.dtype == tf.bfloat16
    np.testing.assert_allclose(
        tf.cast(states, tf.float32), expected[tfgnn.HIDDEN_STATE], atol=0.05, rtol=0.05
    )


def test_node_sets_without_features() -> None:
    import dataclasses

    spec = input_spec(unpadded_spec().graph_spec)
    spec = dataclasses.replace(spec, nodes={**spec.nodes, "author": {}})
    graph = random_inputs(1).graph()
    assert graph_sage(spec, units=8)(graph).node_sets["paper"][tfgnn.HIDDEN_STATE].shape == (4, 8)
