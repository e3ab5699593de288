"""A convolution of a user's own, written for TF-GNN, as docs/models.md says."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.models.inputs import padded_spec, random_inputs, unpadded_spec
from tests.models.test_templates import compiled, seed_states
from tfgnn_ext.models import MessagePassing, shared_options


class PowerMean(tf.keras.layers.Layer):
    """A convolution that knows nothing of this package."""

    def __init__(self, *, receiver_tag: int, power: float) -> None:
        super().__init__()
        self.receiver_tag = receiver_tag
        self.power = power
        self.message = tf.keras.layers.Dense(5, "sigmoid")

    def call(self, graph: tfgnn.GraphTensor, *, edge_set_name: str) -> tf.Tensor:
        sender = tfgnn.reverse_tag(self.receiver_tag)
        states = tfgnn.broadcast_node_to_edges(
            graph, edge_set_name, sender, feature_name=tfgnn.HIDDEN_STATE
        )
        powers = self.message(states) ** self.power
        mean = tfgnn.pool_edges_to_node(
            graph, edge_set_name, self.receiver_tag, "mean", feature_value=powers
        )
        return tf.math.pow(mean + 1e-6, 1 / self.power)

    def get_config(self) -> dict[str, Any]:
        return {"receiver_tag": self.receiver_tag, "power": self.power}


@shared_options
def my_model(spec: Any, *, power: float = 2.0, **options: Any) -> tf.keras.Model:
    """Neighbours' states by a mean of my own.

    Args:
      spec: The input.
      power: Of the mean.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, **options)
    return design.model(lambda messages: PowerMean(receiver_tag=messages.receiver_tag, power=power))


@pytest.mark.slow
def test_trimmed_padded_compiled() -> None:
    inputs = [random_inputs(seed) for seed in range(2)]
    whole = my_model(unpadded_spec(), units=7, receivers="both", trim=False)
    trimmed = my_model(unpadded_spec(), units=7, receivers="both")
    padded = my_model(padded_spec(inputs, 2, "both"), units=7, receivers="both")
    trimmed.set_weights(whole.get_weights())
    padded.set_weights(whole.get_weights())
    run_whole, run_trimmed = compiled(whole), compiled(trimmed)
    run_padded = tf.function(lambda graph: padded(graph), jit_compile=True)
    for each in inputs:
        expected = seed_states(run_whole, each)
        np.testing.assert_allclose(seed_states(run_trimmed, each), expected, atol=1e-5)
        found = run_padded(each.padded().graph()).node_sets["paper"][tfgnn.HIDDEN_STATE]
        np.testing.assert_allclose(found[:4], expected, atol=1e-5)


def test_its_signature_names_all_options() -> None:
    parameters = inspect.signature(my_model).parameters
    assert list(parameters)[:3] == ["spec", "power", "units"]
    assert "options" not in parameters
    assert "  jumping_knowledge: What the seed" in (inspect.getdoc(my_model) or "")
    with pytest.raises(TypeError, match="unit"):
        my_model(unpadded_spec(), unit=3)
