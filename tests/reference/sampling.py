"""The sampling kernel again, in plain Python: slow, obvious, and equal byte for byte."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

GOLDEN = 0x9E3779B97F4A7C15
WORD = (1 << 64) - 1
REMAINDER = 0x52454D41494E4452


def finalise(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & WORD
    return word ^ (word >> 31)


def mix(state: int, word: int) -> int:
    return finalise(((state ^ (word & WORD)) + GOLDEN) & WORD)


def draw(key: int, position: int) -> int:
    return finalise((key + (position + 1) * GOLDEN) & WORD)


def below(word: int, bound: int) -> int:
    return (word * bound) >> 64


def id_key(identifier: Any) -> int:
    if isinstance(identifier, (bytes, str)):
        raw = identifier if isinstance(identifier, bytes) else identifier.encode()
        return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little")
    return int(identifier) & WORD


def uniform(key: int, length: int, fanout: int) -> list[int]:
    chosen: set[int] = set()
    for index in range(fanout):
        last = length - fanout + index
        choice = below(draw(key, index), last + 1)
        chosen.add(last if choice in chosen else choice)
    return sorted(chosen)


def weighted(key: int, weights: list[int], fanout: int, gaps: list[int]) -> list[int]:
    """Draws from all but `gaps`, as if those had been drawn already."""
    positive = [i for i, w in enumerate(weights) if w > 0]
    if len(weights) - len(gaps) <= fanout:
        return [i for i in positive if i not in gaps]
    total = sum(weights)
    if total == 0:
        return []
    chosen: set[int] = set(gaps)
    fanout += len(gaps)
    rejected = attempt = 0
    while len(chosen) < fanout and rejected < 4 * (fanout - len(gaps)):
        value = below(draw(key, attempt), total)
        attempt += 1
        running = 0
        position = -1
        while running <= value:
            position += 1
            running += weights[position]
        if position in chosen:
            rejected += 1
        chosen.add(position)
    if len(chosen) < fanout:
        second = mix(key, REMAINDER)
        rest = []
        for position in positive:
            if position not in chosen:
                u = ((draw(second, position) >> 11) + 0.5) * 2.0**-53
                rest.append((-math.log(u) / weights[position], position))
        chosen.update(position for _, position in sorted(rest)[: fanout - len(chosen)])
    return sorted(chosen - set(gaps))


@dataclass
class Component:
    """One sampled component: ids would do, rows are what the kernel returns."""

    nodes: dict[str, list[int]] = field(default_factory=dict)
    edges: dict[str, list[tuple[int, int, int]]] = field(
        default_factory=dict
    )  # source, target, row


def quantised(weights: list[float], timed: bool) -> list[int]:
    """A source's weights as integers, in canonical order."""
    if timed:
        first = next((w for w in weights if w > 0), 1.0)
        scale = math.ldexp(1.0, 25 - math.frexp(first)[1])
    else:
        largest = max(weights, default=0.0)
        scale = 2.0**36 / (largest if largest > 0 else 1.0)
    # Python rounds half to even, like NumPy's rint.
    return [max(1, round(w * scale)) if w > 0 else 0 for w in weights]


def sample(graph: Any, plan: Any, row: int, time: int | None = None, epoch: int = 0) -> Component:
    """Samples the component of one seed: a row, or of a plan with a link two or three of them."""
    first, second, *linked = row if isinstance(row, tuple) else (row, None)
    component = Component({plan.seed_node_set: [first]}, {})
    seed_key = id_key(graph.node_sets[plan.seed_node_set].ids[first].item())
    reached = {plan.seed_op: [0]}
    cut: set[tuple[str, int, int]] = set()  # Edge set, source row, target row.
    if second is not None:
        nodes = component.nodes.setdefault(plan.link.node_set, [])
        if second not in nodes:
            nodes.append(second)
        reached[plan.link.op] = [nodes.index(second)]
        other = id_key(graph.node_sets[plan.link.node_set].ids[second].item())
        seed_key = mix(mix(0x4C494E4B, seed_key), other)
        for end in (second, *linked):
            cut |= {(plan.link.edge_set, first, end), (plan.link.reverse, end, first)}
    for op in plan.ops:
        edge_set = graph.edge_sets[op.edge_set]
        sources = component.nodes.setdefault(edge_set.source, [])
        targets = component.nodes.setdefault(edge_set.target, [])
        edges = component.edges.setdefault(op.edge_set, [])
        frontier = list(dict.fromkeys(local for name in op.inputs for local in reached[name]))
        prefix = mix(mix(mix(0, plan.seed), epoch), id_key(op.name))
        out: list[int] = []
        for local in frontier:
            source = sources[local]
            key = mix(
                mix(prefix, seed_key), id_key(graph.node_sets[edge_set.source].ids[source].item())
            )
            begin, end = int(edge_set.indptr[source]), int(edge_set.indptr[source + 1])
            if edge_set.times is not None and time is not None:
                end = begin + sum(1 for t in edge_set.times[begin:end] if t <= time)
            kept = [
                position
                for position in range(end - begin)
                if (op.edge_set, source, int(edge_set.targets[begin + position])) not in cut
            ]
            length = len(kept)
            gaps = [p for p in range(end - begin) if p not in set(kept)]
            fanout = length if op.fanout is None else op.fanout
            if op.strategy == "weighted":
                whole = [
                    float(w)
                    for w in edge_set.features[op.by].values[
                        begin : int(edge_set.indptr[source + 1])
                    ]
                ]
                weights = quantised(whole, edge_set.times is not None)[: end - begin]
                chosen = weighted(key, weights, fanout, gaps)
                kept = list(range(end - begin))
            elif length <= fanout:
                chosen = list(range(length))
            elif op.strategy == "uniform":
                chosen = uniform(key, length, fanout)
            elif op.strategy == "latest_k":
                chosen = list(range(length - fanout, length))
            else:
                values = edge_set.features[op.by].values[begin:end][kept]
                order = sorted(range(length), key=lambda i: (-float(values[i]), i))
                chosen = sorted(order[:fanout])
            for position in [kept[index] for index in chosen]:
                target = int(edge_set.targets[begin + position])
                if target not in targets:
                    targets.append(target)
                index = targets.index(target)
                edges.append((local, index, begin + position))
                if index not in out:
                    out.append(index)
        reached[op.name] = out
    component.edges = {
        name: sorted(set(edges), key=lambda e: (e[0], e[2]))
        for name, edges in component.edges.items()
    }
    return component
