"""How many bytes a sampling job shuffles: what a cloud bills, and what takes the time.

Every number is a product of rows and bytes a row, so that it can be worked out before the job. The
rows that the draws make are bounded by the plan's fan-outs; duplicates and small degrees make them
fewer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfgnn_ext.sampling.plan import SamplingPlan

_WORD = 8  # Of an int64: a component, a key word, a time.
_POSITION = _LOCAL = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetSize:
    """The size of one table.

    Attributes:
      rows: Nodes or edges.
      id_bytes: Of an id: 8, or the length of the longest string. Of an edge set: of its source's.
      feature_bytes: Of all features and times of a row.
      timed: Whether it is an edge set with a time.
      reached: For an edge set, the mean number of edges that its operations draw for a request, in
        place of their fan-outs; None if degrees are larger than fan-outs.
    """

    rows: int
    id_bytes: int = _WORD
    feature_bytes: int = 0
    timed: bool = False
    reached: float | None = None


def shuffle_volume(
    plan: SamplingPlan,
    endpoints: Mapping[str, tuple[str, str]],
    sizes: Mapping[str, SetSize],
    seeds: int,
    *,
    timed: bool = False,
) -> dict[str, float]:
    """The bytes that each step shuffles, at most.

    With E edges of e bytes, an edge set costs ``E * e`` to be grouped, ``E * id`` for the check of
    its targets (and an id for each source), and ``E * e`` again for every operation on it. An
    operation with R requests and fan-out f costs ``R * request`` for them and ``R * f * reply`` for
    what they draw, which is asked of the nodes' tables as ``R * f * request``, and so on down the
    plan.

    Args:
      plan: The plan.
      endpoints: The source and target node set of each edge set.
      sizes: Of the node sets and edge sets that the plan reaches.
      seeds: Their number.
      timed: Whether seeds carry times.

    Returns:
      Bytes by step: ``edges <set>``, ``nodes <set>``, ``operation <name>``; and ``total``.

    >>> from tfgnn_ext.sampling import SamplingOp
    >>> plan = SamplingPlan(
    ...     seed_node_set="n", ops=(SamplingOp(name="a", edge_set="e", fanout=10),)
    ... )
    >>> sizes = {"n": SetSize(rows=1000), "e": SetSize(rows=9000)}
    >>> volume = shuffle_volume(plan, {"e": ("n", "n")}, sizes, seeds=100)
    >>> round(volume["edges e"]), round(volume["operation a"])
    (224000, 114400)
    """
    volume: dict[str, float] = {}
    request = {
        name: 2 * _WORD + _WORD * timed + sizes[name].id_bytes for name in plan.node_sets(endpoints)
    }
    for name in plan.edge_sets():
        size, (source, target) = sizes[name], endpoints[name]
        targets = sizes[target].id_bytes
        grouped = sizes[source].id_bytes + targets + size.feature_bytes + _WORD * size.timed
        sources = sizes[source].rows * sizes[source].id_bytes
        volume[f"edges {name}"] = size.rows * (grouped + targets) + sources
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
        reply = _LOCAL + ends + _POSITION + size.feature_bytes + _WORD * size.timed
        # A block holds each of its sources once, beside where its edges begin.
        adjacency = size.rows * (sizes[target].id_bytes + size.feature_bytes + _WORD * size.timed)
        adjacency += sizes[source].rows * (sizes[source].id_bytes + _WORD)
        volume[f"operation {op.name}"] = (
            adjacency + number * request[source] + requests[op.name] * reply
        )
    for name, number in asked.items():
        node = sizes[name].id_bytes + sizes[name].feature_bytes
        table = sizes[name].rows * (node + 2 * sizes[name].id_bytes)
        volume[f"nodes {name}"] = table + number * (request[name] + node)
    volume["total"] = sum(volume.values())
    return volume
