"""Several networks as one: their states side by side under one head.

Networks that differ in nothing but their seeds err in different ways; the mean of their logits is
better than each (Lakshminarayanan et al.: "Simple and Scalable Predictive Uncertainty Estimation
using Deep Ensembles", NeurIPS 2017, who average probabilities).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.training.fitting import ModelFn, compose
from tfgnn_ext.training.tasks.task import Task


def ensemble(
    task: Task,
    model_fns: Sequence[ModelFn],
    members: Sequence[tf.keras.Model],
    spec: tfgnn.GraphTensorSpec,
) -> tf.keras.Model:
    """One composed model whose logits are the mean of its members'.

    With k members of states ``h_i`` and heads ``W_i h_i + b_i``, the mean of the logits is one
    head, of ``[W_1; ...; W_k] / k`` and ``mean(b_i)``, on ``[h_1, ..., h_k]``. So an ensemble is a
    model like any other: it is evaluated, exported and embedded the same way, and its embedding is
    that of all members.

    Args:
      task: The members' task; its head must be a dense layer.
      model_fns: What made each member's body, in the members' order.
      members: Composed models; see `compose`. Not changed.
      spec: Of the scalar GraphTensors that the result takes.

    Returns:
      A model from a GraphTensor to logits; of one member, a copy of it.

    Raises:
      ValueError: There are no members, or not a `model_fn` for each.
    """
    if not members or len(members) != len(model_fns):
        raise ValueError(
            "`members` of `ensemble` must be one or more models, one for each of `model_fns`. Got "
            f"{len(members)} models and {len(model_fns)} functions."
        )
    model = compose(task, side_by_side(model_fns), spec)
    heads = [member.get_layer(task.head) for member in members]
    bodies = [
        [weight for weight in member.weights if not _is_in(weight, head.weights)]
        for member, head in zip(members, heads, strict=True)
    ]
    # [sum of the members' units, num_logits], [num_logits]
    kernel = np.concatenate([head.kernel.numpy() for head in heads]) / len(heads)
    bias = np.mean([head.bias.numpy() for head in heads], axis=0)
    head = model.get_layer(task.head)
    values = (weight.numpy() for body in bodies for weight in body)
    for weight in model.weights:
        if not _is_in(weight, head.weights):
            weight.assign(next(values))
    head.set_weights([kernel, bias])
    return model


def _is_in(weight: tf.Variable, weights: Sequence[tf.Variable]) -> bool:
    return any(weight is other for other in weights)


def side_by_side(model_fns: Sequence[ModelFn]) -> ModelFn:
    """Makes models that compute several models' hidden states and concatenate them.

    Args:
      model_fns: Each makes a model from GraphTensor to GraphTensor; all return the same node sets.
    """

    def model_fn(spec: tfgnn.GraphTensorSpec) -> tf.keras.Model:
        inputs = tf.keras.layers.Input(type_spec=spec)
        graphs = [member(spec)(inputs) for member in model_fns]
        return tf.keras.Model(inputs, graphs[0] if len(graphs) == 1 else _Concatenate()(graphs))

    return model_fn


class _Concatenate(tf.keras.layers.Layer):
    """Joins graphs of the same nodes into one with all their hidden states."""

    def call(self, graphs: Sequence[tfgnn.GraphTensor]) -> tfgnn.GraphTensor:
        node_sets = {}
        for name in graphs[0].node_sets:
            # [num_nodes, sum of the members' units]
            states = [graph.node_sets[name][tfgnn.HIDDEN_STATE] for graph in graphs]
            node_sets[name] = {tfgnn.HIDDEN_STATE: tf.concat(states, axis=-1)}
        return graphs[0].replace_features(node_sets=node_sets)
