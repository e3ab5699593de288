"""Embeds nodes that need not be seeds with the model of a run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tfgnn_ext.graph import Seeds, read_table
from tfgnn_ext.graph.columns import to_ids, to_times
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.progress import Progress
from tfgnn_ext.runner.run_directory import RunDirectory
from tfgnn_ext.runner.running import open_run
from tfgnn_ext.runner.start_tensorflow import start_tensorflow


def embed_nodes(
    run_directory: str | os.PathLike[str],
    nodes: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    id_column: str = "id",
    time_column: str = "time",
    exact: bool = False,
    progress: Progress | None = None,
) -> int:
    """Embeds the nodes that a table lists.

    Args:
      run_directory: Of a trained run.
      nodes: A table with a row a node of the seeds' node set.
      out: The Parquet file to write: columns ``id`` and ``embedding``.
      id_column: The column of the ids.
      time_column: The column of the times up to which each may see, where the run has times.
      exact: Whether to embed from whole neighbourhoods, layer by layer, instead of samples; see
        `training.ExactPredictor`.
      progress: Where to say what is done; default: standard error.

    Returns:
      The number of embeddings.

    Raises:
      InputError: The run is not trained, or the table cannot be used.
    """
    path, progress = Path(run_directory), progress or Progress()
    if not (path / "weights.npz").is_file():
        raise InputError([f"{path}: must be the directory of a trained run. Got no weights."])
    loaded, _ = open_run(path)
    if loaded.config.task.of_pairs:
        task = loaded.config.task.type
        raise InputError([f"{path}: must be a run whose seeds are nodes. Got one of {task}."])
    directory = RunDirectory(path)
    try:
        context = Context(loaded, directory, progress)
        seeds = _seeds(context, nodes, id_column, time_column)
        start_tensorflow(directory)
        from tfgnn_ext import training
        from tfgnn_ext.runner.stages import learning
        from tfgnn_ext.runner.stages.counted_batches import CountedBatches

        model = learning.trained_model(context)
        task = learning.make_task(context)
        if exact:
            found = training.ExactPredictor(task, model, context.whole_graph, seeds)()
        else:
            source = learning.batches(
                context, seeds, batch_size=context.config.evaluation.batch_size
            )
            with progress.counting("nodes", len(seeds)) as advance:
                found = training.Predictor(task, model, CountedBatches(source, advance))()
    finally:
        directory.close()
    training.write_table(training.embedding_table(found.ids, found.embeddings), out)
    return len(seeds)


def _seeds(
    context: Context, nodes: str | os.PathLike[str], id_column: str, time_column: str
) -> Seeds:
    data = context.data
    node_set, timed = data.seeds.node_set, context.timed
    try:
        strings = [id_column] if data.graph.node_sets[node_set].ids.dtype.kind == "S" else []
        table = read_table(nodes, strings=strings).table
        for column in (id_column, *([time_column] if timed else [])):
            if column not in table.column_names:
                raise InputError(
                    [f"{nodes}: must have a column {column!r}. "
                     f"Got columns {', '.join(table.column_names)}."]
                )  # fmt: skip
            if table[column].null_count or not len(table):
                raise InputError([f"{nodes}: column {column!r} must have values, and no nulls."])
        ids = to_ids(table[id_column])
        rows = data.graph.node_sets[node_set].rows(ids).astype(np.int32)
        times = to_times(table[time_column], round_up=False) if timed else None
    except InputError:
        raise
    except (ValueError, OSError) as error:
        raise InputError([f"{nodes}: {error}"]) from None
    like = data.seeds
    return Seeds(
        node_set=node_set,
        rows=rows,
        times=times,
        labels=np.zeros((len(rows), *like.labels.shape[1:]), like.labels.dtype),
        classes=like.classes,
        splits=np.zeros(len(rows), np.int8),
        ids=ids,
    )
