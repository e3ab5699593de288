"""The in-memory engine: samples batches of seeds from a `Graph` with the compiled kernel."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import NEVER, EdgeSet, Graph, NodeSet, Ragged
from tfgnn_ext.sampling import kernel
from tfgnn_ext.sampling.keys import name_key, operation_key, pair_keys
from tfgnn_ext.sampling.link import Link
from tfgnn_ext.sampling.packing import Layout, Sizes
from tfgnn_ext.sampling.plan import STRATEGIES, SamplingOp, SamplingPlan
from tfgnn_ext.sampling.sampled_batch import SampledBatch
from tfgnn_ext.sampling.weights import cumulative_weights, falling_order

_LARGEST = np.iinfo(np.int64).max
_LAST_STAMP = np.iinfo(np.int32).max
# The room that a component starts with, if its plan does not bound it lower. Components that need
# more get it, once; room for the worst case would cost more cache than it saves attempts.
_FIRST_ROOM = 128
_NO_INT64 = np.empty(0, np.int64)
_NO_UINT64 = np.empty(0, np.uint64)
_NO_CUTS = (np.empty((0, 0), np.int32),) * 2
_Int32 = npt.NDArray[np.int32]


class _Operation:
    """A plan's operation with the arrays it reads."""

    def __init__(self, op: SamplingOp, edge_set: EdgeSet, link: Link | None) -> None:
        self.name = op.name
        self.key = name_key(op.name)
        self.edge_set = op.edge_set
        self.inputs = op.inputs
        self.source, self.target = edge_set.source, edge_set.target
        self.strategy = STRATEGIES.index(op.strategy)
        self.fanout = _LARGEST if op.fanout is None else op.fanout
        self.indptr, self.targets = edge_set.indptr, edge_set.targets
        self.timed = edge_set.times is not None
        self.times = _NO_INT64 if edge_set.times is None else edge_set.times
        self.cumulative = self.order = self.by_target = _NO_INT64
        # Which ends of a pair have edges here that must not be drawn.
        self.cut_first = link is not None and link.edge_set == op.edge_set
        self.cut_second = link is not None and link.reverse == op.edge_set
        if self.timed and (self.cut_first or self.cut_second):
            edges = np.lexsort((self.targets, edge_set.source_rows))
            self.by_target = edges - np.repeat(self.indptr[:-1], np.diff(self.indptr))
        if op.by is not None:
            name = f"`by` of `SamplingOp` {op.name!r}, feature {op.by!r} of {op.edge_set!r},"
            if op.by not in edge_set.features:
                known = ", ".join(sorted(edge_set.features)) or "none"
                raise ValueError(f"{name} must be an edge feature ({known}).")
            values = edge_set.features[op.by].values
            if (
                isinstance(values, Ragged)
                or values.ndim != 1
                or not np.issubdtype(values.dtype, np.number)
            ):
                raise ValueError(f"{name} must be one number an edge. Got shape {values.shape}.")
            if op.strategy == "weighted":
                self.cumulative = cumulative_weights(
                    values, edge_set.indptr, timed=edge_set.times is not None, name=name
                )
            elif self.timed:
                raise ValueError(f"{name} must be on an edge set without time for 'top_k'.")
            else:
                self.order = falling_order(values, edge_set.indptr, name=name)


def _keys_or_rows(node_set: NodeSet) -> npt.NDArray[np.uint64]:
    """The keys of a node set's ids; empty where they are the row numbers (a load less)."""
    ids = node_set.ids
    if ids.dtype.kind == "i" and (not len(ids) or (ids[0] == 0 and ids[-1] == len(ids) - 1)):
        return _NO_UINT64
    return node_set.keys


@dataclasses.dataclass
class _Components:
    """One node set's lists of nodes, for a batch of components (see `kernel`)."""

    rows: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    table: npt.NDArray[np.int64]
    marks: npt.NDArray[np.int32]


class _Scratch:
    """The kernel's working memory, kept from call to call by each thread."""

    def __init__(
        self,
        sampler: InMemorySampler,
        batch: int,
        node_room: dict[str, int],
        edge_room: dict[str, int],
    ) -> None:
        self.batch = batch
        self.stamp = 0
        self.nodes: dict[str, _Components] = {}
        for name, room in node_room.items():
            slots = 1 << (2 * room - 1).bit_length()
            self.nodes[name] = _Components(
                rows=np.empty((batch, room), np.int32),
                counts=np.zeros(batch, np.int32),
                table=np.full((batch, slots), -1, np.int64),
                marks=np.zeros((batch, room), np.int32),
            )
        self.edges: dict[str, tuple[npt.NDArray[Any], ...]] = {
            name: (
                np.empty((batch, room), np.int32),
                np.empty((batch, room), np.int32),
                np.empty((batch, room), np.int64),
                np.zeros(batch, np.int32),
            )
            for name, room in edge_room.items()
        }
        seed = sampler.plan.seed_op
        self.reached = {
            seed: (np.zeros((batch, 1), np.int32), np.ones(batch, np.int32)),
        }
        if sampler.plan.link is not None:
            self.reached[sampler.plan.link.op] = (
                np.empty((batch, 1), np.int32),
                np.ones(batch, np.int32),
            )
        for op in sampler.operations:
            room = node_room[op.target]
            self.reached[op.name] = (np.empty((batch, room), np.int32), np.zeros(batch, np.int32))
        # By inputs: operations on other edge sets often share theirs.
        self.united = {
            op.inputs: (
                np.empty((batch, node_room[op.source]), np.int32),
                np.zeros(batch, np.int32),
            )
            for op in sampler.operations
            if len(op.inputs) > 1
        }

    def clear(self) -> None:
        for components in self.nodes.values():
            kernel.forget(components.rows, components.counts, components.table)
        for *_, counts in self.edges.values():
            counts[:] = 0

    def next_stamp(self) -> int:
        self.stamp += 1
        if self.stamp == _LAST_STAMP:
            for components in self.nodes.values():
                components.marks[:] = 0
            self.stamp = 1
        return self.stamp


class InMemorySampler:
    """Samples the components of a batch of seeds, as one `SampledBatch`.

    The output is a pure function of (plan, graph, seeds, times, epoch): whatever the batch, the
    thread or the engine, a seed's component is the same. Safe to call from many threads; the
    compiled part releases the interpreter lock.

    Args:
      graph: The graph, in memory or memory-mapped.
      plan: What to draw.

    Raises:
      ValueError: The plan does not fit the graph's schema, or a weight is invalid.
    """

    def __init__(self, graph: Graph, plan: SamplingPlan) -> None:
        self.graph = graph
        self.plan = plan
        self.endpoints = {
            name: (edge_set.source, edge_set.target) for name, edge_set in graph.edge_sets.items()
        }
        if plan.seed_node_set not in graph.node_sets:
            raise ValueError(
                f"`seed_node_set` of `SamplingPlan` must be one of "
                f"{', '.join(sorted(graph.node_sets))}. Got {plan.seed_node_set!r}."
            )
        link = plan.link
        if link is not None and link.node_set not in graph.node_sets:
            raise ValueError(
                f"`node_set` of `Link` must be one of {', '.join(sorted(graph.node_sets))}. "
                f"Got {link.node_set!r}."
            )
        plan.validate(self.endpoints)
        self.operations = [_Operation(op, graph.edge_sets[op.edge_set], link) for op in plan.ops]
        self.layout = Layout(
            plan.seed_node_set,
            plan.node_sets(self.endpoints),
            plan.edge_sets(),
            None if link is None else link.node_set,
        )
        self.timed = self._is_timed()
        self._keys = {name: _keys_or_rows(graph.node_sets[name]) for name in self.layout.node_sets}
        self._local = threading.local()
        self._lock = threading.Lock()
        self._node_room = self._rooms(plan.most_nodes(self.endpoints), self.layout.node_sets)
        self._edge_room = self._rooms(plan.most_edges(), self.layout.edge_sets)

    def _is_timed(self) -> bool:
        """Whether a sample depends on its seed's time: by edges, or by features known later."""
        sets = [self.graph.node_sets[name].features for name in self.layout.node_sets]
        sets += [self.graph.edge_sets[name].features for name in self.layout.edge_sets]
        known_later = any(
            feature.known_at is not None for features in sets for feature in features.values()
        )
        return known_later or any(op.timed for op in self.operations)

    @staticmethod
    def _rooms(most: Mapping[str, int | None], names: tuple[str, ...]) -> dict[str, int]:
        bounds = {name: most.get(name) for name in names}
        return {
            name: _FIRST_ROOM if bound is None else min(bound, _FIRST_ROOM)
            for name, bound in bounds.items()
        }

    def sample(
        self,
        rows: npt.ArrayLike,
        times: npt.ArrayLike | None = None,
        *,
        epoch: int = 0,
        budget: Sizes | None = None,
    ) -> SampledBatch:
        """Samples one component for each seed.

        Args:
          rows: int [batch], rows of the seeds in their node set; of a plan with a link, int
            [batch, 2], rows of the pairs' two nodes, or [batch, 3], with the second node of the
            positive pair to which a negative one belongs (see `Link`).
          times: int64 [batch], the seeds' times; needed when an edge set of the plan has a time, or
            a feature becomes known at a time. Ignored otherwise.
          epoch: Enters the key: another epoch gives fresh draws.
          budget: Static sizes; the batch is padded to them, with one more component.

        Returns:
          The merged batch.

        Raises:
          ValueError: Rows are out of range, or times are missing or the latest int64.
        """
        seeds, seed_times = self._check(rows, times)
        packed = self.sample_packed(seeds, seed_times, epoch=epoch, budget=budget)
        return self.layout.unpack(packed, seeds, seed_times)

    def sample_packed(
        self,
        rows: npt.NDArray[np.int32],
        times: npt.NDArray[np.int64] | None,
        *,
        epoch: int = 0,
        budget: Sizes | None = None,
    ) -> npt.NDArray[np.int32]:
        """`sample` without checks, as one buffer in `Layout`'s order: the bridge's entry."""
        scratch = self._run(rows, times, epoch)
        node_counts = {name: part.counts for name, part in scratch.nodes.items()}
        edge_counts = {name: parts[-1] for name, parts in scratch.edges.items()}
        second = None
        if self.plan.link is not None:
            second = scratch.reached[self.plan.link.op][0][:, 0]
        whole = self.layout.fit(node_counts, edge_counts, budget, second)
        packed, parts = self.layout.allocate(node_counts, edge_counts, budget, len(rows))
        parts.whole[:] = whole
        if second is not None:
            self.layout.write_ends(parts, node_counts, second)
        for name, components in scratch.nodes.items():
            kernel.merge_nodes(components.rows, components.counts, parts.node_rows[name])
        for name, (sources, targets, positions, counts) in scratch.edges.items():
            source, target = self.endpoints[name]
            kernel.merge_edges(
                sources,
                targets,
                positions,
                counts,
                node_counts[source],
                node_counts[target],
                parts.edge_source[name],
                parts.edge_target[name],
                parts.edge_rows[name],
            )
            total = int(counts.sum())
            parts.edge_source[name][total:] = len(parts.node_rows[source]) - 1
            parts.edge_target[name][total:] = len(parts.node_rows[target]) - 1
            parts.edge_rows[name][total:] = 0
        return packed

    def _check(
        self, rows: npt.ArrayLike, times: npt.ArrayLike | None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64] | None]:
        seeds = np.asarray(rows)
        link = self.plan.link
        shaped = seeds.ndim == 1 if link is None else seeds.ndim == 2 and seeds.shape[1] in (2, 3)
        if not shaped or not np.issubdtype(seeds.dtype, np.integer):
            kind = "a vector of ints" if link is None else "pairs of ints, [batch, 2 or 3]"
            raise ValueError(f"`rows` of `sample` must be {kind}. Got {seeds.dtype} {seeds.shape}.")
        ends = [(self.plan.seed_node_set, seeds)]
        if link is not None:
            ends = [(self.plan.seed_node_set, seeds[:, 0]), (link.node_set, seeds[:, 1:])]
        for node_set, end in ends:
            number = self.graph.node_sets[node_set].num_nodes
            if len(end) and not (end.min() >= 0 and end.max() < number):
                wrong = end.min() if end.min() < 0 else end.max()
                raise ValueError(
                    f"`rows` of `sample` must be in [0, {number}), the rows of node set "
                    f"{node_set!r}. Got {wrong}."
                )
        if not self.timed:
            return seeds.astype(np.int32), None
        if times is None:
            raise ValueError(
                "`times` of `sample` must be given: the plan reaches edges with a time, or "
                "features that become known at a time. Got None."
            )
        if not np.issubdtype(np.asarray(times).dtype, np.integer):
            raise ValueError(f"`times` of `sample` must be ints. Got {np.asarray(times).dtype}.")
        seed_times = np.asarray(times, np.int64)
        if seed_times.shape != seeds.shape[:1]:
            raise ValueError(
                f"`times` of `sample` must have the shape of `rows`, {seeds.shape[:1]}. "
                f"Got {seed_times.shape}."
            )
        if np.any(seed_times == NEVER):  # It would see what never happens.
            raise ValueError(f"`times` of `sample` must be below {NEVER}. Got it.")
        return seeds.astype(np.int32), seed_times

    def _scratch(self, batch: int) -> _Scratch:
        scratch: _Scratch | None = getattr(self._local, "scratch", None)
        fits = scratch is not None and scratch.batch == batch
        if fits and scratch is not None:
            fits = all(
                part.rows.shape[1] >= self._node_room[name] for name, part in scratch.nodes.items()
            ) and all(
                parts[0].shape[1] >= self._edge_room[name] for name, parts in scratch.edges.items()
            )
        if not fits or scratch is None:
            scratch = _Scratch(self, batch, dict(self._node_room), dict(self._edge_room))
            self._local.scratch = scratch
        return scratch

    def _run(
        self, rows: npt.NDArray[np.int32], times: npt.NDArray[np.int64] | None, epoch: int
    ) -> _Scratch:
        """Expands every operation, with more room as often as a component needs it."""
        while True:
            scratch = self._scratch(len(rows))
            short = self._attempt(scratch, rows, times, epoch)
            if short is None:
                break
            name, is_node = short
            rooms = self._node_room if is_node else self._edge_room
            room = scratch.nodes[name].rows if is_node else scratch.edges[name][0]
            with self._lock:  # Another thread may have made room meanwhile.
                rooms[name] = max(rooms[name], 2 * room.shape[1])
        for name, (sources, targets, positions, counts) in scratch.edges.items():
            source = self.endpoints[name][0]
            kernel.sort_edges(sources, targets, positions, counts, scratch.nodes[source].counts)
        return scratch

    def _keys_of(self, node_set: str, rows: _Int32) -> npt.NDArray[np.uint64]:
        keys = self._keys[node_set]
        return keys[rows] if len(keys) else rows.astype(np.uint64)

    def _attempt(
        self,
        scratch: _Scratch,
        rows: npt.NDArray[np.int32],
        times: npt.NDArray[np.int64] | None,
        epoch: int,
    ) -> tuple[str, bool] | None:
        scratch.clear()
        link = self.plan.link
        seeds = scratch.nodes[self.plan.seed_node_set]
        first = rows if link is None else np.ascontiguousarray(rows[:, 0])
        kernel.start(first, seeds.rows, seeds.counts, seeds.table)
        seed_keys = self._keys_of(self.plan.seed_node_set, first)
        # The rows of nodes between which edges are cut, in the link's direction.
        cuts: list[tuple[_Int32, _Int32]] = []
        if link is not None:
            second, others = np.ascontiguousarray(rows[:, 1]), scratch.nodes[link.node_set]
            local, _ = scratch.reached[link.op]
            kernel.start_pairs(second, others.rows, others.counts, others.table, local)
            seed_keys = pair_keys(seed_keys, self._keys_of(link.node_set, second))
            cuts = [(first, np.ascontiguousarray(other)) for other in rows.T[1:]]
        united: set[tuple[str, ...]] = set()
        for op in self.operations:
            if len(op.inputs) == 1:
                frontier, sizes = scratch.reached[op.inputs[0]]
            else:
                frontier, sizes = scratch.united[op.inputs]
                if op.inputs not in united:
                    united.add(op.inputs)
                    sizes[:] = 0
                    marks = scratch.nodes[op.source].marks
                    stamp = scratch.next_stamp()
                    for name in op.inputs:
                        kernel.unite(frontier, sizes, *scratch.reached[name], marks, stamp)
            sources, targets, positions, counts = scratch.edges[op.edge_set]
            target = scratch.nodes[op.target]
            cut = [*cuts] if op.cut_first else []
            cut += [ends[::-1] for ends in cuts] if op.cut_second else []
            cut_sources, cut_targets = map(np.stack, zip(*cut, strict=True)) if cut else _NO_CUTS
            short = kernel.expand(
                op.strategy,
                op.fanout,
                operation_key(self.plan.seed, epoch, op.key),
                seed_keys,
                times if op.timed else _NO_INT64,
                self._keys[op.source],
                op.indptr,
                op.targets,
                op.times,
                op.cumulative,
                op.order,
                op.by_target,
                cut_sources,
                cut_targets,
                frontier,
                sizes,
                scratch.nodes[op.source].rows,
                target.rows,
                target.counts,
                target.table,
                target.marks,
                scratch.next_stamp(),
                *scratch.reached[op.name],
                sources,
                targets,
                positions,
                counts,
            )
            if short:
                return (op.target, True) if short == 1 else (op.edge_set, False)
        return None
