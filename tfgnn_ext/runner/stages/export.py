"""Stage: writes the model as a SavedModel, and tries it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tfgnn_ext.graph import SPLITS
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.start_tensorflow import start_tensorflow
from tfgnn_ext.sampling import sample_schema, write_examples

_TRIED = 32


def export(context: Context) -> dict[str, Any]:
    """Writes ``model/``; what it serves must be what was predicted."""
    start_tensorflow(context.directory)
    from tfgnn_ext import training
    from tfgnn_ext.runner.stages import learning
    from tfgnn_ext.tensors import LookUpSeeds, ParseExamples, vocabularies

    parser: training.Parser
    if context.full_graph:
        parser = LookUpSeeds(context.whole_graph, context.data.seeds.node_set)
    else:
        parser = ParseExamples(sample_schema(context.sampler), vocabularies(context.sampler))
    task, model = learning.make_task(context), learning.trained_model(context)
    path = training.export(task, model, parser, context.directory.path / "model")
    import tensorflow as tf

    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    table = pq.read_table(context.directory.path / "predictions.parquet")
    wanted = np.linspace(0, len(table) - 1, min(_TRIED, len(table))).astype(np.int64)
    part = table.take(wanted)
    seeds = context.data.seeds
    splits = [SPLITS.index(name) for name in context.config.evaluation.splits]
    chosen = seeds.take(np.flatnonzero(np.isin(seeds.splits, splits))[wanted])
    of_pairs = chosen.ids.dtype.names is not None
    ids = (
        {"ids": chosen.ids["source"], "target_ids": chosen.ids["target"]}
        if of_pairs
        else {"ids": chosen.ids}
    )
    if context.full_graph:
        found = served(ids=tf.constant(chosen.ids))
    else:
        batch = context.sampler.sample(chosen.rows, chosen.times)
        found = served(examples=tf.constant(write_examples(context.data.graph, batch)))
    output = task.objective.output
    if any(found[name].numpy().tolist() != values.tolist() for name, values in ids.items()):
        raise RuntimeError("The exported model must return the ids of its examples. It did not.")
    if context.config.evaluation.exact and not context.full_graph:
        # What is served are samples.
        source = learning.batches(context, chosen)
        expected = training.Predictor(task, model, source)().values
    else:
        column = "prediction" if output == "predictions" else output
        expected = np.array(part[column].to_pylist(), np.float32).reshape(len(part), -1)
    # Numbers may be of any size.
    scale = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(found[output].numpy() - expected).max()) / scale
    if not difference < 1e-3:
        raise RuntimeError(
            f"The exported model must predict what was evaluated. Got a difference of {difference}."
        )
    context.progress.line(f"  {len(part)} seeds served, largest difference {difference:.1e}")
    return {"difference": difference}
