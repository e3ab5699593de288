"""Predictions from whole neighbourhoods, without sampling."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from tfgnn_ext.graph import Seeds
from tfgnn_ext.models.message_passing import MessagePassingLayer
from tfgnn_ext.tensors.whole_graph import WholeGraph
from tfgnn_ext.training.layerwise import layerwise_states
from tfgnn_ext.training.predict import Predictions
from tfgnn_ext.training.tasks.task import Task


class ExactPredictor:
    """Predicts for seeds as the model would on the whole graph: every edge set, every neighbour.

    What full-graph mode computes, in bounded memory (see `layerwise_states`), for models that were
    trained on samples too. Those saw at most their plan's fan-outs and edge sets, hop by hop; here
    each layer hears all.

    Args:
      task: The task; its head must read the seeds' states.
      model: A composed model of message passing templates; its current weights are used.
      whole: The graph.
      seeds: For whom.
      items_per_step: As for `layerwise_states`.

    Raises:
      ValueError: The model is not of message passing templates, or hears more than neighbours.
    """

    def __init__(
        self,
        task: Task,
        model: tf.keras.Model,
        whole: WholeGraph,
        seeds: Seeds,
        *,
        items_per_step: int = 1_000_000,
    ) -> None:
        self._layers = list(_message_passing(model))
        self._task = task
        self._head = model.get_layer(task.head)
        self._whole = whole
        self._seeds = seeds
        self._items_per_step = items_per_step
        if not self._layers:
            raise ValueError(
                "`model` of `ExactPredictor` must be of message passing templates, which compute "
                f"layer by layer. Got layers {', '.join(layer.name for layer in model.layers)}."
            )

    def __call__(self) -> Predictions:
        """Predicts."""
        # [num_seeds, units], of several networks side by side.
        states = tf.concat(
            [
                layerwise_states(
                    layer,
                    self._whole,
                    self._seeds.node_set,
                    self._seeds.rows,
                    items_per_step=self._items_per_step,
                )
                for layer in self._layers
            ],
            axis=-1,
        )
        logits = self._head(states)
        return Predictions(
            ids=self._seeds.ids,
            logits=logits.numpy(),
            values=self._task.predictions(logits).numpy(),
            embeddings=tf.cast(states, tf.float32).numpy(),
        )


def _message_passing(model: tf.keras.Model) -> Iterator[MessagePassingLayer]:
    """The message passing layers of a model of models, in the order of its members."""
    for layer in model.layers:
        if isinstance(layer, MessagePassingLayer):
            yield layer
        elif isinstance(layer, tf.keras.Model):
            yield from _message_passing(layer)
