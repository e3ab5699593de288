"""How many bytes a sampling job shuffles: what a cloud bills, and what takes the time.

Every number is a product of rows and bytes a row, so that it can be worked out before the job. The
rows that the draws make are bounded by the plan's fan-outs; duplicates and small degrees make them
fewer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from tfgnn_ext.sampling.plan import SamplingPlan
from tfgnn_ext.sampling.table_parts import PART_ROWS

_WORD = 8  # Of a component, and of the key word of a string.
_BEGIN = 4  # Where a source's edges begin in its block.
_LOCAL = 2  # A component within its shard, a position within its source: below 65,536.


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetSize:
    """The size of one table.

    Attributes:
      rows: Nodes or edges.
      id_bytes: Of an id: 1, 2, 4 or 8, which the largest needs, or the length of the longest
        string.
      gap_bytes: Of the gap between neighbouring ids of a block, which is all that is sent of edges'
        sources and of what is checked, if ids are numbers: 1 or 2 where they leave no large holes;
        None: as an id.
      feature_bytes: Of all features and times of a row.
      time_bytes: Of the time of an edge, as of an id; 0 without.
      reached: For an edge set, the mean number of edges that its operations draw for a request, in
        place of their fan-outs; None if degrees are larger than fan-outs.
    """

    rows: int
    id_bytes: int = _WORD
    gap_bytes: int | None = None
    feature_bytes: int = 0
    time_bytes: int = 0
    reached: float | None = None

    @property
    def sorted_bytes(self) -> int:
        """Of an id among others that ascend."""
        return self.id_bytes if self.gap_bytes is None else self.gap_bytes


def shuffle_volume(
    plan: SamplingPlan,
    endpoints: Mapping[str, tuple[str, str]],
    sizes: Mapping[str, SetSize],
    seeds: int,
    *,
    time_bytes: int = 0,
) -> dict[str, float]:
    """The bytes that each step shuffles, at most.

    With E edges of e bytes, an edge set costs ``E * e`` to be grouped, an id for each distinct end
    in each part of its table for their check, and ``E * e`` again for every operation on it. An
    operation with R requests and fan-out f costs ``R * request`` for them and ``R * f * reply`` for
    what they draw, which is asked of the nodes' tables as ``R * f * request``, and so on down the
    plan.

    Args:
      plan: The plan.
      endpoints: The source and target node set of each edge set.
      sizes: Of the node sets and edge sets that the plan reaches.
      seeds: Their number.
      time_bytes: Of a seed's time; 0 without.

    Returns:
      Bytes by step: ``edges <set>``, ``nodes <set>``, ``operation <name>``; and ``total``.

    >>> from tfgnn_ext.sampling import SamplingOp
    >>> plan = SamplingPlan(
    ...     seed_node_set="n", ops=(SamplingOp(name="a", edge_set="e", fanout=10),)
    ... )
    >>> sizes = {"n": SetSize(rows=1000), "e": SetSize(rows=9000)}
    >>> volume = shuffle_volume(plan, {"e": ("n", "n")}, sizes, seeds=100)
    >>> round(volume["edges e"]), round(volume["operation a"])
    (159998, 106400)
    """
    volume: dict[str, float] = {}
    # The component, the seed's key word (of an int the int itself) and time, and the id.
    key = min(sizes[plan.seed_node_set].id_bytes, _WORD)
    request = {
        name: _WORD + key + time_bytes + sizes[name].id_bytes for name in plan.node_sets(endpoints)
    }
    for name in plan.edge_sets():
        size, (source, target) = sizes[name], endpoints[name]
        ends = sizes[source].sorted_bytes + sizes[target].id_bytes
        checked = sum(
            _distinct(size.rows, sizes[end].rows) * sizes[end].sorted_bytes
            for end in (source, target)
        )
        grouped = ends + size.feature_bytes + size.time_bytes
        volume[f"edges {name}"] = size.rows * grouped + checked
    requests: dict[str, float] = {plan.seed_op: seeds}
    asked = dict.fromkeys(request, 0.0)
    asked[plan.seed_node_set] += seeds
    for op in plan.ops:
        size, (source, target) = sizes[op.edge_set], endpoints[op.edge_set]
        fanout = size.reached if size.reached is not None else op.fanout
        if fanout is None:
            raise ValueError(
                f"`reached` of `SetSize` of {op.edge_set!r} must be given: operation {op.name!r} "
                "takes all edges. Got None."
            )
        number = sum(requests[name] for name in op.inputs)
        requests[op.name] = number * fanout
        asked[target] += requests[op.name]
        ends = sizes[source].id_bytes + sizes[target].id_bytes
        reply = _LOCAL + ends + _LOCAL + size.feature_bytes + size.time_bytes
        # A block holds each of its sources once, beside where its edges begin.
        adjacency = size.rows * (sizes[target].id_bytes + size.feature_bytes + size.time_bytes)
        adjacency += sizes[source].rows * (sizes[source].id_bytes + _BEGIN)
        volume[f"operation {op.name}"] = (
            adjacency + number * request[source] + requests[op.name] * reply
        )
    for name, number in asked.items():
        node = sizes[name].id_bytes + sizes[name].feature_bytes
        table = sizes[name].rows * (node + sizes[name].sorted_bytes)
        volume[f"nodes {name}"] = table + number * (request[name] + node)
    volume["total"] = sum(volume.values())
    return volume


def _distinct(rows: int, values: int) -> float:
    """How many values, drawn at random, the parts of a table hold, each once a part."""
    parts = max(rows / PART_ROWS, 1.0)
    return parts * values * -math.expm1(-rows / (parts * values)) if values else 0.0
