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

if TYPE_CHECKING:
    from tfgnn_ext.training.evaluation import Evaluation


def embedding_table(ids: npt.NDArray[Any], embeddings: npt.NDArray[np.floating[Any]]) -> pa.Table:
    """A table with columns ``id`` and ``embedding`` (a list of fixed size).

    Args:
      ids: ``[num_items]``: int64, or utf-8 byte strings.
      embeddings: ``[num_items, width]``.

    >>> import numpy as np
    >>> table = embedding_table(np.array([b"a", b"b"]), np.eye(2, 3))
    >>> table["id"].to_pylist(), table["embedding"].to_pylist()[0]
    (['a', 'b'], [1.0, 0.0, 0.0])
    """
    return pa.table({"id": _ids(ids), "embedding": _rows(embeddings)})


def prediction_table(evaluation: Evaluation) -> pa.Table:
    """A table with a row a seed, in the seeds' order.

    Its columns are ``id``, ``split``, ``label`` and ``prediction`` (names of classes), and
    ``probabilities`` (a list of fixed size in the order of the classes, which the schema's metadata
    hold as JSON under ``classes``).
    """
    classes = pa.array(evaluation.classes, pa.string())
    probabilities = evaluation.predictions.probabilities
    columns = {
        "id": _ids(evaluation.predictions.ids),
        "split": pa.array(SPLITS, pa.string()).take(pa.array(evaluation.splits)),
        "label": classes.take(pa.array(evaluation.labels)),
        "prediction": classes.take(pa.array(probabilities.argmax(axis=1))),
        "probabilities": _rows(probabilities),
    }
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


def _ids(ids: npt.NDArray[Any]) -> pa.Array:
    return (
        pa.array(ids)
        if ids.dtype.kind == "i"
        else pa.array(ids.tolist(), pa.binary()).cast(pa.string())
    )


def _rows(values: npt.NDArray[np.floating[Any]]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
