"""Checks the seeds, and the plan on the graph they lie in."""

from __future__ import annotations

import numpy as np

from tfgnn_ext.graph import SPLITS
from tfgnn_ext.graph.timed_parts import timed_parts
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.sampling.ragged_features import ragged_features


def check_seeds(context: Context) -> None:
    """Checks the seeds, and the plan on the graph.

    Raises:
      InputError: With one line a problem.
    """
    seeds = context.data.seeds
    problems = []
    where = context.loaded.source.where
    if not (seeds.splits == SPLITS.index("train")).any():
        problems.append("seeds table: must hold seeds of split train. Got none.")
    elif seeds.target == "class" and len(np.unique(seeds.split("train").labels)) < 2:
        problems.append("seeds table: must hold two classes in split train. Got one.")
    task = context.config.task
    if seeds.target != task.target:
        fitting = {
            "class": "classification",
            "classes": "multi_label_classification",
            "values": "regression",
        }[seeds.target]
        what = "graph" if task.of_graphs else "node"
        problems.append(
            f"{where(('task', 'type'))}: `task.type` must be one for the labels that the data set "
            f"has, such as {what}_{fitting}. Got {task.type}."
        )
    if task.calibration is not None and not len(seeds.split("validation")):
        problems.append(
            f"{where(('task', 'calibration'))}: `task.calibration` must be left out where no seeds "
            f"are of split validation. Got {task.calibration}."
        )
    for label in context.config.labels:
        feature = context.data.graph.node_sets[seeds.node_set].features.get(label)
        if feature is not None and feature.known_at is None:
            problems.append(
                f"{where(('data', 'seeds', 'label'))}: `data.seeds.label` must not be an input "
                f"too: take feature {label!r} out of node set {seeds.node_set!r} in the schema, or "
                f"say there when it becomes known (`known_at.{label}`). Got both."
            )
    weights = task.class_weights
    if isinstance(weights, list) and len(weights) != len(seeds.classes):
        problems.append(
            f"{where(('task', 'class_weights'))}: `task.class_weights` must be balanced or "
            f"{len(seeds.classes)} numbers, one a class ({', '.join(seeds.classes)}). "
            f"Got {len(weights)}."
        )
    names = context.config.report.class_names
    if names is not None and seeds.target == "values":
        problems.append(
            f"{where(('report', 'class_names'))}: `report.class_names` must be left out with task "
            f"{task.type}, which has no classes. Got {len(names)}."
        )
    elif names is not None and len(names) != len(seeds.classes):
        problems.append(
            f"{where(('report', 'class_names'))}: `report.class_names` must be "
            f"{len(seeds.classes)} names, for {', '.join(seeds.classes)}. Got {len(names)}."
        )
    depends = timed_parts(context.data.graph) if context.full_graph else []
    if depends:
        problems.append(
            f"{context.loaded.source.name}: `sampling` must be given: without it every seed sees "
            f"the whole graph, and here what a seed may see depends on its time "
            f"({'; '.join(depends)}). Got none."
        )
    try:
        timed = context.timed
    except ValueError as error:
        problems.append(f"{where(('sampling',))}: {error}")
    else:
        ragged = [] if context.full_graph else ragged_features(context.sampler)
        if context.config.training.jit_compile and ragged:
            problems.append(
                f"{where(('training', 'jit_compile'))}: `training.jit_compile` must be false with "
                f"ragged features, which have no static size. Got true and {ragged[0]}."
            )
        if timed and seeds.times is None:
            problems.append(
                f"{where(('data', 'seeds'))}: `data.seeds.time` must be given: what the graph's "
                "nodes and edges reveal depends on the time. Got nothing."
            )
    if problems:
        raise InputError(problems)
