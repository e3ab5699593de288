"""Stage: gradient boosting on columns, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph import SPLITS
from tfgnn_ext.runner.baseline_columns import columns_function, own_columns
from tfgnn_ext.runner.context import Context
from tfgnn_ext.training.score_names import headline


def baseline(context: Context) -> dict[str, Any]:
    """Trains on the training split; writes ``baseline/``."""
    from tfgnn_ext.runner.gradient_boosting import FITTED, SCORED
    from tfgnn_ext.training.metrics import split_metrics

    config, seeds = context.config.baseline, context.data.seeds
    assert config is not None
    make = own_columns
    if config.features is not None:
        make = columns_function(context.loaded, config.features)[0]
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
    ids = pa.array(seeds.ids.tolist())
    table = pa.table(
        {
            "id": ids.cast(pa.string()) if pa.types.is_binary(ids.type) else ids,
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
    shown = {name: metrics[judged][name] for name in headline(seeds.target)}
    context.progress.line(
        f"  {judged}: " + ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
    )
    return {"split": judged, **shown}
