"""Stage: predicts and embeds all seeds, and judges the model beside the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfgnn_ext.graph import SPLITS
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.start_tensorflow import start_tensorflow
from tfgnn_ext.training.score_names import headline

if TYPE_CHECKING:
    from tfgnn_ext.training import Evaluation


def evaluate(context: Context) -> dict[str, Any]:
    """Writes ``predictions.parquet``, ``embeddings/`` and ``metrics.json``."""
    start_tensorflow(context.directory)
    from tfgnn_ext import training
    from tfgnn_ext.runner.stages import learning
    from tfgnn_ext.runner.stages.counted_batches import CountedBatches

    config, directory, seeds = context.config.evaluation, context.directory, context.data.seeds
    chosen = np.isin(seeds.splits, [SPLITS.index(name) for name in config.splits])
    model = learning.trained_model(context)
    source = learning.batches(context, seeds.take(chosen), batch_size=config.batch_size)
    with context.progress.counting("seeds", len(source.seeds)) as advance:
        evaluation: Evaluation = training.evaluate(
            learning.make_task(context),
            model,
            CountedBatches(source, advance),
            exact=context.whole_graph if config.exact else None,
        )
    training.write_evaluation(evaluation, directory.path, node_set=seeds.node_set)
    metrics: dict[str, Any] = {
        name: dict(evaluation.metrics[name])
        for name in ("test", "validation", "train")
        if name in evaluation.metrics
    }
    if directory.has("baseline/metrics.json"):
        of_baseline = directory.read_json("baseline/metrics.json")
        metrics["baseline"] = of_baseline.get("test", {})
    directory.write_json("metrics.json", metrics)
    judged = next(iter(metrics))
    found = {
        name: metrics[judged][name] for name in headline(seeds.target, ranked=context.config.ranked)
    }
    context.progress.line(
        f"  {judged}: " + ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    )
    return {"split": judged, **found}
