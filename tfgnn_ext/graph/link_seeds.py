"""Seeds that are pairs of nodes, with their times, labels and splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.columns import is_string, to_ids, to_times
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.labels import Target, read_labels, target_of, zeros_and_ones
from tfgnn_ext.graph.seed_columns import (
    check_seed_columns,
    read_rows,
    read_seed_times,
    read_splits,
    split_number,
)

GIVEN = -1  # The slot of a pair that a table gave.
_WHERE = "seeds table"


@dataclasses.dataclass(frozen=True)
class LinkSeeds:
    """Pairs of nodes that a task is about: whether they are linked, or what their link is.

    Attributes:
      node_sets: Of the first and of the second nodes.
      rows: int32 ``[num_pairs, 3]``, the rows of the first node, of the second, and of the second
        of the pair that `groups` began with: to a positive pair itself, what it was drawn for to a
        negative one.
      times: int64 ``[num_pairs]``, the time up to which each may see, or None.
      labels: As of `Seeds`; of links, int32, 1 for those that exist.
      classes: The names of the classes; of links "0" and "1".
      splits: int8 ``[num_pairs]``, indices into `SPLITS`.
      ids: ``[num_pairs]``, the original ids, with the fields ``source`` and ``target``.
      columns: The user's own columns, ``[num_pairs]`` each.
      groups: int64 ``[num_pairs]``: a positive pair and the negatives drawn for it have one number.
      slots: int32 ``[num_pairs]``, which of the negatives of its group a pair is, or `GIVEN`.
    """

    node_sets: tuple[str, str]
    rows: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64] | None
    labels: npt.NDArray[Any]
    classes: tuple[str, ...]
    splits: npt.NDArray[np.int8]
    ids: npt.NDArray[Any]
    columns: Mapping[str, npt.NDArray[Any]]
    groups: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def node_set(self) -> str:
        """The node set of the first nodes."""
        return self.node_sets[0]

    @property
    def target(self) -> Target:
        """What the labels are: "class", "classes" or "values"."""
        return target_of(self.labels)

    @property
    def ranked_groups(self) -> npt.NDArray[np.int64] | None:
        """The `groups`, in which links are ranked; None where no negatives were drawn."""
        return self.groups if (self.slots != GIVEN).any() else None

    @classmethod
    def from_table(
        cls,
        graph: Graph,
        table: pa.Table,
        *,
        node_sets: tuple[str, str],
        source: str = "source",
        target: str = "target",
        time: str | None = None,
        label: str | Sequence[str] | None = None,
        split: str = "split",
        columns: Sequence[str] = (),
        labels: Target | Literal["link"] | None = "link",
    ) -> LinkSeeds:
        """Reads pairs from a table with one row a pair.

        Args:
          graph: The graph the nodes lie in.
          table: The rows.
          node_sets: Of the first and of the second nodes.
          source, target: The columns of their ids.
          time, split: Columns; splits are "train", "validation" or "test".
          label: The column of the labels, or several. None: every pair is a link.
          columns: Columns of the user's own to keep: numbers or strings.
          labels: What `label` holds: "link" says 1 for pairs that are linked and 0 for others, such
            as hard negatives; else as for `read_labels`, for tasks about links that exist.

        Raises:
          ValueError: A column is missing, or a row's value is not what it should be.
        """
        for name in node_sets:
            if name not in graph.node_sets:
                raise ValueError(
                    f"`node_sets` of `LinkSeeds` must be of {', '.join(sorted(graph.node_sets))}. "
                    f"Got {name!r}."
                )
        if label is None:
            labelled = []
            if labels != "link":
                raise ValueError(
                    f"`label` of `LinkSeeds` must be given with labels of {labels}. Got None."
                )
        else:
            labelled = [label] if isinstance(label, str) else list(label)
        others = [*labelled, split, *columns]
        check_seed_columns(table, ids=[source, target], time=time, others=others)
        rows = [
            read_rows(graph, name, table, end)
            for name, end in zip(node_sets, (source, target), strict=True)
        ]
        if labels != "link":
            values, classes = read_labels(table, labelled, labels)
        elif label is None:
            values, classes = np.ones(len(table), np.int32), ("0", "1")
        else:
            values, classes = _linked(table, labelled), ("0", "1")
        pairs = np.stack([*rows, rows[1]], axis=1)
        return cls(
            node_sets=node_sets,
            rows=pairs,
            times=read_seed_times(table, time),
            labels=values,
            classes=classes,
            splits=read_splits(table, split),
            ids=pair_ids(graph, node_sets, pairs),
            columns={name: to_column(table[name], name) for name in columns},
            groups=np.arange(len(pairs)),
            slots=np.full(len(pairs), GIVEN, np.int32),
        )

    def take(self, positions: npt.ArrayLike) -> LinkSeeds:
        """The pairs at `positions` (ints or a boolean mask)."""
        chosen = np.asarray(positions)
        return dataclasses.replace(
            self,
            rows=self.rows[chosen],
            times=None if self.times is None else self.times[chosen],
            labels=self.labels[chosen],
            splits=self.splits[chosen],
            ids=self.ids[chosen],
            columns={name: values[chosen] for name, values in self.columns.items()},
            groups=self.groups[chosen],
            slots=self.slots[chosen],
        )

    def split(self, name: str) -> LinkSeeds:
        """The pairs of one split."""
        return self.take(self.splits == split_number(name))


def pair_ids(
    graph: Graph, node_sets: tuple[str, str], rows: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[Any]:
    """The original ids of pairs, ``[num_pairs]`` with the fields ``source`` and ``target``.

    Args:
      graph: The graph.
      node_sets: Of the first and of the second nodes.
      rows: int ``[num_pairs, 2 or more]``.
    """
    ids = [graph.node_sets[name].ids for name in node_sets]
    found = np.empty(len(rows), [("source", ids[0].dtype), ("target", ids[1].dtype)])
    for end, field in enumerate(("source", "target")):
        found[field] = ids[end][rows[:, end]]
    return found


def _linked(table: pa.Table, columns: Sequence[str]) -> npt.NDArray[np.int32]:
    if len(columns) > 1:
        raise ValueError(
            f"{_WHERE}: whether pairs are linked must be one column. Got {', '.join(columns)}."
        )
    must = " must hold 1 for pairs that are linked, else 0"
    return zeros_and_ones(table[columns[0]], columns[0], must).astype(np.int32)


def to_column(column: pa.ChunkedArray, name: str) -> npt.NDArray[Any]:
    """A column of the user's own, as samples keep it.

    Raises:
      ValueError: It holds no numbers, strings or times.
    """
    kind = column.type
    if is_string(kind):
        return to_ids(column)
    if pa.types.is_floating(kind):
        return np.asarray(column.cast(pa.float32()))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.cast(pa.int64()))
    if pa.types.is_temporal(kind):
        return to_times(column, round_up=False)
    raise ValueError(f"{_WHERE}: column {name!r} must hold numbers or strings. Got {kind}.")
