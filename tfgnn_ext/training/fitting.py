"""Composes a task, a model, a provider and a trainer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.whole_graph import read_seeds
from tfgnn_ext.training.best_so_far import BestSoFar
from tfgnn_ext.training.predict import Predictor
from tfgnn_ext.training.provider import BatchSource, StepProvider
from tfgnn_ext.training.tasks.task import Task
from tfgnn_ext.training.trainer import Trainer

ModelFn = Callable[[tfgnn.GraphTensorSpec], tf.keras.Model]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """What `fit` returns.

    Attributes:
      model: From a GraphTensor to logits, with the best weights.
      history: The logs of each epoch, with ``epoch`` and ``step``.
      validations: The scores of each validation, with ``step``.
      best: Which validation was best; None without validation.
    """

    model: tf.keras.Model
    history: list[dict[str, float]]
    validations: list[dict[str, float]]
    best: BestSoFar | None


def compose(
    task: Task,
    model_fn: ModelFn,
    spec: tfgnn.GraphTensorSpec,
    *,
    weights_of: tf.keras.Model | None = None,
) -> tf.keras.Model:
    """The model of a task: ``graph -> task.predict(model_fn(spec)(graph))``.

    On a whole graph, which is one component with many seeds, the seeds' states are read in between
    (see `tensors.read_seeds`), so that templates and tasks need not know.

    A model that was trained on batches of static sizes takes no others; one that takes any size,
    to export or to predict with, is composed for a spec of such, with the trained one's weights.

    Args:
      task: The task.
      model_fn: Makes a model from GraphTensor to GraphTensor, as in TF-GNN's runner.
      spec: Of the scalar GraphTensors that the model takes.
      weights_of: A model of the same task and `model_fn`, whose weights are copied.

    Returns:
      A Keras model from a GraphTensor to logits.
    """
    inputs = tf.keras.layers.Input(type_spec=spec)
    states = read_seeds(inputs, model_fn(spec)(inputs))
    model = tf.keras.Model(inputs, task.predict(states))
    if weights_of is not None:
        model.set_weights(weights_of.get_weights())
    return model


def fit(
    task: Task,
    model_fn: ModelFn,
    provider: StepProvider,
    trainer: Trainer,
    *,
    validation: BatchSource | None = None,
) -> Fitted:
    """Trains a model for a task; a run that was cut short goes on where its checkpoint is.

    All randomness is seeded here (`trainer.seed`): Python, NumPy, TensorFlow, and Keras' random
    layers, which are told to keep their state in generators.

    Args:
      task: What to learn.
      model_fn: Makes a model from GraphTensor to GraphTensor.
      provider: The training batches.
      trainer: How to train.
      validation: The validation seeds. They are scored exactly, each once, by `task.score`.

    Returns:
      The trained model and the history of the run.
    """
    tf.keras.backend.experimental.enable_tf_random_generator()
    tf.keras.utils.set_random_seed(trainer.seed)
    steps = trainer.epochs * trainer.steps_per_epoch(provider)
    spec = provider.dataset(0, 1).element_spec[0]

    def compiled() -> tf.keras.Model:
        model = compose(task, model_fn, spec)
        model.compile(
            optimizer=trainer.optimizer.build(steps),
            loss=task.losses(),
            weighted_metrics=task.metrics(),
            steps_per_execution=trainer.steps_per_execution,
            jit_compile=trainer.jit_compile,
        )
        return model

    def score(model: tf.keras.Model) -> Callable[[], Mapping[str, float]]:
        assert validation is not None
        predict = Predictor(task, model, validation)
        seeds = validation.seeds
        return lambda: task.score(seeds.labels, predict().values, groups=seeds.ranked_groups)

    model = trainer.train(compiled, provider, score=None if validation is None else score)
    return Fitted(
        model=model,
        history=trainer.history,
        validations=trainer.validations,
        best=trainer.best if validation is not None else None,
    )
