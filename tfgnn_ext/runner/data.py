"""The graph and the seeds that a config names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfgnn_ext.graph import (
    Graph,
    GraphSchema,
    Seeds,
    datasets,
    find_files,
    ids_alone,
    propagate_features,
    propagate_labels,
    read_schema,
    read_table,
)
from tfgnn_ext.runner.check_plan import check_plan
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.loaded_config import LoadedConfig
from tfgnn_ext.runner.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class Data:
    """What a run learns from."""

    graph: Graph
    seeds: Seeds


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
        problems += check_plan(loaded, schema, node_set)
    if problems:
        raise InputError(problems)


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


def _prepared(loaded: LoadedConfig, data: Data) -> Data:
    """The data with what `data.propagate` adds, without what `data.latent` takes away."""
    graph, seeds, config = data.graph, data.seeds, loaded.config.data
    if config.propagate is not None:
        how: dict[str, Any] = {
            "hops": config.propagate.hops,
            "edge_sets": config.propagate.edge_sets,
        }
        graph = propagate_features(graph, seeds.node_set, **how)
        if config.propagate.labels:
            graph = propagate_labels(graph, seeds, **how)
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
    labels = [config.label] if isinstance(config.label, str) else config.label
    columns = [config.id, *labels, config.split, *([config.time] if config.time else [])]
    return table.select([name for name in dict.fromkeys(columns) if name in table.column_names])


def _seeds(loaded: LoadedConfig, graph: Graph, table: pa.Table) -> Seeds:
    config = loaded.config.data.seeds
    assert config is not None
    return Seeds.from_table(
        graph,
        table,
        node_set=config.node_set,
        id=config.id,
        time=config.time,
        label=config.label,
        split=config.split,
        target=loaded.config.task.target,
    )


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
    with directory.replacing("graph") as partial:
        data.graph.save(partial)


def reopen_data(loaded: LoadedConfig, directory: Path) -> Data:
    """Opens what `keep_data` wrote; the graph is memory-mapped."""
    graph = Graph.load(directory / "graph")
    return Data(graph, _seeds(loaded, graph, pq.read_table(directory / "seeds.parquet")))
