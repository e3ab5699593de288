"""Ids that tables name must be there, and those of nodes there once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np

from tfgnn_ext.graph import GraphError
from tfgnn_ext.graph.node_set import display_id
from tfgnn_ext.sampling.blocks import Arrays, pack, take, unpack
from tfgnn_ext.sampling.elements.beam import count
from tfgnn_ext.sampling.node_blocks import distinct_ids, repeated_ids, unknown_ids
from tfgnn_ext.sampling.tables.beam import TableSource

NODES = "nodes"


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


class CheckIds(beam.PTransform):
    """Compares the ids that tables name with those of one node set.

    Applied to a dictionary of blocks of ids, of which `NODES` are the nodes' own, it returns those
    that are missing, ``(tag, packed ids)``; without `drop` the job ends at the first.

    Args:
      node_set: Its name.
      columns: By tag, the columns that hold the ids.
      drop: Whether missing and repeated ids are dropped; repeated ones are counted here, others
        where `without` drops the rows that name them.
    """

    def __init__(self, node_set: str, columns: Mapping[str, Named], *, drop: bool) -> None:
        super().__init__()
        self.node_set, self.columns, self.drop = node_set, columns, drop

    def expand(self, tags: Any) -> Any:
        """Builds the graph of transforms."""
        check = beam.FlatMap(_check, self.node_set, self.columns, self.drop)
        return (
            tags
            | "Meet" >> beam.CoGroupByKey()
            | "Check" >> check.with_output_types(tuple[str, bytes])
        )


def _check(
    group: tuple[int, Mapping[str, Iterable[bytes]]],
    node_set: str,
    columns: Mapping[str, Named],
    drop: bool,
) -> Iterator[tuple[str, bytes]]:
    _, found = group
    parts = {tag: [unpack(part)["id"] for part in packed] for tag, packed in found.items()}
    ids = np.concatenate(parts[NODES]) if parts[NODES] else None
    repeated = repeated_ids(np.empty(0) if ids is None else ids)
    if len(repeated) and not drop:
        own = columns[NODES]
        place = own.source.locate(own.column, repeated[:1], first=1)
        raise GraphError(
            [f"{own.where}: column {own.column!r} must hold unique ids. Got "
             f"{display_id(repeated[0])!r} again at {place} ({len(repeated)} {own.what})."]
        )  # fmt: skip
    count("dropped_nodes", len(repeated))
    for tag, named in columns.items():
        if tag == NODES or not parts[tag]:
            continue
        asked = np.concatenate(parts[tag])
        unknown = asked if ids is None else unknown_ids(asked, ids)
        if not len(unknown):
            continue
        if not drop:
            place = named.source.locate(named.column, unknown[:1])
            raise GraphError(
                [f"{named.where}: column {named.column!r} must hold ids of node set {node_set!r}. "
                 f"Got {display_id(unknown[0])!r} at {place} "
                 f"({len(distinct_ids(unknown))} {named.what} in its block)."]
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
