"""Ids that tables name must be there, and those of nodes there once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph import GraphError
from tfgnn_ext.graph.node_set import display_id
from tfgnn_ext.sampling.blocks import Arrays, ascending_by_id, pack, take, unpack
from tfgnn_ext.sampling.elements.beam import count
from tfgnn_ext.sampling.node_blocks import distinct_ids, repeated_ids, unknown_ids
from tfgnn_ext.sampling.tables.beam import TableSource

NODES = "nodes"
_SET = 32  # A place of ids is numbered ``node set << _SET | block``.


def own_tag(node_set: str) -> str:
    """The tag of a node set's own ids."""
    return f"{NODES} of {node_set}"


@dataclasses.dataclass(frozen=True)
class Named:
    """A column of ids: where an id that is wrong is looked for, and how it is spoken of.

    Attributes:
      source, column: The table and its column.
      where: "node set 'paper'".
      what: "unknown ids".
    """

    source: TableSource
    column: str
    where: str
    what: str


@dataclasses.dataclass(frozen=True)
class SendIds:
    """Sends ids that a table names, or nodes' own, to where they are compared.

    Attributes:
      tag: What they are, such as "sources of cites"; see `own_tag`.
      number: Of the node set.
      blocks: Into how many it is hashed.
    """

    tag: str
    number: int
    blocks: int

    def __call__(self, ids: Any) -> Iterator[Any]:
        """The ids in the output "ids": ``(place, (tag, packed ids))``."""
        for block, packed in ascending_by_id("id", {"id": ids}, self.blocks):
            yield beam.pvalue.TaggedOutput("ids", (self.number << _SET | block, (self.tag, packed)))


class CheckIds(beam.PTransform):
    """Compares the ids that tables name with those of the nodes.

    Applied to what `SendIds` sent, it returns those that are missing, ``(tag, packed ids)``;
    without `drop` the job ends at the first.

    Args:
      node_sets: By their numbers, the name of each and its own tag.
      named: By tag, the columns that hold the ids.
      drop: Whether missing and repeated ids are dropped; repeated ones are counted here, others
        where `without` drops the rows that name them.
    """

    def __init__(
        self, node_sets: Sequence[tuple[str, str]], named: Mapping[str, Named], *, drop: bool
    ) -> None:
        super().__init__()
        self.node_sets, self.named, self.drop = tuple(node_sets), dict(named), drop

    def expand(self, ids: Any) -> Any:
        """Builds the graph of transforms."""
        check = beam.FlatMap(_check, self.node_sets, self.named, self.drop)
        return (
            ids
            | "Meet" >> beam.GroupByKey()
            | "Check" >> check.with_output_types(tuple[str, bytes])
        )


def _check(
    group: tuple[int, Iterable[tuple[str, bytes]]],
    node_sets: Sequence[tuple[str, str]],
    named: Mapping[str, Named],
    drop: bool,
) -> Iterator[tuple[str, bytes]]:
    node_set, own_tag = node_sets[group[0] >> _SET]
    parts: dict[str, list[Any]] = {}
    for tag, packed in group[1]:
        parts.setdefault(tag, []).append(unpack(packed)["id"])
    own = parts.pop(own_tag, None)
    ids = None if own is None else np.concatenate(own)
    repeated = repeated_ids(np.empty(0) if ids is None else ids)
    if len(repeated) and not drop:
        column = named[own_tag]
        place = column.source.locate(column.column, repeated[:1], first=1)
        raise GraphError(
            [f"{column.where}: column {column.column!r} must hold unique ids. Got "
             f"{display_id(repeated[0])!r} again at {place} ({len(repeated)} {column.what})."]
        )  # fmt: skip
    count("dropped_nodes", len(repeated))
    for tag, asked in sorted(parts.items()):
        unknown = np.concatenate(asked)
        if ids is not None:
            unknown = unknown_ids(unknown, ids)
        if not len(unknown):
            continue
        if not drop:
            column = named[tag]
            place = column.source.locate(column.column, unknown[:1])
            raise GraphError(
                [f"{column.where}: column {column.column!r} must hold ids of node set "
                 f"{node_set!r}. Got {display_id(unknown[0])!r} at {place} "
                 f"({len(distinct_ids(unknown))} {column.what} in its block)."]
            )  # fmt: skip
        yield tag, pack({"id": distinct_ids(unknown)})


def without(
    block: Arrays, columns: Mapping[str, str], missing: Iterable[tuple[str, bytes]], counter: str
) -> Arrays:
    """The rows that name no missing id; the others are counted.

    Args:
      block: The rows.
      columns: The tag of the ids of each column.
      missing: What `CheckIds` found.
      counter: What counts the others.
    """
    fine = np.ones(len(block[next(iter(columns))]), np.bool_)
    for column, tag in columns.items():
        gone = [unpack(ids)["id"] for name, ids in missing if name == tag]
        if gone:
            fine &= ~np.isin(block[column], np.concatenate(gone))
    count(counter, int((~fine).sum()))
    return block if fine.all() else take(block, fine)
