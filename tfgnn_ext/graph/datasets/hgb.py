"""Reads the format of the Heterogeneous Graph Benchmark: ACM, DBLP, IMDB, Freebase.

A folder or .zip of tab-separated files: ``node.dat`` (id, name, type[, features]), ``link.dat``
(source, target, type[, weight]), ``label.dat`` and ``label.dat.test`` (id, name, type, labels), and
``info.dat``, JSON that says what the types are called.

Source: Lv et al., "Are we really making much progress?", KDD 2021.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from tfgnn_ext.graph.datasets.array_archive import ARCHIVE_ERRORS
from tfgnn_ext.graph.datasets.graph_tables import FEATURE, Tables, vectors
from tfgnn_ext.graph.files import open_file
from tfgnn_ext.graph.schema import declare_feature, new_schema

_FILES = ("node.dat", "link.dat", "label.dat", "label.dat.test", "info.dat")


def read_hgb(path: str | os.PathLike[str]) -> Tables:
    """Reads a heterogeneous graph.

    Node sets and edge sets take their names from ``info.dat`` (``paper``, ``paper_cite_paper``),
    else from their numbers (``node_0``, ``link_0``). A node keeps its number as its id; its name is
    left out. Edges with weights other than 1 carry the feature ``#weight``.

    Args:
      path: The folder, or the .zip.

    Returns:
      The schema, and the tables of all sets and of the seeds: columns id, label (a class, or a list
      of classes where a node has several) and split ("train" or "test"; `choose_split` takes the
      validation nodes from "train").

    Raises:
      ValueError: A file is missing or damaged, or the files disagree.
    """
    files = _read_files(os.fspath(path))
    where = os.fspath(path)
    info = _info(files.get("info.dat"), f"{where}, info.dat")
    types, ids, features = _nodes(files["node.dat"], f"{where}, node.dat")
    schema = new_schema()
    schema.info.graph_type = 1  # FULL
    names = {kind: info["nodes"].get(kind, f"node_{kind}") for kind in sorted(features)}
    _distinct(names, f"{where}, info.dat")
    tables: dict[str, pa.Table] = {}
    for kind, name in names.items():
        columns: dict[str, Any] = {"id": ids[types == kind]}
        message = schema.node_sets[name]
        message.metadata.filename = f"{name}.parquet"
        message.metadata.cardinality = len(columns["id"])
        rows = features[kind]
        if rows is not None:
            columns[FEATURE] = vectors(rows)
            declare_feature(message, FEATURE, "DT_FLOAT", (rows.shape[1],))
        tables[name] = pa.table(columns)
    kind_of = dict(zip(ids.tolist(), types.tolist(), strict=True))
    links = _links(files["link.dat"], f"{where}, link.dat")
    taken = dict(names)
    for kind in np.unique(links["type"]).tolist():
        chosen = links["type"] == kind
        part = {column: values[chosen] for column, values in links.items()}
        ends = []
        for role in ("source", "target"):
            found = {kind_of.get(node) for node in np.unique(part[role]).tolist()}
            if len(found) != 1 or None in found:
                raise ValueError(
                    f"{where}, link.dat: links of type {kind} must have {role}s of one node type. "
                    f"Got {', '.join(sorted(map(str, found)))}."
                )
            ends.append(names[found.pop()])  # type: ignore[index]
        name = info["links"].get(kind, f"link_{kind}")
        if name in taken.values():
            name = f"{name}_{kind}"
        taken[-1 - kind] = name
        message = schema.edge_sets[name]
        message.source, message.target = ends
        message.metadata.filename = f"{name}.parquet"
        message.metadata.cardinality = len(part["source"])
        columns = {"source": part["source"], "target": part["target"]}
        if np.any(part["weight"] != 1):
            columns["#weight"] = part["weight"].astype(np.float32)
            declare_feature(message, "#weight", "DT_FLOAT")
        tables[name] = pa.table(columns)
    seeds, kind = _seeds(files, kind_of, info["labels"], where)
    schema.info.root_set.append(names[kind])
    tables["seeds"] = seeds
    return schema, tables


def _read_files(path: str) -> dict[str, bytes]:
    """The files' content; of a .zip, those in its one folder too."""
    found: dict[str, bytes] = {}
    try:
        if os.path.isdir(path):
            for name in _FILES:
                if (Path(path) / name).is_file():
                    found[name] = (Path(path) / name).read_bytes()
        else:
            with open_file(path) as file, zipfile.ZipFile(file) as archive:
                for member in archive.namelist():
                    name = member.rpartition("/")[2]
                    if name in _FILES:
                        found[name] = archive.read(member)
    except ARCHIVE_ERRORS as error:
        raise ValueError(
            f"{path}: must be a folder or .zip of HGB's files. Got: {error}."
        ) from None
    for name in _FILES[:4]:
        if name not in found:
            raise ValueError(f"{path}: must hold {name}. Got {', '.join(found) or 'none'}.")
    return found


def _info(content: bytes | None, where: str) -> dict[str, dict[int, str]]:
    try:
        read = {} if content is None else json.loads(content)
        part = {key: read.get(key, {}) for key in ("node.dat", "link.dat", "label.dat")}
        nodes = {int(k): str(v) for k, v in part["node.dat"].get("node type", {}).items()}
        links = {
            int(k): re.sub(r"\W+", "_", str(v["meaning"])).strip("_")
            for k, v in part["link.dat"].get("link type", {}).items()
            if str(v.get("meaning", ""))
        }
        labels: dict[int, str] = {}
        for classes in part["label.dat"].get("node type", {}).values():
            labels |= {int(k): str(v) for k, v in classes.items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"{where}: must be HGB's JSON of types. Got: {error}.") from None
    return {"nodes": nodes, "links": links, "labels": labels}


def _distinct(names: Mapping[int, str], where: str) -> None:
    if len(set(names.values())) < len(names):
        raise ValueError(f"{where}: node types must have names of their own. Got one twice.")


def _lines(content: bytes, where: str, fewest: int) -> list[list[str]]:
    rows = []
    for number, line in enumerate(content.decode(errors="replace").split("\n"), 1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) < fewest:
            raise ValueError(f"{where}:{number}: must have {fewest} fields. Got {len(fields)}.")
        rows.append(fields)
    return rows


def _nodes(
    content: bytes, where: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], dict[int, npt.NDArray[np.float32] | None]]:
    """The type and id of each node; each type's features in that order, None without."""
    lines = _lines(content, where, 3)
    try:
        ids = np.array([int(fields[0]) for fields in lines], np.int64)
        types = np.array([int(fields[2]) for fields in lines], np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{where}: ids and types must be ints. Got: {error}.") from None
    features: dict[int, npt.NDArray[np.float32] | None] = {}
    for kind in np.unique(types).tolist():
        texts = [
            lines[row][3] if len(lines[row]) > 3 else "" for row in np.flatnonzero(types == kind)
        ]
        features[kind] = None if not any(texts) else _matrix(texts, f"{where}, type {kind}")
    return types, ids, features


def _matrix(texts: list[str], where: str) -> npt.NDArray[np.float32]:
    try:
        rows = [np.array(text.split(","), np.float32) for text in texts]
    except ValueError as error:
        raise ValueError(f"{where}: features must be numbers. Got: {error}.") from None
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise ValueError(f"{where}: features must be of one number. Got {widths[:4]}.")
    return np.stack(rows)


def _links(content: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    names = ["source", "target", "type", "weight"]
    fields = len(content.split(b"\n", 1)[0].split(b"\t"))
    try:
        table = pa.csv.read_csv(
            io.BytesIO(content),
            read_options=pa.csv.ReadOptions(column_names=names[:fields]),
            parse_options=pa.csv.ParseOptions(delimiter="\t", quote_char=False),
            # A type field may be padded with blanks.
            convert_options=pa.csv.ConvertOptions(column_types={"type": pa.string()}),
        )
        part = {
            "source": np.asarray(table["source"].cast(pa.int64())),
            "target": np.asarray(table["target"].cast(pa.int64())),
            "type": np.array([int(text) for text in table["type"].to_pylist()], np.int64),
        }
        weights = table["weight"].cast(pa.float32()) if "weight" in table.column_names else None
    except (pa.ArrowException, ValueError, KeyError, OverflowError) as error:
        shown = " ".join(str(error).split())
        raise ValueError(f"{where}: must hold rows of numbers. Got: {shown}.") from None
    part["weight"] = np.ones(len(table)) if weights is None else np.asarray(weights)
    return part


def _seeds(
    files: Mapping[str, bytes],
    kind_of: Mapping[int, int],
    classes: Mapping[int, str],
    where: str,
) -> tuple[pa.Table, int]:
    ids: list[int] = []
    labels: list[list[str]] = []
    splits: list[str] = []
    for file, split in (("label.dat", "train"), ("label.dat.test", "test")):
        for fields in _lines(files[file], f"{where}, {file}", 4):
            try:
                ids.append(int(fields[0]))
                labels.append([classes.get(int(k), k) for k in fields[3].split(",")])
            except ValueError as error:
                raise ValueError(f"{where}, {file}: must hold numbers. Got: {error}.") from None
            splits.append(split)
    kinds = {kind_of.get(node) for node in ids}
    if len(kinds) != 1 or None in kinds:
        found = ", ".join(sorted(map(str, kinds))) or "none"
        raise ValueError(f"{where}: labels must be of nodes of one type. Got types {found}.")
    if len(set(ids)) < len(ids):
        raise ValueError(f"{where}: a node must have one row of labels. Got one twice.")
    several = any(len(some) > 1 for some in labels)
    column = labels if several else [some[0] for some in labels]
    return pa.table({"id": ids, "label": column, "split": splits}), kinds.pop()  # type: ignore
