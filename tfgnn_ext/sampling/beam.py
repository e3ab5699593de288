"""The Beam engine: the same plan, the same kernel and the same bytes on any Beam runner.

The unit of work is a block of rows, not a row (see `blocks`):

* *adjacency*: all edges of the sources whose ids hash to one block, in canonical order, built once
  an edge set and shared by its operations;
* *requests*: (component, seed key, source) rows, routed to the source's block, where one call of
  the kernel draws for all of them; what it reaches is routed on, to the next operations and to the
  nodes' features;
* *shards*: seeds by a hash of their id and time; a shard's components are assembled, encoded and
  written in one place, its seeds in the order of their ids.

Nothing of this depends on the order or the sharding of the input, on bundles or on retries: files,
not just examples, are equal byte for byte. A worker never loads TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from tfgnn_ext.graph import (
    Graph,
    GraphError,
    GraphSchema,
    find_files,
    parse_schema,
    protos,
    read_schema,
)
from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.graph.node_set import display_id
from tfgnn_ext.graph.read_tables import text_columns
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns
from tfgnn_ext.sampling.adjacency import Drawing, build_adjacency, distinct
from tfgnn_ext.sampling.assembly import Assembly, Shard
from tfgnn_ext.sampling.blocks import Arrays, by_id, join, pack, split, take, unpack
from tfgnn_ext.sampling.examples import write_examples
from tfgnn_ext.sampling.hub.beam import (
    CutHubs,
    DrawHubs,
    FindHubs,
    divert,
    drawn_edges,
    hub_ids,
    typed,
)
from tfgnn_ext.sampling.hub.slices import HubDrawing, find_hubs
from tfgnn_ext.sampling.manifest import MANIFEST, count_sizes
from tfgnn_ext.sampling.memory import InMemorySampler
from tfgnn_ext.sampling.node_blocks import (
    NodeBlock,
    by_shard,
    number_seeds,
    place_seeds,
    repeated_ids,
    unknown_ids,
    wanted_nodes,
)
from tfgnn_ext.sampling.plan import SamplingPlan
from tfgnn_ext.sampling.sample_schema import sample_schema
from tfgnn_ext.sampling.table_blocks import (
    Part,
    SeedColumns,
    Table,
    check_columns,
    count_rows,
    empty_table,
    is_parquet,
    parts_of,
    read_part,
)
from tfgnn_ext.sampling.writing.beam import WriteSamples

Block = tuple[int, bytes]
_BLOCK_BYTES = 16 << 20  # Of a table's files; about a million edges.
_FEWEST_BLOCKS = 8
_SEEDS, _NODES = "seeds", "nodes"
_TARGETS = "Targets"


def _count(name: str, number: int) -> None:
    if number:
        Metrics.counter("tfgnn_ext.sampling", name).inc(number)


def _open(path: str) -> Any:
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def _files_of(pattern: str) -> list[tuple[str, int]]:
    """The files of a table on any file system, each with its size."""
    if "://" not in pattern:
        return [(str(path), path.stat().st_size) for path in find_files(pattern)]
    shards = re.fullmatch(r"(.*?)(\.\w+)?@(\d+)", pattern)
    wanted = pattern
    if shards:
        wanted = f"{shards[1]}*-of-{int(shards[3]):05d}*"
    found = FileSystems.match([wanted])[0].metadata_list
    if not found or (shards and len(found) != int(shards[3])):
        raise FileNotFoundError(f"`{pattern}` must match its files. Got {len(found)}.")
    return sorted((item.path, item.size_in_bytes) for item in found)


def _relative(folder: str, name: str) -> str:
    if "://" in name or os.path.isabs(name) or not folder:
        return name
    return FileSystems.join(folder, name) if "://" in folder else str(Path(folder) / name)


@dataclasses.dataclass(frozen=True)
class _Source:
    """A set's table: where it lies, and what a worker must know of it."""

    table: Table
    files: tuple[str, ...]
    size: int
    most_rows: int = 0


class _Read(beam.PTransform):
    """Reads a table's columns in parts."""

    def __init__(self, source: _Source, columns: list[str]) -> None:
        super().__init__()
        self.source, self.columns = source, columns

    def expand(self, pbegin: Any) -> Any:
        return (
            pbegin
            | "Files" >> beam.Create(list(self.source.files), reshuffle=False)
            | "Parts" >> beam.FlatMap(_parts)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.Map(_read, self.source.table.strings, self.columns)
        )


def _most_rows(path: str, size: int) -> int:
    """How many rows a file has at most."""
    if not is_parquet(path):
        return size // 4  # A row of two ids takes four bytes.
    with _open(path) as file:
        return count_rows(path, file)


def _parts(path: str) -> Iterator[Part]:
    with _open(path) as file:
        yield from parts_of(path, file)


def _read(part: Part, strings: frozenset[str], columns: list[str]) -> Any:
    with _open(part.path) as file:
        return read_part(part, file, columns, strings)


def _edge_rows(
    source: Any, table: Table, blocks: int, target_blocks: int, hubs: Iterable[bytes] = ()
) -> Iterator[Any]:
    block, dropped = table.edges(source)
    _count("dropped_edges", dropped)
    for row in by_id("id", {"id": block["target"]}, target_blocks):
        yield beam.pvalue.TaggedOutput("targets", row)
    ids = hub_ids(hubs)
    if len(ids):
        numbers = find_hubs(block["source"], ids)
        for hub, rows in split(take(block, numbers >= 0), numbers[numbers >= 0]):
            yield beam.pvalue.TaggedOutput("hubs", (hub, pack(rows)))
        block = take(block, numbers < 0)
    yield from by_id("source", block, blocks)


def _node_rows(source: Any, table: Table, blocks: int) -> Iterator[Any]:
    block, dropped = table.nodes(source)
    _count("dropped_nodes", dropped)
    yield from by_id("id", block, blocks)
    for row in by_id("id", {"id": block["id"]}, blocks):
        yield beam.pvalue.TaggedOutput("ids", row)


def _check_ids(
    group: tuple[int, Mapping[str, Iterable[bytes]]],
    node_set: str,
    tables: Mapping[str, tuple[_Source, str]],
    drop: bool,
    first: bool,
) -> Iterator[tuple[str, bytes]]:
    """Ids must be distinct, and those that edges name must be there; yields those to be dropped."""
    _, found = group
    parts = {tag: [unpack(part)["id"] for part in packed] for tag, packed in found.items()}
    ids = np.concatenate(parts[_NODES]) if parts[_NODES] else None
    repeated = repeated_ids(np.empty(0) if ids is None else ids)
    if len(repeated) and not drop:
        source, column = tables[_NODES]
        place = _locate(source, column, repeated[:1], first=1)
        raise GraphError(
            [f"node set {node_set!r}: column {column!r} must hold unique ids. Got "
             f"{display_id(repeated[0])!r} again at {place} ({len(repeated)} repeats)."]
        )  # fmt: skip
    _count("dropped_nodes", len(repeated) if first else 0)
    for tag, (source, column) in tables.items():
        if tag == _NODES or not parts[tag]:
            continue
        named = np.concatenate(parts[tag])
        unknown = named if ids is None else unknown_ids(named, ids)
        if not len(unknown):
            continue
        if not drop:
            seeds = tag == _SEEDS
            where = "seeds table" if seeds else f"edge set {source.table.name!r}"
            what = "unknown seeds" if seeds else "dangling edges"
            raise GraphError(
                [f"{where}: column {column!r} must hold ids of node set {node_set!r}. Got "
                 f"{display_id(unknown[0])!r} at {_locate(source, column, unknown[:1])} "
                 f"({len(unknown)} {what} in its block)."]
            )  # fmt: skip
        _count("unknown_seeds" if tag == _SEEDS else "dangling_edges", len(unknown))
        yield tag, pack({"id": np.unique(unknown)})


def _column_ids(source: Any, column: str) -> np.ndarray[Any, Any]:
    return to_ids(source.table[column].drop_null())


def _locate(source: _Source, column: str, ids: Any, *, first: int = 0) -> str:
    """The file and row where one of some ids stands, after passing over the `first` such rows."""
    for path in source.files:
        for part in _parts(path):
            table = _read(part, source.table.strings, [column])
            rows = np.flatnonzero(np.isin(to_ids(table.table[column].drop_null()), ids))
            if len(rows) > first:
                valid = np.flatnonzero(np.asarray(table.table[column].is_valid()))
                return str(table.where(int(valid[rows[first]])))
            first -= len(rows)
    return "a row"


def _seed_rows(
    source: Any, table: Table, columns: SeedColumns, timed: bool, shards: int, blocks: int
) -> Iterator[Any]:
    block, dropped = table.seeds(source, columns, timed=timed)
    _count("dropped_seeds", dropped)
    for shard, rows in place_seeds(block, shards):
        yield shard, pack(rows)
    for row in by_id("id", {"id": block["id"]}, blocks):
        yield beam.pvalue.TaggedOutput("ids", row)


def _without(block: Arrays, column: str, tag: str, missing: Iterable[tuple[str, bytes]]) -> Arrays:
    """The rows whose id is not among the missing ones of a tag."""
    gone = [unpack(ids)["id"] for name, ids in missing if name == tag]
    return take(block, ~np.isin(block[column], np.concatenate(gone))) if gone else block


def _number(
    group: tuple[int, Iterable[bytes]], blocks: int, missing: Iterable[tuple[str, bytes]]
) -> Iterator[Any]:
    """Numbers the seeds of a shard; they are the first requests."""
    shard, parts = group
    found = [_without(unpack(part), "id", _SEEDS, missing) for part in parts if part]
    if sum(len(part["id"]) for part in found):
        seeds = number_seeds(shard, found)
        for row in by_id("id", seeds, blocks):
            yield beam.pvalue.TaggedOutput("reached", row)
        for _, rows in by_shard({name: v for name, v in seeds.items() if name != "key"}):
            yield shard, pack(rows)
    else:
        yield shard, b""


def _build(
    group: tuple[int, Iterable[bytes]],
    name: str,
    blocks: int,
    missing: Iterable[tuple[str, bytes]],
) -> Iterator[Any]:
    """Sorts the edges of one block or slice, without those whose target is missing."""
    block, packed = group
    tag = f"targets of {name}"
    adjacency = build_adjacency([_without(unpack(p), "target", tag, missing) for p in packed])
    yield block, pack(adjacency)
    for row in by_id("id", {"id": adjacency["source"]}, blocks):
        yield beam.pvalue.TaggedOutput("sources", row)


def _draw(
    group: tuple[int, Mapping[str, Iterable[bytes]]], drawing: Drawing, blocks: int
) -> Iterator[Any]:
    """Draws for all requests of one block, and routes what they reach."""
    _, found = group
    requests = [unpack(part) for part in found["requests"]]
    wanted = distinct(join(requests)) if requests else {}
    for part in found["edges"] if requests else ():
        yield from drawn_edges(drawing(unpack(part), wanted), blocks)


def _join_nodes(group: tuple[int, Mapping[str, Iterable[bytes]]]) -> Iterator[Block]:
    """Sends each shard the nodes that its components hold."""
    _, found = group
    parts, requests = ([unpack(part) for part in found[tag]] for tag in (_NODES, "requests"))
    if requests:
        nodes = NodeBlock(parts)
        wanted = wanted_nodes(requests)
        rows = nodes.find(wanted["id"])
        for shard, part in split({"row": rows}, wanted["component"]):
            yield shard, pack(nodes.rows(part["row"]))


@dataclasses.dataclass(frozen=True)
class _Assemble:
    """Makes the samples of one shard."""

    plan: SamplingPlan
    schema: bytes
    tables: Mapping[str, pa.Schema]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    inline: bool

    def _ids(
        self, seeds: Arrays, drawn: Mapping[str, Arrays | None], empty: Graph
    ) -> dict[str, Arrays]:
        """The nodes that occur, without their features."""
        ids = {self.plan.seed_node_set: [seeds["id"]]}
        for op in self.plan.ops:
            target = empty.edge_sets[op.edge_set].target
            edges = drawn[op.name]
            none = empty.node_sets[target].ids
            ids.setdefault(target, []).append(none if edges is None else edges["target"])
        return {name: {"id": np.unique(np.concatenate(parts))} for name, parts in ids.items()}

    def __call__(
        self, group: tuple[int, Mapping[str, Iterable[bytes]]], checked: Iterable[Any]
    ) -> SampledShard:
        """From all that the shard was sent to its records, once the tables are `checked`."""
        place, packed = group
        found = {tag: [unpack(part) for part in parts if part] for tag, parts in packed.items()}
        if not found[_SEEDS]:
            return SampledShard(self.names[place], [], {}, {})
        empty = _empty_graph(self.schema, self.tables)
        parts = {op.name: found[f"o:{op.name}"] for op in self.plan.ops}
        drawn = {name: join(blocks) if blocks else None for name, blocks in parts.items()}
        seeds = join(found[_SEEDS])
        nodes = self._ids(seeds, drawn, empty)
        for name in nodes if self.inline else ():
            block = join(found[f"n:{name}"] or [_no_nodes(empty, name)])
            nodes[name] = take(block, np.argsort(block["id"], kind="stable"))
        assembly = Assembly(self.plan, empty, Shard(seeds=seeds, drawn=drawn, nodes=nodes))
        records: list[bytes] = []
        node_sizes: dict[str, list[Any]] = {}
        edge_sizes: dict[str, list[Any]] = {}
        for batch in assembly.batches():
            records += write_examples(assembly.graph, batch, labels=self.labels)
            for sizes, totals in ((batch.node_sizes, node_sizes), (batch.edge_sizes, edge_sizes)):
                for name, counts in sizes.items():
                    totals.setdefault(name, []).append(counts)
        _count("components", len(records))
        return SampledShard(
            self.names[place],
            records,
            {name: count_sizes(sizes) for name, sizes in node_sizes.items()},
            {name: count_sizes(sizes) for name, sizes in edge_sizes.items()},
        )


def _no_nodes(empty: Graph, name: str) -> Arrays:
    node_set = empty.node_sets[name]
    block: Arrays = {"id": node_set.ids}
    for feature, part in node_set.features.items():
        block[f"f:{feature}"] = part.values
        if part.vocabulary is not None:
            block[f"f:{feature}|words"] = part.vocabulary
    block.update({f"t:{time}": values for time, values in node_set.times.items()})
    return block


def _empty_graph(schema: bytes, tables: Mapping[str, pa.Schema]) -> Graph:
    message = protos.GraphSchema.FromString(schema)
    return Graph.from_tables(message, {name: part.empty_table() for name, part in tables.items()})


@dataclasses.dataclass
class SampledShard:
    """The samples of one shard.

    Attributes:
      name: Of its file, such as ``train-00000-of-00016``.
      records: Serialized tf.Examples, as `write_examples` makes them, by the seeds' ids and times.
      node_sizes, edge_sizes: By set, how many components have how many nodes or edges.
    """

    name: str
    records: list[bytes]
    node_sizes: dict[str, dict[int, int]]
    edge_sizes: dict[str, dict[int, int]]


class SampleSubgraphs(beam.PTransform):
    """Samples a component for each seed: the in-memory engine's bytes from tables of any size.

    Applied to a pipeline it returns a collection with one `SampledShard` a file. Tables are read
    where they lie: local paths, ``gs://`` and every other file system that Beam knows.

    Args:
      schema: A path of a GraphSchema whose sets name their tables, relative to it.
      plan: What to draw.
      seeds: A table with a row a seed, in the plan's seed node set.
      seed_columns: Which of its columns mean what.
      shards: Files a split. A worker holds the samples of one shard at a time: take about a
        thousand seeds a shard.
      blocks: Into how many blocks each table is cut; default: one for 16 MiB of files.
      epoch: Enters every key: another epoch gives fresh draws.
      hub_edges: A source with more edges is cut in slices of about so many.
      policy: What to do with a row that is invalid: "error", or "drop" it and count it.
      labels: Features to mask on the seed's own row.
      features: "inline" writes nodes' features into every sample; "once" writes them once, beside
        samples that hold ids, for `FeatureStore` to join.

    Raises:
      ValueError: The plan does not fit the schema, or the tables lack a column.
    """

    def __init__(
        self,
        *,
        schema: str | os.PathLike[str],
        plan: SamplingPlan,
        seeds: str | os.PathLike[str],
        seed_columns: SeedColumns | None = None,
        shards: int = 16,
        blocks: int | None = None,
        epoch: int = 0,
        hub_edges: int = 1 << 20,
        policy: str = "error",
        labels: tuple[str, ...] = (),
        features: str = "inline",
    ) -> None:
        super().__init__()
        numbers = {"shards": shards, "blocks": 1 if blocks is None else blocks}
        for name, number in {**numbers, "hub_edges": hub_edges}.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ValueError(
                    f"`{name}` of `SampleSubgraphs` must be an int >= 1. Got {number!r}."
                )
        if policy not in ("error", "drop"):
            raise ValueError(
                f"`policy` of `SampleSubgraphs` must be error or drop. Got {policy!r}."
            )
        if features not in ("inline", "once"):
            raise ValueError(
                f"`features` of `SampleSubgraphs` must be inline or once. Got {features!r}."
            )
        self.inline = features == "inline"
        path = os.fspath(schema)
        self.plan, self.epoch, self.labels = plan, epoch, tuple(labels)
        self.columns = seed_columns or SeedColumns()
        self.shards, self.drop, self.hub_edges = shards, policy == "drop", hub_edges
        self._schema = _read_schema(path)
        self._folder = path.rpartition("/")[0]
        self._blocks = blocks
        self.store_fields: dict[str, Any] = {}
        self._sources = self._find(os.fspath(seeds))

    def _find(self, seeds: str) -> dict[str, _Source]:
        """Finds the tables, and checks their columns and the plan against the schema."""
        schema, raw = self._schema, self._schema.SerializeToString()
        sets = {**schema.node_sets, **schema.edge_sets}
        nameless = [name for name, message in sets.items() if not message.metadata.filename]
        if nameless:
            raise GraphError(
                [f"set {name!r}: must have a `metadata.filename`. Got none." for name in nameless]
            )
        texts = text_columns(schema)
        found = {
            n: _files_of(_relative(self._folder, m.metadata.filename)) for n, m in sets.items()
        }
        tables: dict[str, pa.Table] = {}
        for name, message in sets.items():
            path = found[name][0][0]
            with _open(path) as file:
                tables[name] = empty_table(path, file, frozenset(texts[message.metadata.filename]))
            described = Table(name, raw, frozenset(), (), self.drop)
            nodes = name in schema.node_sets
            needed = described.node_columns() if nodes else described.edge_columns()
            check_columns(path, tables[name].column_names, needed)
        self._tables = {name: table.schema for name, table in tables.items()}
        self.empty = Graph.from_tables(schema, tables)
        self.sampler = InMemorySampler(self.empty, self.plan)
        ids = {
            name: "string" if part.ids.dtype.kind == "S" else "int64"
            for name, part in self.empty.node_sets.items()
        }
        if self.sampler.timed and self.columns.time is None:
            raise ValueError(
                "`time` of `SeedColumns` must be given: the plan reaches edges with a time, or "
                "features that become known at a time. Got None."
            )

        def source(
            name: str, files: list[tuple[str, int]], kinds: dict[str, str], texts: Any
        ) -> Any:
            table = Table(name, raw, frozenset(texts), tuple(kinds.items()), self.drop)
            return _Source(table, tuple(p for p, _ in files), sum(size for _, size in files))

        sources = {}
        for name, message in sets.items():
            if name in schema.node_sets:
                kinds = {NodeColumns.of(message).id: ids[name]}
            else:
                columns = EdgeColumns.of(message)
                kinds = {columns.source: ids[message.source], columns.target: ids[message.target]}
            sources[name] = source(name, found[name], kinds, texts[message.metadata.filename])
            if name in schema.edge_sets:
                most = sum(_most_rows(path, size) for path, size in found[name])
                sources[name] = dataclasses.replace(sources[name], most_rows=most)
        kind = ids[self.plan.seed_node_set]
        textual = [self.columns.id] if kind == "string" else []
        sources[_SEEDS] = source(_SEEDS, _files_of(seeds), {self.columns.id: kind}, textual)
        return sources

    def blocks_of(self, node_set: str) -> int:
        """Into how many blocks the ids of a node set are hashed."""
        if self._blocks is not None:
            return self._blocks
        leaving = [n for n, e in self.empty.edge_sets.items() if e.source == node_set]
        sizes = [self._sources[name].size for name in (node_set, *leaving)]
        return max(_FEWEST_BLOCKS, -(-max(sizes) // _BLOCK_BYTES))

    @property
    def sample_schema(self) -> GraphSchema:
        """The schema of the samples."""
        return sample_schema(self.sampler, labels=self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, without suffix."""
        return tuple(
            f"{prefix}-{shard:05d}-of-{self.shards:05d}"
            for prefix in self.columns.prefixes
            for shard in range(self.shards)
        )

    def expand(self, pbegin: Any) -> Any:
        """Builds the graph of transforms."""
        plan, sampler = self.plan, self.sampler
        nodes = {name: self._read_nodes(pbegin, name) for name in self._node_sets}
        rows = {name: self._read_edges(pbegin, name) for name in plan.edge_sets()}
        seed_rows = self._read_seeds(pbegin)
        seed_set = plan.seed_node_set
        named: dict[str, dict[str, Any]] = {name: {} for name in self._node_sets}
        named[seed_set][_SEEDS] = seed_rows.ids
        for name, part in rows.items():
            named[self.empty.edge_sets[name].target][f"targets of {name}"] = part.targets
        missing = self._check(_TARGETS, nodes, named)
        named = {name: {} for name in self._node_sets}
        adjacency, slices = {}, {}
        for name, part in rows.items():
            source = self.empty.edge_sets[name].source
            blocks = self.blocks_of(source)
            grouped = {"blocks": part.rows | f"Group edges {name}" >> beam.GroupByKey()}
            if part.cut is not None:
                grouped["slices"] = part.cut
            built = {
                kind: groups
                | f"Build {kind} {name}"
                >> beam.FlatMap(_build, name, blocks, missing).with_outputs(
                    "sources", main="blocks"
                )
                for kind, groups in grouped.items()
            }
            adjacency[name] = typed(built["blocks"].blocks)
            slices[name] = typed(built["slices"].blocks) if "slices" in built else None
            if source in named:
                parts = [typed(part.sources) for part in built.values()]
                named[source][f"sources of {name}"] = _united(parts, f"Sources of {name}")
        checked = self._check("Sources", nodes, named)
        seeds = (
            (seed_rows.rows, self._every_shard(pbegin))
            | "All shards" >> beam.Flatten()
            | "Shard" >> beam.GroupByKey()
            | "Number seeds"
            >> beam.FlatMap(_number, self.blocks_of(seed_set), missing).with_outputs(
                "reached", main=_SEEDS
            )
        )
        requests = {plan.seed_op: typed(seeds.reached)}
        tags = {_SEEDS: typed(seeds[_SEEDS])}
        for op, operation in zip(plan.ops, sampler.operations, strict=True):
            wanted = _united([requests[name] for name in op.inputs], f"Unite {op.name}")
            blocks = self.blocks_of(operation.target)
            hubs, sliced = rows[op.edge_set].hubs, slices[op.edge_set]
            outputs = []
            if sliced is not None:
                diverted = wanted | f"Divert {op.name}" >> beam.FlatMap(
                    divert, hubs, len(self.names)
                ).with_outputs("hubs", main="usual")
                wanted = typed(diverted.usual)
                drawing = HubDrawing(op, operation.timed, plan.seed, self.epoch)
                outputs.append(
                    (sliced, typed(diverted.hubs))
                    | f"Draw hubs {op.name}" >> DrawHubs(drawing, hubs, len(self.names), blocks)
                )
            outputs.append(
                {"edges": adjacency[op.edge_set], "requests": wanted}
                | f"Meet {op.name}" >> beam.CoGroupByKey()
                | f"Draw {op.name}"
                >> beam.FlatMap(
                    _draw, Drawing(op, operation.timed, plan.seed, self.epoch), blocks
                ).with_outputs("reached", main="replies")
            )
            reached = [typed(part.reached) for part in outputs]
            replied = [typed(part.replies) for part in outputs]
            requests[op.name] = _united(reached, f"Reached {op.name}")
            tags[f"o:{op.name}"] = _united(replied, f"Replies {op.name}")
        for name in self._node_sets if self.inline else ():
            leading = [requests[plan.seed_op]] if name == seed_set else []
            leading += [requests[op.name] for op in sampler.operations if op.target == name]
            tags[f"n:{name}"] = (
                {_NODES: nodes[name].rows, "requests": _united(leading, f"Want nodes {name}")}
                | f"Meet nodes {name}" >> beam.CoGroupByKey()
                | f"Look up nodes {name}" >> beam.FlatMap(_join_nodes).with_output_types(Block)
            )
        assemble = _Assemble(
            plan,
            self._schema.SerializeToString(),
            self._tables,
            self.names,
            self.labels if self.inline else (),
            self.inline,
        )
        return tags | "Gather" >> beam.CoGroupByKey() | "Assemble" >> beam.Map(assemble, checked)

    def store(self, pbegin: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The nodes of each set in groups of one block, and what a `FeatureStore` must know."""
        groups, described = {}, {}
        for name in self._node_sets:
            empty, blocks = self.empty.node_sets[name], self.blocks_of(name)
            if not empty.features and not empty.times:
                continue
            none = pbegin | f"No {name}" >> beam.Create(
                [(0, pack(_no_nodes(self.empty, name)))], reshuffle=False
            ).with_output_types(Block)
            nodes = self._read_nodes(pbegin, name).rows
            rows = (nodes, none) | f"All {name}" >> beam.Flatten()
            groups[name] = rows | f"Store {name}" >> beam.GroupByKey()
            known = {n: f.known_at for n, f in empty.features.items() if f.known_at is not None}
            labels = list(self.labels) if name == self.plan.seed_node_set else []
            described[name] = {"blocks": blocks, "known_at": known, "labels": labels}
        return groups, described

    @property
    def _node_sets(self) -> tuple[str, ...]:
        return self.sampler.layout.node_sets

    def _read_seeds(self, pbegin: Any) -> _Rows:
        source, columns = self._sources[_SEEDS], self.columns
        if not self.sampler.timed:
            columns = dataclasses.replace(columns, time=None)
        rows = (
            pbegin
            | "Seeds" >> _Read(source, columns.columns)
            | "Place seeds"
            >> beam.FlatMap(
                _seed_rows,
                source.table,
                columns,
                self.sampler.timed,
                self.shards,
                self.blocks_of(self.plan.seed_node_set),
            ).with_outputs("ids", main="rows")
        )
        return _Rows(typed(rows.rows), ids=typed(rows.ids))

    def _every_shard(self, pbegin: Any) -> Any:
        """Every shard has a file, be it empty."""
        empty = [(shard, b"") for shard in range(len(self.names))]
        return pbegin | "Shards" >> beam.Create(empty, reshuffle=False).with_output_types(Block)

    def _read_edges(self, pbegin: Any, name: str) -> _Rows:
        source, edge_set = self._sources[name], self.empty.edge_sets[name]
        column = self._column(name, f"sources of {name}")
        read = f"Edges {name}" >> _Read(source, source.table.edge_columns())
        place = [source.table, self.blocks_of(edge_set.source), self.blocks_of(edge_set.target)]
        hubs = None
        if source.most_rows > self.hub_edges:
            found = (
                pbegin
                | f"Sources {name}" >> _Read(source, [column])
                | f"Source ids {name}" >> beam.Map(_column_ids, column)
                | f"Find hubs {name}" >> FindHubs(self.hub_edges)
            )
            hubs = beam.pvalue.AsIter(found)
            place.append(hubs)
        rows = (
            pbegin
            | read
            | f"Place edges {name}"
            >> beam.FlatMap(_edge_rows, *place).with_outputs("targets", "hubs", main="rows")
        )
        cut = None
        if hubs is not None:
            cut = typed(rows.hubs) | f"Cut hubs {name}" >> CutHubs(self.hub_edges)
        return _Rows(typed(rows.rows), targets=typed(rows.targets), hubs=hubs, cut=cut)

    def _read_nodes(self, pbegin: Any, name: str) -> _Rows:
        source = self._sources[name]
        rows = (
            pbegin
            | f"Nodes {name}" >> _Read(source, source.table.node_columns())
            | f"Place nodes {name}"
            >> beam.FlatMap(_node_rows, source.table, self.blocks_of(name)).with_outputs(
                "ids", main="rows"
            )
        )
        return _Rows(typed(rows.rows), ids=typed(rows.ids))

    def _check(
        self, label: str, nodes: Mapping[str, _Rows], named: Mapping[str, Mapping[str, Any]]
    ) -> Any:
        """Compares the ids that tables name with the nodes; returns those that are missing."""
        missing = []
        for name, tags in named.items():
            if not tags:
                continue
            places = {_NODES: (self._sources[name], self._column(name, _NODES))}
            for tag in tags:
                table = tag.rpartition(" of ")[2]
                places[tag] = (self._sources[table], self._column(table, tag))
            check = beam.FlatMap(_check_ids, name, places, self.drop, label == _TARGETS)
            missing.append(
                {_NODES: nodes[name].ids, **tags}
                | f"{label} meet {name}" >> beam.CoGroupByKey()
                | f"{label} check {name}" >> check.with_output_types(tuple[str, bytes])
            )
        return beam.pvalue.AsIter(_united(missing, f"{label} missing"))

    def _column(self, table: str, tag: str) -> str:
        """The column of a table that holds the ids a tag stands for."""
        if tag == _SEEDS:
            return self.columns.id
        if tag == _NODES:
            return NodeColumns.of(self._schema.node_sets[table]).id
        columns = EdgeColumns.of(self._schema.edge_sets[table])
        return columns.source if tag.startswith("sources") else columns.target


@dataclasses.dataclass(frozen=True)
class _Rows:
    """A table's rows in blocks, the ids to compare with others, and its hubs, cut in slices."""

    rows: Any
    ids: Any = None
    targets: Any = None
    hubs: Any = None
    cut: Any = None


def _united(parts: list[Any], label: str) -> Any:
    return parts[0] if len(parts) == 1 else parts | label >> beam.Flatten()


def read_text(path: str) -> str:
    """A text file on any of Beam's file systems."""
    with _open(path) as file:
        return str(file.read().decode())


def _read_schema(path: str) -> GraphSchema:
    return parse_schema(read_text(path), path) if "://" in path else read_schema(path)


def read_samples(pbegin: Any, directory: str) -> Any:
    """The examples of a finished sampling job, as a collection of bytes.

    Raises:
      ValueError: There is no manifest.
    """
    path = FileSystems.join(directory, MANIFEST)
    if not FileSystems.exists(path):
        raise ValueError(
            f"`{directory}` must hold the samples of a finished job. Got no {MANIFEST} in it."
        )
    files = json.loads(read_text(path))["files"]
    names = [FileSystems.join(directory, item["name"]) for item in files]
    return pbegin | beam.Create(names) | beam.io.ReadAllFromTFRecord()


__all__ = ["SampleSubgraphs", "SampledShard", "WriteSamples", "read_samples", "read_text"]
