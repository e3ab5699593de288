"""Which seeds train, validate and test, where a data set leaves the choice open."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.columns import to_ids


def choose_split(
    table: pa.Table,
    split: int = 0,
    *,
    per_class: tuple[int, int] = (20, 30),
    held_out: float = 0.2,
) -> pa.Table:
    """Gives a table of seeds its one column ``split``.

    * Columns ``split_0``, ``split_1``, ...: the one of that number, without its nulls.
    * A column ``split`` with "validation" among its values: as it is; `split` must be 0.
    * A column ``split`` of "train" and "test": the share `held_out` of "train" validates (Lv et
      al., KDD 2021).
    * None: `per_class` seeds of each class train and validate, all others test (Shchur et al.,
      "Pitfalls of graph neural network evaluation", 2018).

    A draw depends on the seeds' ids and the number `split` alone: seeds go by BLAKE2b-8 of both.

    Args:
      table: Columns id, label, and those above.
      split: Which split, or which draw.
      per_class: How many of each class train, and how many validate.
      held_out: The share of "train" that validates.

    Returns:
      The table with columns id, label and split (others stay).

    Raises:
      ValueError: There is no such split.

    >>> seeds = pa.table({"id": [1, 2, 3], "label": [0, 0, 1], "split_0": ["train", None, "test"]})
    >>> choose_split(seeds, 0).to_pydict()
    {'id': [1, 3], 'label': [0, 1], 'split': ['train', 'test']}
    """
    given = [name for name in table.column_names if name.removeprefix("split_").isdigit()]
    if split < 0 or (given and f"split_{split}" not in given):
        known = f"in [0, {len(given)})" if given else "an int >= 0"
        raise ValueError(f"`split` must be {known}. Got {split}.")
    others = table.select([n for n in table.column_names if n not in (*given, "split")])
    if given:
        column = table[f"split_{split}"]
        kept = column.is_valid()
        return others.filter(kept).append_column("split", column.filter(kept))
    if "split" in table.column_names:
        parts = np.array(table["split"].to_pylist(), object)
        if "validation" in parts.tolist():
            if split:
                raise ValueError(f"`split` must be 0: the data set has one. Got {split}.")
            return table
        train = np.flatnonzero(parts == "train")
        drawn = train[drawn_order(table.take(pa.array(train)), split)]
        parts[drawn[: round(held_out * len(train))]] = "validation"
        return others.append_column("split", pa.array(parts.tolist(), pa.string()))
    parts = np.full(len(table), "test", object)
    labels = np.array([str(label) for label in table["label"].to_pylist()], object)
    order = drawn_order(table, split)
    num_train, num_validation = per_class
    for label in sorted(set(labels.tolist())):
        members = order[labels[order] == label]
        parts[members[:num_train]] = "train"
        parts[members[num_train : num_train + num_validation]] = "validation"
    return others.append_column("split", pa.array(parts.tolist(), pa.string()))


def drawn_order(table: pa.Table, split: int) -> npt.NDArray[np.int64]:
    """The rows in an order that looks random and is the same everywhere."""
    ids = [
        text if isinstance(text, bytes) else b"%d" % text for text in to_ids(table["id"]).tolist()
    ]
    digests = b"".join(hashlib.blake2b(b"%d/%s" % (split, i), digest_size=8).digest() for i in ids)
    return np.argsort(np.frombuffer(digests, ">u8"), kind="stable")
