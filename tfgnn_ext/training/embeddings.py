"""Embeddings and predictions as Parquet tables, under the original ids."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph import SPLITS
from tfgnn_ext.graph.labels import target_of

if TYPE_CHECKING:
    from tfgnn_ext.training.evaluation import Evaluation


def embedding_table(ids: npt.NDArray[Any], embeddings: npt.NDArray[np.floating[Any]]) -> pa.Table:
    """A table with columns ``id`` and ``embedding`` (a list of fixed size).

    Args:
      ids: ``[num_items]``: int64, or utf-8 byte strings; or pairs of them, see `id_columns`.
      embeddings: ``[num_items, width]``.

    >>> import numpy as np
    >>> table = embedding_table(np.array([b"a", b"b"]), np.eye(2, 3))
    >>> table["id"].to_pylist(), table["embedding"].to_pylist()[0]
    (['a', 'b'], [1.0, 0.0, 0.0])
    """
    return pa.table({**id_columns(ids), "embedding": _rows(embeddings)})


def prediction_table(evaluation: Evaluation) -> pa.Table:
    """A table with a row a seed, in the seeds' order.

    Its columns are ``id``, ``split``, ``label`` and ``prediction``: names of classes, lists of such
    (those whose probability is above one half), or numbers (lists, if a seed has several). Classes
    come with ``probabilities`` too, a list of fixed size in the order of the classes, which the
    schema's metadata hold as JSON under ``classes``.
    """
    target, values = target_of(evaluation.labels), evaluation.predictions.values
    names = pa.array(evaluation.classes, pa.string())
    columns = {
        **id_columns(evaluation.predictions.ids),
        "split": pa.array(SPLITS, pa.string()).take(pa.array(evaluation.splits)),
    }
    if target == "class":
        columns["label"] = names.take(pa.array(evaluation.labels))
        columns["prediction"] = names.take(pa.array(values.argmax(axis=1)))
    elif target == "classes":
        columns["label"] = _chosen(evaluation.labels > 0, names)
        columns["prediction"] = _chosen(values > 0.5, names)
    else:
        columns["label"], columns["prediction"] = _numbers(evaluation.labels), _numbers(values)
    if target != "values":
        columns["probabilities"] = _rows(values)
    return pa.table(columns).replace_schema_metadata({"classes": json.dumps(evaluation.classes)})


def write_table(table: pa.Table, path: str | os.PathLike[str]) -> Path:
    """Writes a Parquet file, which appears whole or not at all."""
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f"{final.name}.partial")
    try:
        pq.write_table(table, partial)
        os.replace(partial, final)
    finally:
        partial.unlink(missing_ok=True)
    return final


def write_evaluation(
    evaluation: Evaluation, run_dir: str | os.PathLike[str], *, node_set: str
) -> tuple[Path, Path]:
    """Writes ``embeddings/<node_set>.parquet`` and ``predictions.parquet``.

    Args:
      evaluation: What `evaluate` returned.
      run_dir: Where to.
      node_set: The seeds' node set.

    Returns:
      The two paths.
    """
    directory = Path(run_dir)
    found = evaluation.predictions
    embeddings = embedding_table(found.ids, found.embeddings)
    return (
        write_table(embeddings, directory / "embeddings" / f"{node_set}.parquet"),
        write_table(prediction_table(evaluation), directory / "predictions.parquet"),
    )


def id_columns(ids: npt.NDArray[Any]) -> dict[str, pa.Array]:
    """The column ``id``; of pairs, ``source`` and ``target``.

    Args:
      ids: ``[num_items]``: int64, or utf-8 byte strings; with the fields ``source`` and ``target``,
        pairs of them.
    """
    return (
        {name: _ids(ids[name]) for name in ids.dtype.names}
        if ids.dtype.names
        else {"id": _ids(ids)}
    )


def _ids(ids: npt.NDArray[Any]) -> pa.Array:
    return (
        pa.array(ids)
        if ids.dtype.kind == "i"
        else pa.array(ids.tolist(), pa.binary()).cast(pa.string())
    )


def _rows(values: npt.NDArray[np.floating[Any]]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _chosen(chosen: npt.NDArray[np.bool_], names: pa.Array) -> pa.Array:
    """The names that each row of ``[num_items, num_names]`` chooses, as lists."""
    items, classes = np.nonzero(chosen)
    splits = np.searchsorted(items, np.arange(len(chosen) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(splits), names.take(pa.array(classes)))


def _numbers(values: npt.NDArray[np.floating[Any]]) -> pa.Array:
    return pa.array(values[:, 0], pa.float32()) if values.shape[1] == 1 else _rows(values)
