"""Files on any of Beam's file systems: local paths, ``gs://`` and the others it knows."""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from tfgnn_ext.graph import GraphSchema, find_files, parse_schema
from tfgnn_ext.graph import read_schema as read_local_schema
from tfgnn_ext.sampling.manifest import MANIFEST


def open_file(path: str) -> Any:
    """Opens a file as it is, without unpacking what its name calls compressed."""
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def files_of(pattern: str) -> list[tuple[str, int]]:
    """The files of a table, each with its size.

    Args:
      pattern: A path, a glob, or a name with its number of shards, such as ``edges.parquet@64``.

    Raises:
      FileNotFoundError: There is none, or not as many as the name says.
    """
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


def relative_to(folder: str, name: str) -> str:
    """A file's path, whose name may be relative to a folder."""
    if "://" in name or os.path.isabs(name) or not folder:
        return name
    return FileSystems.join(folder, name) if "://" in folder else str(Path(folder) / name)


def read_text(path: str) -> str:
    """A text file."""
    with open_file(path) as file:
        return str(file.read().decode())


def read_schema(path: str) -> GraphSchema:
    """A schema's file."""
    return parse_schema(read_text(path), path) if "://" in path else read_local_schema(path)


def write_file(path: str, pieces: Iterable[bytes]) -> int:
    """Writes a file that appears whole or not at all; returns its size."""
    folder, _, name = path.rpartition("/")
    partial = f"{folder}/.{name}.{uuid.uuid4().hex}.partial"
    size = 0
    try:
        with FileSystems.create(
            partial, "application/octet-stream", compression_type=CompressionTypes.UNCOMPRESSED
        ) as file:
            for piece in pieces:
                file.write(piece)
                size += len(piece)
        FileSystems.rename([partial], [path])
    except BaseException:
        with contextlib.suppress(Exception):  # What ends the job is the first error.
            FileSystems.delete([partial])
        raise
    return size


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
