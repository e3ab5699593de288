"""Seeds: which nodes a task is about, with their times, labels and splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.labels import Target, read_labels, target_of
from tfgnn_ext.graph.seed_columns import (
    check_seed_columns,
    read_rows,
    read_seed_times,
    read_splits,
    split_number,
)


@dataclasses.dataclass(frozen=True)
class Seeds:
    """The nodes that a task is about.

    Attributes:
      node_set: Their node set.
      rows: int32 ``[num_seeds]``, their rows in the node set.
      times: int64 ``[num_seeds]``, the time up to which each may see, or None.
      labels: int32 ``[num_seeds]``, indices into `classes`; where a seed has any number of
        classes, int8 ``[num_seeds, num_classes]`` of 0 and 1; of numbers, float32
        ``[num_seeds, num_values]``.
      classes: The names of the classes, in sorted order; of numbers, the names of the values.
      splits: int8 ``[num_seeds]``, indices into `SPLITS`.
      ids: ``[num_seeds]``, their original ids.
    """

    node_set: str
    rows: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64] | None
    labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    splits: npt.NDArray[np.int8]
    ids: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def target(self) -> Target:
        """What the labels are: "class", "classes" or "values"."""
        return target_of(self.labels)

    @property
    def ranked_groups(self) -> None:
        """Nodes are ranked in no groups; see `LinkSeeds.ranked_groups`."""
        return None

    @classmethod
    def from_table(
        cls,
        graph: Graph,
        table: pa.Table,
        *,
        node_set: str,
        id: str = "id",
        time: str | None = None,
        label: str | Sequence[str] = "label",
        split: str = "split",
        target: Target | None = None,
    ) -> Seeds:
        """Reads seeds from a table with one row a seed.

        Args:
          graph: The graph the seeds lie in.
          table: The rows.
          node_set: The seeds' node set.
          id, time, split: Column names. Splits are "train", "validation" or "test".
          label, target: The column of the labels, or several, and what they hold; see
            `read_labels`.

        Raises:
          ValueError: A column is missing, or a row's value is not what it should be.
        """
        if node_set not in graph.node_sets:
            raise ValueError(
                f"`node_set` of `Seeds` must be one of {', '.join(sorted(graph.node_sets))}. "
                f"Got {node_set!r}."
            )
        labelled = [label] if isinstance(label, str) else list(label)
        check_seed_columns(table, ids=[id], time=time, others=[*labelled, split])
        rows = read_rows(graph, node_set, table, id)
        labels, classes = read_labels(table, labelled, target)
        return cls(
            node_set=node_set,
            rows=rows,
            splits=read_splits(table, split),
            times=read_seed_times(table, time),
            labels=labels,
            classes=classes,
            ids=to_ids(table[id]),
        )

    def take(self, positions: npt.ArrayLike) -> Seeds:
        """The seeds at `positions` (ints or a boolean mask)."""
        chosen = np.asarray(positions)
        return dataclasses.replace(
            self,
            ids=self.ids[chosen],
            rows=self.rows[chosen],
            times=None if self.times is None else self.times[chosen],
            labels=self.labels[chosen],
            splits=self.splits[chosen],
        )

    def split(self, name: str) -> Seeds:
        """The seeds of one split."""
        return self.take(self.splits == split_number(name))
