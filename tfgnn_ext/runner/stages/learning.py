"""What train, evaluate and export share: the task, the batches and the model of a config."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext import training
from tfgnn_ext.graph import LinkSeeds, Seeds
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.stages.static_sizes import static_sizes, trimming_budget
from tfgnn_ext.runner.template_parameters import load_template
from tfgnn_ext.sampling import Sizes
from tfgnn_ext.tensors import (
    InputSpec,
    SampledBatches,
    SizeBudget,
    WholeGraphBatches,
    fit_input_spec,
    whole_graph_spec,
)


def make_task(context: Context, *, member: int = 0) -> training.Task:
    """The task, with the seed of one network of those to train."""
    config, seeds = context.config, context.data.seeds
    if config.task.of_pairs:
        predicts = config.task.type == "link_prediction"
        return training.LinkTask(
            _objective(context),
            score=config.task.score or ("hadamard" if predicts else "concat"),
            hidden=config.task.hidden,
            prior=_share_of_links(seeds) if predicts else 0.5,
            l2=config.task.l2,
            seed=config.training.seed + member,
        )
    return training.NodeTask(
        seeds.node_set,
        _objective(context),
        l2=config.task.l2,
        seed=config.training.seed + member,
    )


def _share_of_links(seeds: Seeds | LinkSeeds) -> float:
    """Of training pairs, inside (0, 1) even where all or none are linked."""
    labels = seeds.split("train").labels
    return float((labels.sum() + 1) / (len(labels) + 2))


def _objective(context: Context) -> training.Objective:
    task, seeds = context.config.task, context.data.seeds
    if task.target == "values":
        return training.Regression(seeds.split("train").labels, loss=task.loss)
    kind = {
        "class": training.Classification,
        "classes": training.MultiLabelClassification,
    }[task.target]
    return kind(len(seeds.classes), label_smoothing=task.label_smoothing)


def predict(
    context: Context, model: tf.keras.Model, seeds: Seeds | LinkSeeds
) -> training.Predictions:
    """What a model for batches of any size says of seeds, the way that evaluation says."""
    task = make_task(context)
    if context.config.evaluation.exact and isinstance(seeds, Seeds):
        return training.ExactPredictor(task, model, context.whole_graph, seeds)()
    return training.Predictor(task, model, batches(context, seeds))()


def batches(
    context: Context,
    seeds: Seeds | LinkSeeds,
    *,
    batch_size: int | None = None,
    padded: bool = False,
) -> SampledBatches | WholeGraphBatches:
    """Sampled batches of seeds; padded ones read ``inputs.json``. In full-graph mode, all seeds."""
    if context.full_graph and isinstance(seeds, Seeds):
        return WholeGraphBatches(context.whole_graph, seeds)
    sizes, layers = None, None
    if padded:
        statistics = context.directory.read_json("inputs.json")
        sizes = Sizes(**statistics["sizes"])
        if statistics["budget"] is not None:
            layers = SizeBudget.from_json(statistics["budget"])
    return SampledBatches(
        context.sampler,
        seeds,
        batch_size=batch_size or context.config.training.batch_size,
        budget=sizes,
        layers=layers,
        negatives=context.negatives,
    )


def provider(
    context: Context, *, padded: bool = False, member: int = 0
) -> training.SampledProvider | training.FullGraphProvider:
    """The batches of the training seeds, in the order of one network.

    In full-graph mode Keras counts all steps as one epoch: each takes less than what is done at the
    end of one.
    """
    config, seeds = context.config, context.data.seeds.split("train")
    if context.full_graph:
        return training.FullGraphProvider(
            batches(context, seeds),
            steps_per_epoch=config.training.epochs,
            class_weights=config.task.class_weights,
        )
    return training.SampledProvider(
        batches(context, seeds, padded=padded),
        seed=config.training.seed + member,
        partial="drop" if len(seeds) >= config.training.batch_size else "pad",
        class_weights=config.task.class_weights,
        resample=config.training.resample,
    )


def input_statistics(context: Context, *, steps: int | None = None) -> Any:
    """Means, deviations and quantiles of the features, and sizes, over training samples.

    Args:
      context: The run.
      steps: The number of batches; default: what the config says.
    """
    if context.full_graph:
        return whole_graph_spec(context.whole_graph, context.data.seeds.node_set).statistics()
    train = provider(context)
    steps = min(steps or context.config.training.fit_batches, train.steps_per_epoch())
    data = train.dataset(0, steps)
    graphs = [graph for graph, *_ in data]
    spec = fit_input_spec(graphs, data.element_spec[0], context.data.graph, context.sampler.plan)
    statistics = spec.statistics()
    if context.config.training.jit_compile:
        sizes = static_sizes(graphs, context.sampler)
        statistics["sizes"] = dataclasses.asdict(sizes)
        statistics["budget"] = trimming_budget(graphs, spec, sizes, context.config.parameters)
    return statistics


def model_function(
    context: Context, *, member: int = 0, statistics: Any = None
) -> training.ModelFn:
    """The template with its parameters.

    Args:
      context: The run.
      member: Which of the networks, whose seeds differ.
      statistics: See `input_statistics`; default: those of ``inputs.json``.
    """
    template = load_template(context.config.model.name)
    parameters = context.config.parameters
    parameters["seed"] += member
    if statistics is None:
        statistics = context.directory.read_json("inputs.json")
    node_set = context.data.seeds.node_set

    def model(graph_spec: tfgnn.GraphTensorSpec) -> tf.keras.Model:
        spec = InputSpec.with_statistics(graph_spec, node_set, statistics)
        try:
            found: tf.keras.Model = template(spec, **parameters)
        except ValueError as error:
            where = context.loaded.source.where(("model",))
            raise InputError([f"{where}: `model`: {error}"]) from error
        return found

    return model


def members(context: Context) -> list[training.ModelFn]:
    """What makes each of the networks that a config asks for."""
    return [
        model_function(context, member=member) for member in range(context.config.training.members)
    ]


def any_size(context: Context) -> tfgnn.GraphTensorSpec:
    """The spec of batches of any size."""
    spec: tfgnn.GraphTensorSpec
    spec, *_ = batches(context, context.data.seeds, batch_size=1).dataset(_first, 0, 1).element_spec
    return spec


def trained_model(context: Context) -> tf.keras.Model:
    """The trained model, for batches of any size; reads ``weights.npz``."""
    body = training.side_by_side(members(context))
    model = training.compose(make_task(context), body, any_size(context))
    with np.load(context.directory.path / "weights.npz") as file:
        model.set_weights([file[name] for name in file.files])
    return model


def _first(step: int) -> tuple[Any, Any, int]:
    return np.array([step]), np.ones(1, np.float32), 0
