"""The graph and the seeds that a config names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph import (
    Graph,
    GraphSchema,
    LinkSeeds,
    Seeds,
    datasets,
    find_files,
    ids_alone,
    propagate_features,
    propagate_labels,
    read_schema,
    read_table,
    without_identity,
)
from tfgnn_ext.graph.columns import to_ids
from tfgnn_ext.runner.check_plan import check_plan, endpoints
from tfgnn_ext.runner.config import NegativesConfig, RunConfig
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.loaded_config import LoadedConfig
from tfgnn_ext.runner.run_directory import RunDirectory

if TYPE_CHECKING:
    from tfgnn_ext.sampling import NegativeSampler

NEGATIVES = "negatives"  # Begins the names of the tables of hard negatives that a run keeps.


@dataclasses.dataclass(frozen=True)
class Data:
    """What a run learns from."""

    graph: Graph
    seeds: Seeds | LinkSeeds
    negatives: NegativeSampler | None = None
    dropped_negatives: int = 0


def schema_of(loaded: LoadedConfig) -> tuple[GraphSchema, str]:
    """The schema and the seeds' node set, without reading any table of the user's.

    Raises:
      InputError: There is no such schema, or the data set cannot be had.
    """
    data = loaded.config.data
    key = "schema" if data.dataset is None else "dataset"
    try:
        if data.dataset is not None:
            return datasets.schema(data.dataset, _own(loaded))
        assert data.schema_ is not None
        assert data.seeds is not None
        return read_schema(loaded.path(data.schema_)), data.seeds.node_set
    except (ValueError, OSError) as error:
        place = loaded.source.where(("data", key))
        raise InputError([f"{place}: `data.{key}`: {error}"]) from None


def _own(loaded: LoadedConfig) -> Path | None:
    """Where the user's own files of a data set are."""
    path = loaded.config.data.path
    return None if path is None else loaded.path(path)


def check_config(loaded: LoadedConfig) -> None:
    """Checks all of a config that can be checked without reading tables.

    Raises:
      InputError: With one line a mistake.
    """
    schema, node_set = schema_of(loaded)
    problems = []
    if node_set not in schema.node_sets:
        problems.append(
            f"{loaded.source.where(('data', 'seeds', 'node_set'))}: `data.seeds.node_set` must be "
            f"one of {', '.join(sorted(schema.node_sets)) or 'none'}. Got {node_set!r}."
        )
    else:
        problems += _link_problems(loaded, schema, node_set) or check_plan(loaded, schema, node_set)
    if problems:
        raise InputError(problems)


def _link_problems(loaded: LoadedConfig, schema: GraphSchema, node_set: str) -> list[str]:
    """What of `data.seeds.link` does not fit the schema."""
    link, where = loaded.config.link, loaded.source.where
    if link is None:
        return []
    if link.node_set not in schema.node_sets:
        return [
            f"{where(('data', 'seeds', 'link', 'node_set'))}: `data.seeds.link.node_set` must be "
            f"one of {', '.join(sorted(schema.node_sets))}. Got {link.node_set!r}."
        ]
    try:
        link.build().validate(node_set, endpoints(schema))
        for part in link.negatives:
            part.build().validate(node_set, link.build(), endpoints(schema))
    except ValueError as error:
        return [f"{where(('data', 'seeds', 'link'))}: `data.seeds.link`: {error}"]
    return []


def read_data(loaded: LoadedConfig) -> Data:
    """Reads and checks the tables; a data set by name comes from its cache.

    Raises:
      InputError: With one line a problem.
    """
    data = loaded.config.data
    try:
        if data.dataset is not None:
            found = datasets.load(data.dataset, path=_own(loaded), split=data.split)
            return _prepared(loaded, Data(found.graph, found.seeds))
        assert data.schema_ is not None
        graph = Graph.read(loaded.path(data.schema_))
        seeds = _seeds(loaded, graph, _read_seeds_table(loaded, graph))
        return _prepared(loaded, Data(graph, seeds))
    except (ValueError, OSError) as error:
        raise InputError(getattr(error, "problems", None) or [str(error)]) from None


def changes_graph(config: RunConfig, schema: GraphSchema, node_set: str) -> bool:
    """Whether models see another graph than the tables hold.

    Args:
      config: What is asked for.
      schema: The tables'.
      node_set: The seeds'.
    """
    bare = config.task.of_graphs and not schema.node_sets[node_set].features
    return bare or config.data.propagate is not None or bool(config.data.latent)


def _prepared(loaded: LoadedConfig, data: Data) -> Data:
    """The data with what `data.propagate` adds, without what `data.latent` and the task take."""
    graph, seeds, config = data.graph, data.seeds, loaded.config.data
    if isinstance(seeds, LinkSeeds):
        return _with_negatives(loaded, ids_alone(graph, config.latent), seeds, loaded.folder)
    if config.propagate is not None:
        hops, edge_sets = config.propagate.hops, config.propagate.edge_sets
        graph = propagate_features(graph, seeds.node_set, hops=hops, edge_sets=edge_sets)
        if config.propagate.labels:
            graph = propagate_labels(
                graph, seeds, hops=config.propagate.label_hops or hops, edge_sets=edge_sets
            )
    if loaded.config.task.of_graphs:
        graph = without_identity(graph, seeds.node_set)
    if seeds.node_set in config.latent:
        raise ValueError(
            f"`data.latent` must not name the seeds' node set. Got {seeds.node_set!r}."
        )
    return Data(ids_alone(graph, config.latent) if config.latent else graph, seeds)


def _read_seeds_table(loaded: LoadedConfig, graph: Graph) -> pa.Table:
    """The columns that the config names, of the table that it names."""
    config = loaded.config.data.seeds
    assert config is not None
    strings = [config.id] if graph.node_sets[config.node_set].ids.dtype.kind == "S" else []
    table = read_table(loaded.path(config.table), strings=strings).table
    link = config.link
    if link is not None and graph.node_sets[link.node_set].ids.dtype.kind == "S":
        strings.append(link.target)
    columns = [
        config.id,
        *loaded.config.labels,
        config.split,
        *([config.time] if config.time else []),
    ]
    columns += [] if link is None else [link.target, *link.columns]
    return table.select([name for name in dict.fromkeys(columns) if name in table.column_names])


def _seeds(loaded: LoadedConfig, graph: Graph, table: pa.Table) -> Seeds | LinkSeeds:
    config = loaded.config.data.seeds
    assert config is not None
    if config.link is not None:
        return _pairs(loaded, graph, table)
    return Seeds.from_table(
        graph,
        table,
        node_set=config.node_set,
        id=config.id,
        time=config.time,
        label=loaded.config.labels,
        split=config.split,
        target=loaded.config.task.target,
    )


def _pairs(loaded: LoadedConfig, graph: Graph, table: pa.Table) -> LinkSeeds:
    config, task = loaded.config.data.seeds, loaded.config.task
    assert config is not None
    assert config.link is not None
    return LinkSeeds.from_table(
        graph,
        table,
        node_sets=(config.node_set, config.link.node_set),
        source=config.id,
        target=config.link.target,
        time=config.time,
        label=loaded.config.labels or None,
        split=config.split,
        columns=config.link.columns,
        labels="link" if task.type == "link_prediction" else task.target,
    )


def _with_negatives(
    loaded: LoadedConfig, graph: Graph, seeds: LinkSeeds, folder: Path, *, kept: bool = False
) -> Data:
    """The pairs with the negatives that are drawn for them.

    Args:
      loaded: The config.
      graph: The graph.
      seeds: Pairs.
      folder: Of a run that kept the tables of hard negatives, if it did.
      kept: Whether it did.
    """
    link, sampling = loaded.config.link, loaded.config.sampling
    assert link is not None
    assert sampling is not None
    if not link.negatives:
        return Data(graph, seeds)
    from tfgnn_ext.sampling import NegativeSampler

    tables = {}
    for part in link.negatives:
        if part.table is not None:
            path = folder / f"{NEGATIVES}-{part.name}.parquet" if kept else loaded.path(part.table)
            tables[part.name] = _hard_negatives(part, graph, seeds.node_sets, path)
    sampler = NegativeSampler(
        graph,
        sampling.build(seeds.node_set, link.build()),
        [part.build() for part in link.negatives],
        tables=tables,
    )
    every, dropped = sampler.add_to(seeds, policy=link.policy)
    return Data(graph, every, sampler, dropped)


def _hard_negatives(
    part: NegativesConfig, graph: Graph, node_sets: tuple[str, str], path: Path
) -> npt.NDArray[np.int64]:
    """The rows of the pairs that a user's table of hard negatives lists, ``[num_pairs, 2]``."""
    ends = (part.source, part.target)
    strings = [
        column
        for column, name in zip(ends, node_sets, strict=True)
        if graph.node_sets[name].ids.dtype.kind == "S"
    ]
    table = read_table(path, strings=strings).table
    rows = []
    for column, name in zip(ends, node_sets, strict=True):
        if column not in table.column_names:
            raise ValueError(
                f"{path}: must have a column {column!r}. "
                f"Got columns {', '.join(table.column_names)}."
            )
        try:
            rows.append(graph.node_sets[name].rows(to_ids(table[column])))
        except ValueError as error:
            raise ValueError(f"{path}: column {column!r}: {error}") from None
    return np.stack(rows, axis=1)


def data_fingerprint(loaded: LoadedConfig) -> Any:
    """What changes when the data do: a data set's version, or each file's size and time.

    Raises:
      InputError: A file is not there, or the data set's package.
    """
    data = loaded.config.data
    try:
        if data.dataset is not None:
            version = datasets.version(data.dataset, _own(loaded))
            return {"dataset": data.dataset, "version": version, "split": data.split}
        return [[path.name, *_stamp(path)] for path in sorted(set(_files(loaded)))]
    except (ValueError, OSError) as error:
        raise InputError(getattr(error, "problems", None) or [str(error)]) from None


def _files(loaded: LoadedConfig) -> Iterator[Path]:
    data = loaded.config.data
    assert data.schema_ is not None
    assert data.seeds is not None
    path = loaded.path(data.schema_)
    yield path
    yield from find_files(loaded.path(data.seeds.table))
    for part in data.seeds.link.negatives if data.seeds.link is not None else ():
        if part.table is not None:
            yield from find_files(loaded.path(part.table))
    schema, _ = schema_of(loaded)
    for message in (*schema.node_sets.values(), *schema.edge_sets.values()):
        if message.metadata.filename:
            yield from find_files(path.parent / message.metadata.filename)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def keep_data(loaded: LoadedConfig, data: Data, directory: RunDirectory) -> None:
    """Writes ``graph/`` and ``seeds.parquet`` of a run that reads tables of its own."""
    table = _read_seeds_table(loaded, data.graph)
    with directory.replacing("seeds.parquet") as partial:
        pq.write_table(table, partial)
    link = loaded.config.link
    for part in [] if link is None else link.negatives:
        if part.table is not None:
            with directory.replacing(f"{NEGATIVES}-{part.name}.parquet") as partial:
                pq.write_table(read_table(loaded.path(part.table)).table, partial)
    with directory.replacing("graph") as partial:
        data.graph.save(partial)


def reopen_data(loaded: LoadedConfig, directory: Path) -> Data:
    """Opens what `keep_data` wrote; the graph is memory-mapped."""
    graph = Graph.load(directory / "graph")
    seeds = _seeds(loaded, graph, pq.read_table(directory / "seeds.parquet"))
    if isinstance(seeds, LinkSeeds):
        return _with_negatives(loaded, graph, seeds, directory, kept=True)
    return Data(graph, seeds)
