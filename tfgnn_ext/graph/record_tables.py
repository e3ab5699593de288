"""Tables of TF-GNN's unigraph: TFRecord files of tf.Examples, one a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.tfrecord import RecordFile

Shape = tuple[int, ...]
# What TF-GNN calls the columns that every table has.
PLAIN_NAMES = {"#id": "id", "#source": "source", "#target": "target"}


def read_record_table(path: Path, shapes: Mapping[str, Shape] | None = None) -> pa.Table:
    """Reads a TFRecord file as a table.

    A feature of one value a row becomes a column of numbers or strings, in which rows without it
    are null; else a column of lists. NaN is null, too: a tf.Example cannot leave out one of several
    values.

    Args:
      path: The file.
      shapes: By column, the shape of a row's value, with -1 for a list of any length.

    Raises:
      ValueError: The file or an example is damaged, or a row has another shape.
    """
    from tfgnn_ext.graph.read_examples import read_examples  # It compiles: half a second.

    try:
        rows = read_examples(list(RecordFile(path)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return pa.table(
        {
            name: _column(path, name, values, (shapes or {}).get(name))
            for name, values in rows.items()
        }
    )


def _column(path: Path, name: str, values: Ragged, shape: Shape | None) -> pa.Array:
    lengths = values.lengths
    if values.dtype.kind in "SO":
        flat = pa.array(values.flat.tolist(), pa.binary())
    else:
        flat = pa.array(values.flat, from_pandas=True)
    if shape is None:
        shape = () if int(lengths.max(initial=0)) <= 1 else (-1,)
    if shape == (-1,):
        return pa.LargeListArray.from_arrays(pa.array(values.splits), flat)
    size = int(np.prod(shape))
    wrong = np.flatnonzero((lengths != size) & (lengths != 0))
    if len(wrong) or size < 0:
        raise ValueError(
            f"{path}, row {wrong[0] if len(wrong) else 0}: feature {name!r} must have "
            f"{size} values, by its shape {list(shape)}. Got {lengths[wrong[0]]}."
        )
    # Where a row begins, or null where it has no value.
    starts = np.where(lengths > 0, values.splits[:-1], 0)
    if not shape:
        return flat.take(pa.array(starts, mask=lengths == 0))
    column = flat
    for dimension in reversed(shape):
        column = pa.FixedSizeListArray.from_arrays(column, dimension)
    return column.take(pa.array(starts // max(size, 1), mask=lengths == 0))
