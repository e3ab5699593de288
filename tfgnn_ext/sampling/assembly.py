"""Assembling: the edges that blocks drew, and the features of their nodes, as whole components.

The components of a shard make a small graph of their own, whose nodes are the pairs (component,
node), and whose every operation has an edge set of its own with the edges drawn for it. The
in-memory engine, told to take all of them, walks it: so nodes come in its order, and what it writes
is written by `write_examples` here too. No byte can differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import EdgeSet, Feature, Graph, NodeSet
from tfgnn_ext.sampling.adjacency import FEATURE, features_of
from tfgnn_ext.sampling.blocks import WORDS, Arrays, ascending, join, take
from tfgnn_ext.sampling.memory import InMemorySampler
from tfgnn_ext.sampling.plan import SamplingOp, SamplingPlan
from tfgnn_ext.sampling.sampled_batch import SampledBatch

TIME = "t:"  # Before the names of time columns.
_BATCH = 256
Int64 = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Shard:
    """What a shard's components are made of.

    Attributes:
      seeds: ``component`` (0, 1, ...), ``id``, of pairs ``second``, and ``time`` where samples are
        timed.
      drawn: By operation, a row an edge as `adjacency.Drawing` returns it, or None.
      nodes: By node set, the nodes that occur: ``id``, ascending, times and features.
    """

    seeds: Arrays
    drawn: Mapping[str, Arrays | None]
    nodes: Mapping[str, Arrays]


def node_set_of(block: Arrays, known_at: Mapping[str, str]) -> NodeSet:
    """A block of nodes as a `NodeSet`; its ids are ascending."""
    features = {
        name: Feature(feature.values, feature.vocabulary, known_at.get(name))
        for name, feature in features_of(block).items()
    }
    times = {n.removeprefix(TIME): values for n, values in block.items() if n.startswith(TIME)}
    return NodeSet(block["id"], features, times)


def block_of(node_set: NodeSet) -> Arrays:
    """A `NodeSet` as a block of nodes."""
    block: Arrays = {"id": node_set.ids}
    for name, feature in node_set.features.items():
        block[FEATURE + name] = feature.values
        if feature.vocabulary is not None:
            block[FEATURE + name + WORDS] = feature.vocabulary
    block.update({TIME + name: values for name, values in node_set.times.items()})
    return block


class Assembly:
    """Makes the components of one shard.

    Args:
      plan: What was drawn.
      empty: A graph without rows that has the schema of the whole.
      shard: The shard.
    """

    def __init__(self, plan: SamplingPlan, empty: Graph, shard: Shard) -> None:
        self.plan = plan
        self.empty = empty
        self.seeds = shard.seeds
        ends = {name: (part.source, part.target) for name, part in empty.edge_sets.items()}
        self.node_sets = {}
        for name in plan.node_sets(ends):
            known = {n: f.known_at for n, f in empty.node_sets[name].features.items()}
            self.node_sets[name] = node_set_of(
                shard.nodes[name], {n: at for n, at in known.items() if at is not None}
            )
        reached: dict[str, Int64] = {}  # By operation, the targets' words.
        self._rows = self._pairs(shard, ends, reached)
        walk = {}
        self._drawn: dict[str, list[Arrays]] = {name: [] for name in plan.edge_sets()}
        self._first_row: dict[str, int] = {}
        for op in plan.ops:
            source, target = ends[op.edge_set]
            edges = shard.drawn.get(op.name)
            before = self._drawn[op.edge_set]
            self._first_row[op.name] = sum(len(part["position"]) for part in before)
            if edges is None:
                sources = targets = np.empty(0, np.int64)
            else:
                sources = self._pair(source, edges["component"], edges["source"])
                targets = np.searchsorted(self._words[target], reached[op.name])
                order = np.lexsort((edges["position"], sources))
                sources, targets = sources[order], targets[order]
                before.append(take(edges, order))
            counts = np.bincount(sources, minlength=len(self._words[source]))
            indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            walk[op.name] = EdgeSet(source, target, indptr, targets.astype(np.int32))
        pairs = {name: NodeSet(np.arange(len(words))) for name, words in self._words.items()}
        self._walk = InMemorySampler(Graph(empty.schema, pairs, walk), _taking_all(plan))
        self._edges = {name: join(parts) for name, parts in self._drawn.items() if parts}
        self.graph = Graph(
            empty.schema,
            {**empty.node_sets, **self.node_sets},
            {**empty.edge_sets, **{n: self._edge_set(n, e) for n, e in self._edges.items()}},
        )

    def _pairs(
        self, shard: Shard, ends: Mapping[str, tuple[str, str]], reached: dict[str, Int64]
    ) -> dict[str, Int64]:
        """Numbers the pairs (component, node) of each node set; returns each pair's node row."""
        seeds = self.plan.seed_node_set
        found: dict[str, list[Int64]] = {name: [] for name in self.node_sets}
        found[seeds].append(self._word(seeds, self.seeds["component"], self.seeds["id"]))
        if self.plan.link is not None:
            other = self.plan.link.node_set
            found[other].append(self._word(other, self.seeds["component"], self.seeds["second"]))
        for op in self.plan.ops:
            edges = shard.drawn.get(op.name)
            if edges is not None:
                target = ends[op.edge_set][1]
                reached[op.name] = self._word(target, edges["component"], edges["target"])
                found[target].append(reached[op.name])
        self._words = {
            name: ascending(np.concatenate(words)) if words else np.empty(0, np.int64)
            for name, words in found.items()
        }
        return {
            name: words % max(self.node_sets[name].num_nodes, 1)
            for name, words in self._words.items()
        }

    def _word(self, node_set: str, components: npt.NDArray[np.integer], ids: Int64) -> Int64:
        nodes = self.node_sets[node_set]
        return components.astype(np.int64) * max(nodes.num_nodes, 1) + nodes.rows(ids)

    def _pair(self, node_set: str, components: npt.NDArray[np.integer], ids: Int64) -> Int64:
        return np.searchsorted(self._words[node_set], self._word(node_set, components, ids))

    def _edge_set(self, name: str, edges: Arrays) -> EdgeSet:
        empty = self.empty.edge_sets[name]
        features = features_of(edges)
        return EdgeSet(
            empty.source,
            empty.target,
            empty.indptr,
            np.zeros(len(edges["position"]), np.int32),
            edges.get("edge_time"),
            {feature: features[feature] for feature in empty.features},
        )

    def batches(self) -> Iterator[SampledBatch]:
        """The components, in the order of the seeds, a few hundred at a time."""
        pairs = self._pair(self.plan.seed_node_set, self.seeds["component"], self.seeds["id"])
        if self.plan.link is not None:
            other, second = self.plan.link.node_set, self.seeds["second"]
            pairs = np.stack([pairs, self._pair(other, self.seeds["component"], second)], axis=1)
        for begin in range(0, len(pairs), _BATCH):
            part = slice(begin, begin + _BATCH)
            times = self.seeds["time"][part] if "time" in self.seeds else None
            yield self._merge(self._walk.sample(pairs[part]), times)

    def _merge(self, walked: SampledBatch, times: Int64 | None) -> SampledBatch:
        """From pairs to nodes, and from operations to edge sets."""
        sources: dict[str, npt.NDArray[np.int32]] = {}
        targets: dict[str, npt.NDArray[np.int32]] = {}
        rows: dict[str, Int64] = {}
        sizes: dict[str, npt.NDArray[np.int32]] = {}
        components = len(walked.seed_rows)
        for name in self.plan.edge_sets():
            ops = [op.name for op in self.plan.ops if op.edge_set == name]
            source = np.concatenate([walked.edge_source[op] for op in ops])
            target = np.concatenate([walked.edge_target[op] for op in ops])
            row = np.concatenate([walked.edge_rows[op] + self._first_row[op] for op in ops])
            position = self._edges[name]["position"][row] if len(row) else row
            if len(ops) > 1:
                # As `kernel.sort_edges`: by source, then position, repeated edges removed.
                order = np.lexsort((position, source))
                repeated = np.zeros(len(order), np.bool_)
                repeated[1:] = (np.diff(source[order]) == 0) & (np.diff(position[order]) == 0)
                kept = order[~repeated]
                source, target, row = source[kept], target[kept], row[kept]
            owner = np.repeat(
                np.arange(components), walked.node_sizes[self.empty.edge_sets[name].source]
            )
            sources[name], targets[name], rows[name] = source, target, row
            sizes[name] = np.bincount(owner[source], minlength=components).astype(np.int32)
        seed_set = self.plan.seed_node_set
        ends = walked.ends
        if ends is not None:
            of_nodes = [
                self._rows[name][rows]
                for name, rows in zip(ends.node_sets, ends.rows.T, strict=True)
            ]
            ends = dataclasses.replace(ends, rows=np.stack(of_nodes, axis=1).astype(np.int32))
        return SampledBatch(
            ends=ends,
            seed_node_set=seed_set,
            seed_rows=self._rows[seed_set][walked.seed_rows].astype(np.int32),
            seed_times=times,
            whole=walked.whole,
            node_rows={n: self._rows[n][r].astype(np.int32) for n, r in walked.node_rows.items()},
            node_sizes=walked.node_sizes,
            edge_rows=rows,
            edge_source=sources,
            edge_target=targets,
            edge_sizes=sizes,
        )


def _taking_all(plan: SamplingPlan) -> SamplingPlan:
    """The plan with an edge set an operation, all of whose edges are taken."""
    ops = (
        SamplingOp(name=op.name, edge_set=op.name, strategy="full", inputs=op.inputs)
        for op in plan.ops
    )
    link = plan.link
    if link is not None:  # What it leaves out was not drawn.
        link = dataclasses.replace(link, edge_set=None, reverse=None)
    return SamplingPlan(
        seed_node_set=plan.seed_node_set, ops=tuple(ops), seed_op=plan.seed_op, link=link
    )


__all__ = ["FEATURE", "TIME", "Assembly", "Shard", "block_of", "node_set_of"]
