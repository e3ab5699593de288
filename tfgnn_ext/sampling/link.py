"""Links: seeds that are pairs of nodes, and which edges between them a sample must not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

READOUT = "_readout"
READOUT_ENDS = (f"{READOUT}/source", f"{READOUT}/target")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link:
    """Makes a plan's seeds pairs: a node of its `seed_node_set`, and one of `node_set`.

    A component grows from both nodes. All edges of `edge_set` from the first to the second, and
    all of `reverse` from the second to the first, are left out of it, however often they occur:
    draws are distributed as those from a graph without these edges, so that the edge reaches no
    model, and leaves no gap where it was drawn.

    Negative pairs are treated in the same way, and the edges of the positive pair that they were
    drawn for are left out too: with them, a first node's neighbourhood would tell which of its
    pairs is true.

    A sample says which nodes are its ends in TF-GNN's readout structure: the node set ``_readout``
    has one node a component, to which ``_readout/source`` leads from the first node and
    ``_readout/target`` from the second (see `tfgnn.structured_readout`).

    Attributes:
      node_set: The node set of the second nodes.
      edge_set: The edge set whose edges are predicted; None for free pairs.
      reverse: The edge set that holds the same edges the other way round, if there is one; the
        edge set itself where it holds both directions.
      op: The name by which `inputs` of operations refer to the second node; the first goes by the
        plan's `seed_op`.

    >>> Link(node_set="paper", reverse="cited_by")
    Traceback (most recent call last):
    ValueError: `reverse` of `Link` must be left out without `edge_set`. Got 'cited_by'.
    """

    node_set: str
    edge_set: str | None = None
    reverse: str | None = None
    op: str = "target"

    def __post_init__(self) -> None:
        for name in ("node_set", "op"):
            if not getattr(self, name):
                raise ValueError(f"`{name}` of `Link` must be a non-empty string. Got ''.")
        if self.edge_set is None and self.reverse is not None:
            raise ValueError(
                f"`reverse` of `Link` must be left out without `edge_set`. Got {self.reverse!r}."
            )

    def validate(self, seed_node_set: str, endpoints: Mapping[str, tuple[str, str]]) -> None:
        """Checks the edge sets against a schema.

        Args:
          seed_node_set: The node set of the first nodes.
          endpoints: The source and target node set of each edge set.

        Raises:
          ValueError: An edge set is unknown, or does not lead from one end to the other.
        """
        ends = (seed_node_set, self.node_set)
        for field, wanted in (("edge_set", ends), ("reverse", ends[::-1])):
            name = getattr(self, field)
            if name is None:
                continue
            if name not in endpoints:
                raise ValueError(
                    f"`{field}` of `Link` must be one of {', '.join(sorted(endpoints))}. "
                    f"Got {name!r}."
                )
            if endpoints[name] != wanted:
                raise ValueError(
                    f"`{field}` of `Link` must lead from {wanted[0]!r} to {wanted[1]!r}. "
                    f"Got {name!r}, from {endpoints[name][0]!r} to {endpoints[name][1]!r}."
                )
