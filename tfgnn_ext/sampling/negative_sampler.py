"""The in-memory engine of negative pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.link_seeds import GIVEN, LinkSeeds, pair_ids
from tfgnn_ext.graph.node_set import NodeSet, display_id
from tfgnn_ext.sampling.draw_negatives import NOBODY, draw_negatives
from tfgnn_ext.sampling.draws import draw_uniform
from tfgnn_ext.sampling.keys import mix_keys, name_key, operation_key, pair_keys
from tfgnn_ext.sampling.negatives import Negatives
from tfgnn_ext.sampling.plan import SamplingPlan
from tfgnn_ext.sampling.sampled_batch import Int32, Int64

_NO_INT64 = np.empty(0, np.int64)


@dataclasses.dataclass(frozen=True)
class _Neighbours:
    """The distinct neighbours of each first node, and when each became one."""

    begins: Int64
    rows: Int32
    times: Int64

    @classmethod
    def of(cls, graph: Graph, names: Sequence[str], num_sources: int) -> _Neighbours:
        parts = [graph.edge_sets[name] for name in names]
        sources = np.concatenate([_NO_INT64, *(part.source_rows for part in parts)])
        targets = np.concatenate([_NO_INT64, *(part.targets for part in parts)])
        always = np.iinfo(np.int64).min
        times = np.concatenate(
            [
                _NO_INT64,
                *(
                    np.full(part.num_edges, always) if part.times is None else part.times
                    for part in parts
                ),
            ]
        )
        timed = any(part.times is not None for part in parts)
        order = np.lexsort((times, targets, sources))
        sources, targets = sources[order], targets[order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (sources[1:] != sources[:-1]) | (targets[1:] != targets[:-1])
        counts = np.bincount(sources[new], minlength=num_sources)
        return cls(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            targets[new].astype(np.int32),
            times[order][new] if timed else _NO_INT64,
        )


@dataclasses.dataclass(frozen=True)
class _Pool:
    """The entries that are drawn from; see `draw_negatives`."""

    rows: Int32
    times: Int64

    @classmethod
    def of(cls, graph: Graph, node_set: NodeSet, edge_set: str | None, time: str | None) -> _Pool:
        if edge_set is None:
            rows: Int32 = np.arange(node_set.num_nodes, dtype=np.int32)
            times = None if time is None else node_set.times[time]
        else:
            edges = graph.edge_sets[edge_set]
            rows, times = np.asarray(edges.targets), edges.times
        if times is None:
            return cls(np.sort(rows), _NO_INT64)
        order = np.lexsort((rows, times))
        return cls(rows[order], np.asarray(times)[order])


class NegativeSampler:
    """Adds negative pairs to positive ones, and draws them afresh in every epoch.

    What is drawn is a pure function of (plan, graph, positive pair, its time, epoch), whatever the
    order of the pairs, the batch or the thread.

    Args:
      graph: The graph.
      plan: A plan with a link; its seed enters the keys.
      negatives: What to draw; several are added one after another.
      tables: By name of `Negatives` with strategy "table", the user's pairs: rows of first and of
        second nodes, int ``[num_pairs, 2]``.

    Raises:
      ValueError: `negatives` do not fit the plan or the graph.
    """

    def __init__(
        self,
        graph: Graph,
        plan: SamplingPlan,
        negatives: Sequence[Negatives],
        *,
        tables: Mapping[str, npt.ArrayLike] | None = None,
    ) -> None:
        self.graph = graph
        self.plan = plan
        self.negatives = tuple(negatives)
        tables = dict(tables or {})
        endpoints = {n: (edges.source, edges.target) for n, edges in graph.edge_sets.items()}
        names = [part.name for part in self.negatives]
        if len(set(names)) < len(names):
            raise ValueError(
                f"`negatives` of `NegativeSampler` must have unique names. Got {', '.join(names)}."
            )
        self._starts = np.cumsum([0, *(part.num for part in self.negatives)])
        self.timed = False
        self._parts: list[tuple[_Pool, _Neighbours]] = []
        for part in self.negatives:
            link = part.validate(plan.seed_node_set, plan.link, endpoints)
            firsts = graph.node_sets[plan.seed_node_set].num_nodes
            nodes = graph.node_sets[link.node_set]
            if (part.strategy == "table") != (part.name in tables):
                need = "have a table" if part.strategy == "table" else "have no table"
                raise ValueError(
                    f"`tables` of `NegativeSampler`: {part.name!r}, of strategy {part.strategy!r}, "
                    f"must {need}."
                )
            if part.time is not None and part.time not in nodes.times:
                raise ValueError(
                    f"`time` of `Negatives` must be a time of node set {link.node_set!r} "
                    f"({', '.join(sorted(nodes.times)) or 'none'}). Got {part.time!r}."
                )
            if part.strategy == "table":
                given = np.asarray(tables[part.name], np.int64).reshape(-1, 2)
                given = np.unique(given, axis=0)
                counts = np.bincount(given[:, 0], minlength=firsts)
                begins = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
                pool = _Pool(np.empty(0, np.int32), _NO_INT64)
                known = _Neighbours(begins, given[:, 1].astype(np.int32), _NO_INT64)
            else:
                edge_set = link.edge_set if part.strategy == "degree" else None
                pool = _Pool.of(graph, nodes, edge_set, part.time)
                known = _Neighbours.of(graph, part.rejected_edge_sets(link), firsts)
            self._parts.append((pool, known))
            self.timed |= bool(len(pool.times) or len(known.times))
        if plan.link is not None:
            self._node_sets = (plan.seed_node_set, plan.link.node_set)
            self._keys = tuple(graph.node_sets[name].keys for name in self._node_sets)

    def add_to(self, seeds: LinkSeeds, *, policy: str = "error") -> tuple[LinkSeeds, int]:
        """Adds, behind each positive pair, its negatives as epoch 0 draws them.

        Args:
          seeds: Pairs, of which those with label 1 are positive.
          policy: What becomes of negatives that cannot be drawn, as every node is a neighbour, or
            the table has too few: "error", or "drop", which leaves them out.

        Returns:
          All pairs, and the number of negatives that were dropped.

        Raises:
          ValueError: With the policy "error", or times are missing.
        """
        if policy not in ("error", "drop"):
            raise ValueError(f"`policy` of `add_to` must be error or drop. Got {policy!r}.")
        if self.timed and seeds.times is None:
            raise ValueError(
                "`seeds` of `add_to` must have times: who is a neighbour, or who is there, depends "
                "on the time. Got seeds without."
            )
        total = int(self._starts[-1])
        positive = seeds.labels == 1
        counts = np.where(positive, 1 + total, 1)
        origin = np.repeat(np.arange(len(seeds)), counts)
        slots = np.arange(len(origin)) - np.repeat(np.cumsum(counts) - counts, counts) - 1
        labels = np.where(slots == GIVEN, seeds.labels[origin], 0).astype(np.int32)
        every = dataclasses.replace(seeds.take(origin), labels=labels, slots=slots.astype(np.int32))
        rows = self.rows_at(every, np.arange(len(every)), 0)
        lacking = np.flatnonzero(rows[:, 1] == NOBODY)
        if len(lacking) and policy == "error":
            raise ValueError(self._complaint(every, lacking))
        every = dataclasses.replace(every, rows=rows).take(rows[:, 1] != NOBODY)
        ids = pair_ids(self.graph, every.node_sets, every.rows)
        return dataclasses.replace(every, ids=ids), len(lacking)

    def rows_at(self, seeds: LinkSeeds, positions: npt.ArrayLike, epoch: int) -> Int32:
        """The rows of pairs, of which negatives are drawn anew.

        Args:
          seeds: Pairs, from `add_to`.
          positions: int ``[batch]``, of pairs among them.
          epoch: Enters the key.

        Returns:
          int32 ``[batch, 3]``, as of `LinkSeeds`; `NOBODY` in place of a second node that cannot be
          drawn.
        """
        chosen = np.asarray(positions)
        rows: Int32 = seeds.rows[chosen].copy()
        slots = seeds.slots[chosen]
        times = _NO_INT64 if seeds.times is None else seeds.times[chosen]
        for index, part in enumerate(self.negatives):
            low, high = self._starts[index : index + 2]
            wanted = np.flatnonzero((slots >= low) & (slots < high))
            if len(wanted):
                rows[wanted, 1] = self._draw(
                    index,
                    part,
                    (slots[wanted] - low).astype(np.int32),
                    rows[wanted, 0],
                    rows[wanted, 2],
                    times[wanted] if len(times) else times,
                    epoch,
                )
        return rows

    def _draw(
        self,
        index: int,
        part: Negatives,
        slots: Int32,
        firsts: Int32,
        seconds: Int32,
        times: Int64,
        epoch: int,
    ) -> Int32:
        pool, known = self._parts[index]
        pairs = pair_keys(self._keys[0][firsts], self._keys[1][seconds])
        keys = mix_keys(operation_key(self.plan.seed, epoch, name_key(part.name)), pairs)
        found = np.full(len(slots), NOBODY, np.int32)
        if part.strategy == "table":
            for item, first in enumerate(firsts.tolist()):
                begin, end = int(known.begins[first]), int(known.begins[first + 1])
                drawn = np.empty(min(part.num, end - begin), np.int64)
                if slots[item] < len(drawn):
                    draw_uniform(keys[item], end - begin, len(drawn), drawn)
                    found[item] = known.rows[begin + drawn[slots[item]]]
            return found
        draw_negatives(
            keys,
            slots,
            firsts,
            firsts if self._node_sets[0] == self._node_sets[1] else np.full_like(firsts, NOBODY),
            seconds,
            times,
            pool.rows,
            pool.times,
            known.begins,
            known.rows,
            known.times,
            found,
        )
        return found

    def _complaint(self, seeds: LinkSeeds, lacking: npt.NDArray[np.int64]) -> str:
        first = lacking[0]
        index = int(np.searchsorted(self._starts, seeds.slots[first], side="right")) - 1
        part = self.negatives[index]
        who = display_id(seeds.ids["source"][first].item())
        if part.strategy == "table":
            why = f"must have {part.num} rows in its table"
        else:
            why = "must leave a node that is no neighbour"
        return (
            f"negatives {part.name!r}: each first node {why}. Got too few for {who!r} of node set "
            f"{seeds.node_sets[0]!r} ({len(lacking)} negatives; policy drop leaves them out)."
        )


__all__ = ["NegativeSampler"]
