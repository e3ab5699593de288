"""Which pairs that are not linked are drawn beside those that are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args

from tfgnn_ext.sampling.link import Link

NegativeStrategy = Literal["uniform", "degree", "table"]
NEGATIVE_STRATEGIES: tuple[str, ...] = get_args(NegativeStrategy)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Negatives:
    """Draws second nodes for the first node of every positive pair.

    "uniform" draws each from all nodes of the link's node set; "degree" in proportion to the number
    of edges of the link's edge set that lead to them. Neighbours of the first node are rejected,
    and so are the pair's own two nodes: what is drawn has the distribution of the rest. "table"
    takes nodes that the user paired with the first node, distinct ones, unasked.

    Nothing later than the seed's time is known: an edge with a later time neither rejects nor
    counts as a degree, and with `time` a node that appears later is not drawn.

    A draw is a pure function of the plan's seed, the epoch, `name`, the ids of the positive pair
    and the number of the draw. Draws of one pair are independent, so that two may be equal.

    Attributes:
      num: How many are drawn for a positive pair.
      strategy: How.
      reject: Edge sets between the link's node sets whose edges make a pair no negative; default:
        the link's own edge set, if it has one.
      time: A time of the second nodes' node set: only nodes with time <= the seed's are drawn.
      name: Enters the key.

    >>> Negatives(num=0)
    Traceback (most recent call last):
    ValueError: `num` of `Negatives` must be an int >= 1. Got 0.
    """

    num: int = 1
    strategy: NegativeStrategy = "uniform"
    reject: tuple[str, ...] | None = None
    time: str | None = None
    name: str = "negatives"

    def __post_init__(self) -> None:
        if self.reject is not None:
            object.__setattr__(self, "reject", tuple(self.reject))
        if isinstance(self.num, bool) or not isinstance(self.num, int) or self.num < 1:
            raise ValueError(f"`num` of `Negatives` must be an int >= 1. Got {self.num!r}.")
        if self.strategy not in NEGATIVE_STRATEGIES:
            raise ValueError(
                f"`strategy` of `Negatives` must be one of {', '.join(NEGATIVE_STRATEGIES)}. "
                f"Got {self.strategy!r}."
            )
        for field in ("reject", "time"):
            if self.strategy == "table" and getattr(self, field) is not None:
                raise ValueError(
                    f"`{field}` of `Negatives` must be left out with strategy 'table'. "
                    f"Got {getattr(self, field)!r}."
                )
        if self.strategy == "degree" and self.time is not None:
            raise ValueError(
                "`time` of `Negatives` must be left out with strategy 'degree', which counts edges "
                f"up to the seed's time. Got {self.time!r}."
            )
        if not self.name:
            raise ValueError("`name` of `Negatives` must be a non-empty string. Got ''.")

    def rejected_edge_sets(self, link: Link) -> tuple[str, ...]:
        """The edge sets whose edges make a pair no negative."""
        if self.reject is not None:
            return self.reject
        return () if link.edge_set is None or self.strategy == "table" else (link.edge_set,)

    def validate(
        self, seed_node_set: str, link: Link | None, endpoints: Mapping[str, tuple[str, str]]
    ) -> Link:
        """Checks against a plan and a schema.

        Args:
          seed_node_set: The node set of the first nodes.
          link: Of the plan.
          endpoints: The source and target node set of each edge set.

        Returns:
          The link.

        Raises:
          ValueError: The plan has no link, or no edge set to count degrees of, or `reject` names
            edge sets that are not between the link's node sets.
        """
        if link is None:
            raise ValueError("`negatives` must be of a plan with a `link`. Got a plan without.")
        if self.strategy == "degree" and link.edge_set is None:
            raise ValueError(
                "`strategy` of `Negatives` must not be 'degree' for free pairs: the link names no "
                "`edge_set` whose edges are counted. Got 'degree'."
            )
        for name in self.rejected_edge_sets(link):
            if endpoints.get(name) != (seed_node_set, link.node_set):
                fit = [n for n, ends in endpoints.items() if ends == (seed_node_set, link.node_set)]
                raise ValueError(
                    f"`reject` of `Negatives` must name edge sets from {seed_node_set!r} to "
                    f"{link.node_set!r} ({', '.join(sorted(fit)) or 'none'}). Got {name!r}."
                )
        return link
