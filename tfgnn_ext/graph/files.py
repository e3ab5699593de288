"""The files of a table: finding them by path, glob or shards, and opening them.

`open_file` is the one place that opens a table's file; other file systems come in here.
"""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

_SHARDED = re.compile(r"^(?P<stem>.*)@(?P<count>\d+)$")


def open_file(path: str | os.PathLike[str]) -> Any:
    """Opens a file for reading bytes, with random access."""
    return pa.OSFile(os.fspath(path), "rb")


def find_files(pattern: str | os.PathLike[str]) -> list[Path]:
    """The files of a table, sorted by name.

    Args:
      pattern: A path, a glob (``nodes-*.parquet``) or shards (``nodes.parquet@4``, which stands for
        ``nodes-00000-of-00004.parquet`` or ``nodes.parquet-00000-of-00004`` and so on).

    Raises:
      FileNotFoundError: Nothing matches, or a shard is missing.
    """
    text = os.fspath(pattern)
    sharded = _SHARDED.match(text)
    if sharded:
        return _find_shards(text, Path(sharded["stem"]), int(sharded["count"]))
    if glob.has_magic(text) and not os.path.isfile(text):
        found = [Path(name) for name in sorted(glob.glob(text)) if os.path.isfile(name)]
    else:
        found = [Path(text)] if os.path.isfile(text) else []
    if not found:
        raise FileNotFoundError(f"`{text}` must match a file. Got none.")
    return found


def _find_shards(text: str, stem: Path, count: int) -> list[Path]:
    found = []
    for index in range(count):
        shard = f"{index:05d}-of-{count:05d}"
        names = [Path(f"{stem}-{shard}"), stem.with_name(f"{stem.stem}-{shard}{stem.suffix}")]
        existing = [name for name in names if name.is_file()]
        if not existing:
            raise FileNotFoundError(
                f"`{text}` must have all its shards. Got no {names[1].name} in {stem.parent}."
            )
        found.append(existing[0])
    if not found:
        raise FileNotFoundError(f"`{text}` must have at least one shard. Got @{count}.")
    return found
