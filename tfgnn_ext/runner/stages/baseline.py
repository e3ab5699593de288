"""Stage: gradient boosting on columns, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph import SPLITS, LinkSeeds
from tfgnn_ext.runner.baseline_columns import columns_function, own_columns
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.training.score_names import headline


def baseline(context: Context) -> dict[str, Any]:
    """Trains on the training split; writes ``baseline/``."""
    from tfgnn_ext.runner.gradient_boosting import FITTED
    from tfgnn_ext.training.embeddings import id_columns
    from tfgnn_ext.training.metrics import split_metrics
    from tfgnn_ext.training.scored import SCORED

    config, seeds = context.config.baseline, context.data.seeds
    assert config is not None
    make: Any = own_columns
    if config.features is not None:
        make = columns_function(context.loaded, config.features)[0]
    elif isinstance(seeds, LinkSeeds):
        make = _of_pairs(context)
    columns = make(context.data.graph, seeds)
    names = list(columns)
    values = np.column_stack([np.asarray(columns[name], np.float32) for name in names])
    categorical = [np.asarray(columns[name]).dtype.kind in "iu" for name in names]
    train = seeds.splits == SPLITS.index("train")
    context.progress.line(f"  {len(names)} columns, {int(train.sum()):,} training seeds")
    options = {
        "learning_rate": config.learning_rate,
        "max_iter": config.iterations,
        "min_samples_leaf": config.min_samples_leaf,
        "categorical_features": categorical,
        "early_stopping": False,
        "random_state": context.config.training.seed,
    }
    found = FITTED[seeds.target](values, seeds.labels, train, len(seeds.classes), options)
    metrics = split_metrics(SCORED[seeds.target], seeds.labels, found, seeds.splits, SPLITS)
    if seeds.ranked_groups is not None:
        ranks = split_metrics(
            _ranks, seeds.labels, found, seeds.splits, SPLITS, groups=seeds.ranked_groups
        )
        metrics = {name: {**scores, **ranks[name]} for name, scores in metrics.items()}
    table = pa.table(
        {
            **id_columns(seeds.ids),
            "split": pa.array(SPLITS).take(pa.array(seeds.splits)),
            "predictions" if seeds.target == "values" else "probabilities": (
                pa.FixedSizeListArray.from_arrays(pa.array(found.reshape(-1)), found.shape[1])
            ),
        }
    )
    with context.directory.replacing("baseline/predictions.parquet") as partial:
        pq.write_table(table, partial)
    context.directory.write_json("baseline/metrics.json", {**metrics, "columns": names})
    judged = "test" if "test" in metrics else "train"
    shown = {
        name: metrics[judged][name] for name in headline(seeds.target, ranked=context.config.ranked)
    }
    context.progress.line(
        f"  {judged}: " + ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
    )
    return {"split": judged, **shown}


def _of_pairs(context: Context) -> Any:
    """What makes the columns of pairs."""
    from tfgnn_ext.runner.pair_columns import pair_columns

    def make(graph: Any, seeds: Any) -> Any:
        link = context.sampler.plan.link
        assert link is not None
        try:
            return pair_columns(graph, seeds, link)
        except ValueError as error:
            where = context.loaded.source.where(("baseline",))
            raise InputError([f"{where}: {error}"]) from None

    return make


def _ranks(labels: Any, predictions: Any, *, groups: Any) -> dict[str, float]:
    from tfgnn_ext.training.metrics_of_rankings import ranking_metrics

    return ranking_metrics(labels, predictions[:, 1], groups)
