"""Negative pairs again, in plain Python: one list of candidates, one rule of rejection."""

from __future__ import annotations

from typing import Any

from tests.reference.sampling import REMAINDER, below, draw, id_key, mix, uniform

ATTEMPTS = 32


def negatives(
    graph: Any,
    plan: Any,
    part: Any,
    pair: tuple[int, int],
    time: int | None,
    epoch: int = 0,
    table: list[tuple[int, int]] | None = None,
) -> list[int | None]:
    """The second nodes that are drawn for one positive pair; None where there is none."""
    first, second = pair
    nodes = graph.node_sets[plan.link.node_set]
    ids = (graph.node_sets[plan.seed_node_set].ids[first], nodes.ids[second])
    key = mix(mix(0x4C494E4B, id_key(ids[0].item())), id_key(ids[1].item()))
    key = mix(mix(mix(mix(0, plan.seed), epoch), id_key(part.name)), key)
    if part.strategy == "table":
        own = sorted({b for a, b in table or [] if a == first})
        drawn = [own[i] for i in uniform(key, len(own), min(part.num, len(own)))]
        return [*drawn, *[None] * (part.num - len(drawn))]

    def known(edge_set: str) -> list[tuple[int, int, int]]:
        """Time, source and target of the edges that the seed sees."""
        edges = graph.edge_sets[edge_set]
        times = [0] * edges.num_edges if edges.times is None else edges.times.tolist()
        rows = zip(times, edges.source_rows.tolist(), edges.targets.tolist(), strict=True)
        return [row for row in rows if edges.times is None or row[0] <= time]

    taken = {second}
    if plan.seed_node_set == plan.link.node_set:
        taken.add(first)
    rejecting = (plan.link.edge_set,) if part.reject is None else part.reject
    for name in rejecting:
        if name is not None:
            taken.update(target for _, source, target in known(name) if source == first)
    if part.strategy == "degree":
        pool = [target for _, target in sorted((t, b) for t, _, b in known(plan.link.edge_set))]
    elif part.time is not None:
        pool = [
            r
            for t, r in sorted(
                zip(nodes.times[part.time].tolist(), range(nodes.num_nodes), strict=True)
            )
        ]
        pool = [r for r in pool if nodes.times[part.time][r] <= time]
    else:
        pool = list(range(nodes.num_nodes))
    left = [row for row in pool if row not in taken]
    found: list[int | None] = []
    for slot in range(part.num):
        tries = (pool[below(draw(key, slot * ATTEMPTS + i), len(pool))] for i in range(ATTEMPTS))
        chosen = next((row for row in tries if row not in taken), None) if pool else None
        if chosen is None and left:
            chosen = left[below(draw(mix(key, REMAINDER), slot), len(left))]
        found.append(chosen)
    return found
