"""Loads a data set by name, from a cache of saved graphs."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tfgnn_ext.graph import storage
from tfgnn_ext.graph.dataset import Dataset
from tfgnn_ext.graph.datasets import flights
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.schema import GraphSchema
from tfgnn_ext.graph.seeds import Seeds


@dataclasses.dataclass(frozen=True)
class _Source:
    """Where a data set comes from: its fingerprint, its tables, the columns of its seeds."""

    version: Callable[[], str]
    tables: Callable[[], tuple[GraphSchema, dict[str, pa.Table]]]
    node_set: str
    time: str | None


_SOURCES = {
    "flights": _Source(
        flights.version, lambda: flights.build_tables(flights.read_raw()), "flight", "time"
    ),
}
NAMES = tuple(_SOURCES)


def cache_directory() -> Path:
    """Where prepared data sets are kept: $TFGNN_EXT_CACHE, else ~/.cache/tfgnn-ext."""
    chosen = os.environ.get("TFGNN_EXT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "tfgnn-ext"


def load(name: str) -> Dataset:
    """Loads a data set; the first time it is built and cached.

    Args:
      name: One of `NAMES`.

    Raises:
      ValueError: No such data set, its source is not installed, or the cache is damaged.
    """
    if name not in _SOURCES:
        raise ValueError(f"`name` of `load` must be one of {', '.join(NAMES)}. Got {name!r}.")
    source = _SOURCES[name]
    directory = cache_directory() / f"{name}-{source.version()}-{storage.FORMAT}"
    if not directory.is_dir():
        _build(source, directory)
    graph = Graph.load(directory / "graph")
    table = pa.parquet.read_table(directory / "seeds.parquet")
    return Dataset(
        graph, Seeds.from_table(graph, table, node_set=source.node_set, time=source.time)
    )


def _build(source: _Source, directory: Path) -> None:
    schema, tables = source.tables()
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        Graph.from_tables(schema, tables).save(partial / "graph")
        pa.parquet.write_table(tables["seeds"], partial / "seeds.parquet")
        try:
            os.rename(partial, directory)
        except OSError:
            if not directory.is_dir():
                raise  # Otherwise another process was first, with the same content.
    finally:
        shutil.rmtree(partial, ignore_errors=True)
