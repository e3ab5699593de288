"""A trained model as a SavedModel that serves without TF-GNN."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.training.predict import inference_model
from tfgnn_ext.training.tasks.task import Task


class Parser(Protocol):
    """Turns what is served into what a model takes.

    `tensors.ParseExamples` reads serialized examples of samples; `tensors.LookUpSeeds` reads ids of
    nodes of the training graph, for models of full-graph mode.

    Attributes:
      signature: The name, type and shape ``[batch]`` of what `parse` takes.
    """

    signature: tf.TensorSpec

    def parse(
        self, served: tf.Tensor
    ) -> tuple[tfgnn.GraphTensor, tf.Tensor | dict[str, tf.Tensor]]:
        """From ``[batch]`` to a merged GraphTensor, and ids ``[batch]``, or several by name."""


def export(
    task: Task, model: tf.keras.Model, parser: Parser, directory: str | os.PathLike[str]
) -> Path:
    """Writes a SavedModel whose names do not depend on layers.

    Its signature ``serving_default`` takes what the parser takes: of `tensors.ParseExamples`,
    ``examples``, string ``[batch]``: serialized tf.Examples, one component each, as the samplers
    write them; of `tensors.LookUpSeeds`, ``ids`` ``[batch]``. It returns ``ids`` ``[batch]``
    (original ids of the seeds; of pairs also ``target_ids``), ``logits`` ``[batch, units]``,
    ``embedding`` ``[batch, units]``, and ``probabilities`` ``[batch, num_classes]``, of a
    regression ``predictions`` ``[batch, num_values]``. Strings and ids that the training graph does
    not have are read as code 0.

    It loads with TensorFlow alone: what is tracked are the variables and lookup tables, not the
    Keras model, whose type spec would need TF-GNN.

    Args:
      task: The task.
      model: A composed model that takes GraphTensors of any size (not one that was made for batches
        of static sizes: compose one for the parser's spec and copy the weights).
      parser: Reads what is served.
      directory: Of the SavedModel; replaced as a whole if it exists.

    Returns:
      The directory.
    """
    inference = inference_model(task, model)

    def serve(served: tf.Tensor) -> dict[str, tf.Tensor]:
        graph, ids = parser.parse(served)
        outputs = inference(graph, training=False)
        logits = outputs["logits"]
        return {
            **(ids if isinstance(ids, dict) else {"ids": ids}),
            "logits": logits,
            task.objective.output: task.predictions(logits),
            "embedding": outputs["embedding"],
        }

    module = tf.Module()
    module.variables_and_tables = _resources(inference) + _resources(parser)
    module.serve = tf.function(serve, input_signature=[parser.signature])
    final = Path(directory)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial, old = (final.with_name(f"{final.name}.{suffix}") for suffix in ("partial", "old"))
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    tf.saved_model.save(module, os.fspath(partial), signatures={"serving_default": module.serve})
    if final.exists():
        os.replace(final, old)
    os.replace(partial, final)
    shutil.rmtree(old, ignore_errors=True)
    return final


def _resources(root: object) -> list[object]:
    """The variables, lookup tables and generators below `root`, each once."""
    found: dict[int, object] = {}
    if isinstance(root, tf.keras.Model):
        for variable in root.variables:
            found[id(variable)] = variable
    for item in tf.train.TrackableView(root).descendants():
        is_resource = isinstance(item, tf.Variable | tf.saved_model.experimental.TrackableResource)
        # Lookup tables are resources of an older, private type.
        if is_resource or hasattr(item, "resource_handle"):
            found[id(item)] = item
    return list(found.values())
