"""A sampling plan: which neighbourhood of a seed is drawn, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, get_args

from tfgnn_ext.sampling.link import Link

Strategy = Literal["uniform", "weighted", "top_k", "latest_k", "full"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingOp:
    """One step of a plan: from the nodes of `inputs` along an edge set, source to target.

    Attributes:
      name: Unique in the plan. It enters the key of every draw.
      edge_set: The edge set to follow. Requests are at its source, draws at its target.
      fanout: The most edges drawn for one source; None with strategy "full" alone.
      strategy: "uniform" and "weighted" draw without replacement; "top_k" takes the largest values
        of the edge feature `by`; "latest_k" the latest edges; "full" all. On an edge set with a
        time, only edges with time <= the seed's time are visible.
      inputs: Names of operations (or of the seed operation) whose nodes are expanded.
      by: The edge feature that "weighted" and "top_k" read.

    >>> SamplingOp(name="hop1", edge_set="cites", fanout=0, inputs=("seed",))
    Traceback (most recent call last):
    ValueError: `fanout` of `SamplingOp` 'hop1' must be an int >= 1. Got 0.
    """

    name: str
    edge_set: str
    fanout: int | None = None
    strategy: Strategy = "uniform"
    inputs: tuple[str, ...] = ("seed",)
    by: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        where = f"of `SamplingOp` {self.name!r}"
        if not self.name:
            raise ValueError("`name` of `SamplingOp` must be a non-empty string. Got ''.")
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"`strategy` {where} must be one of {', '.join(STRATEGIES)}. Got {self.strategy!r}."
            )
        if self.strategy == "full":
            if self.fanout is not None:
                raise ValueError(
                    f"`fanout` {where} must be left out with strategy 'full'. Got {self.fanout}."
                )
        elif isinstance(self.fanout, bool) or not isinstance(self.fanout, int) or self.fanout < 1:
            raise ValueError(f"`fanout` {where} must be an int >= 1. Got {self.fanout!r}.")
        needs_feature = self.strategy in ("weighted", "top_k")
        if needs_feature != (self.by is not None):
            need = "name an edge feature" if needs_feature else "be left out"
            raise ValueError(
                f"`by` {where} must {need} with strategy {self.strategy!r}. Got {self.by!r}."
            )
        if not self.inputs:
            raise ValueError(f"`inputs` {where} must name at least one operation. Got none.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingPlan:
    """A small directed acyclic graph of operations that starts at one seed node, or at a pair.

    One seed gives one component: its nodes and its edges are unique, and the seed is the first
    node of its node set; of a pair, its second node follows where it is another one. Nodes come in
    the order in which the operations, taken as listed, discover them; the edges of an edge set are
    sorted by source, then in canonical order.

    Attributes:
      seed_node_set: The node set of the seeds.
      ops: The operations, each after its inputs.
      seed: Enters every key; another seed gives other draws.
      seed_op: The name by which `inputs` refer to the seed.
      link: If seeds are pairs of nodes: the second node, and what is left out; see `Link`.

    >>> plan = SamplingPlan(
    ...     seed_node_set="paper",
    ...     ops=(
    ...         SamplingOp(name="hop1", edge_set="cites", fanout=10),
    ...         SamplingOp(name="hop2", edge_set="cites", fanout=5, inputs=("hop1",)),
    ...     ),
    ... )
    >>> plan.validate({"cites": ("paper", "paper")})
    >>> plan.most_nodes({"cites": ("paper", "paper")})
    {'paper': 61}
    """

    seed_node_set: str
    ops: tuple[SamplingOp, ...] = ()
    seed: int = 0
    seed_op: str = "seed"
    link: Link | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ops", tuple(self.ops))
        if isinstance(self.seed, bool) or not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"`seed` of `SamplingPlan` must be an int64. Got {self.seed!r}.")
        known = {name for name, _ in self._starts()}
        if self.link is not None and len(known) == 1:
            raise ValueError(
                "`op` of `Link` must differ from `seed_op` of `SamplingPlan`. "
                f"Got {self.seed_op!r}."
            )
        for op in self.ops:
            if op.name in known:
                raise ValueError(
                    f"`ops` of `SamplingPlan` must have unique names. Got {op.name!r} twice."
                )
            for name in op.inputs:
                if name not in known:
                    raise ValueError(
                        f"`inputs` of `SamplingOp` {op.name!r} must name earlier operations "
                        f"({', '.join(sorted(known))}). Got {name!r}."
                    )
            known.add(op.name)

    def _starts(self) -> list[tuple[str, str]]:
        """The names by which `inputs` refer to the ends of a seed, each with its node set."""
        ends = [(self.seed_op, self.seed_node_set)]
        return ends if self.link is None else [*ends, (self.link.op, self.link.node_set)]

    def node_set_of(self, name: str, endpoints: Mapping[str, tuple[str, str]]) -> str:
        """The node set that the operation `name` (or the seed operation) leads to."""
        for start, node_set in self._starts():
            if name == start:
                return node_set
        op = next(op for op in self.ops if op.name == name)
        return endpoints[op.edge_set][1]

    def validate(self, endpoints: Mapping[str, tuple[str, str]]) -> None:
        """Checks the plan against a schema.

        Args:
          endpoints: The source and target node set of each edge set.

        Raises:
          ValueError: An operation names an unknown edge set, or starts at the wrong node set; or
            so does the link.
        """
        if self.link is not None:
            self.link.validate(self.seed_node_set, endpoints)
        for op in self.ops:
            if op.edge_set not in endpoints:
                raise ValueError(
                    f"`edge_set` of `SamplingOp` {op.name!r} must be one of "
                    f"{', '.join(sorted(endpoints))}. Got {op.edge_set!r}."
                )
            source = endpoints[op.edge_set][0]
            for name in op.inputs:
                found = self.node_set_of(name, endpoints)
                if found != source:
                    raise ValueError(
                        f"`inputs` of `SamplingOp` {op.name!r} must lead to node set {source!r}, "
                        f"the source of {op.edge_set!r}. Got {name!r}, which leads to {found!r}."
                    )

    def node_sets(self, endpoints: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
        """The node sets that a sample holds, in the order in which the plan reaches them."""
        reached = [node_set for _, node_set in self._starts()]
        reached += [endpoints[op.edge_set][1] for op in self.ops]
        return tuple(dict.fromkeys(reached))

    def edge_sets(self) -> tuple[str, ...]:
        """The edge sets that a sample holds, in the order of the operations."""
        return tuple(dict.fromkeys(op.edge_set for op in self.ops))

    def most_requests(self) -> dict[str, int | None]:
        """For each operation, the most sources that one component expands; None if unbounded."""
        reached: dict[str, int | None] = {name: 1 for name, _ in self._starts()}
        requests: dict[str, int | None] = {}
        for op in self.ops:
            inputs = [reached[name] for name in op.inputs]
            most = None if None in inputs else sum(n for n in inputs if n is not None)
            requests[op.name] = most
            reached[op.name] = None if most is None or op.fanout is None else most * op.fanout
        return requests

    def most_edges(self) -> dict[str, int | None]:
        """For each edge set, the most edges that one component holds; None if unbounded."""
        totals: dict[str, int | None] = {}
        most_requests = self.most_requests()
        for op in self.ops:
            requests = most_requests[op.name]
            most = None if requests is None or op.fanout is None else requests * op.fanout
            before = totals.get(op.edge_set, 0)
            totals[op.edge_set] = None if most is None or before is None else before + most
        return totals

    def most_nodes(self, endpoints: Mapping[str, tuple[str, str]]) -> dict[str, int | None]:
        """For each node set, the most nodes that one component holds; None if unbounded."""
        starts = [node_set for _, node_set in self._starts()]
        totals: dict[str, int | None] = {name: starts.count(name) for name in starts}
        most_requests = self.most_requests()
        for op in self.ops:
            target = endpoints[op.edge_set][1]
            requests = most_requests[op.name]
            most = None if requests is None or op.fanout is None else requests * op.fanout
            before = totals.get(target, 0)
            totals[target] = None if most is None or before is None else before + most
        return totals
