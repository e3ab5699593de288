"""A directory of arrays: one .npy file each, a manifest of their types, shapes and checksums.

A directory appears whole or not at all: it is written under a temporary name, flushed to the disk,
and renamed. Arrays are memory-mapped when read.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MANIFEST = "manifest.json"
Array = npt.NDArray[Any]


class ArrayWriter:
    """Writes arrays into a directory, in the order of the calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.described: list[dict[str, Any]] = []

    def write(self, array: Array) -> int:
        """Writes one array and returns its number."""
        number = len(self.described)
        array = np.ascontiguousarray(array)
        path = self.directory / f"{number:04d}.npy"
        with open(path, "wb") as file:
            np.save(file, array, allow_pickle=False)
            _flush(file.fileno())
        self.described.append(
            {
                "bytes": path.stat().st_size,
                "dtype": array.dtype.str,
                "shape": list(array.shape),
                "crc32": _checksum(array),
            }
        )
        return number

    def finish(self, manifest: dict[str, Any]) -> None:
        """Writes the manifest."""
        with open(self.directory / MANIFEST, "w", encoding="utf-8") as file:
            json.dump({**manifest, "arrays": self.described}, file, indent=1)
            file.flush()
            _flush(file.fileno())


class ArrayReader:
    """Reads what `ArrayWriter` wrote.

    Args:
      directory: The directory.
      format: The format number that the manifest must have.
      verify: Whether to compare checksums, which reads every byte.

    Raises:
      ValueError: No such directory, another format, or a missing or damaged file.
    """

    def __init__(self, directory: Path, format: int, *, verify: bool = False) -> None:
        self.directory, self.verify = directory, verify
        path = directory / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(
                f"`{directory}` must be a saved graph. Got no {MANIFEST} in it."
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: must be JSON. Got: {error}") from None
        found = manifest.get("format") if isinstance(manifest, dict) else None
        if found != format:
            raise ValueError(
                f"`{directory}` must have format {format}. Got format {found}: build it anew."
            )
        self.manifest: dict[str, Any] = manifest
        for number, described in enumerate(manifest["arrays"]):
            self._check_size(directory / f"{number:04d}.npy", described["bytes"])

    def read(self, number: int) -> Array:
        """Maps one array."""
        path = self.directory / f"{number:04d}.npy"
        described = self.manifest["arrays"][number]
        expected = np.dtype(described["dtype"]), tuple(described["shape"])
        try:
            array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, SyntaxError, EOFError, tokenize.TokenError) as error:
            raise ValueError(f"{path}: must be an array file. Got: {error}") from None
        if (array.dtype, array.shape) != expected:
            raise ValueError(
                f"{path}: must hold {expected[0]} of shape {list(expected[1])}. "
                f"Got {array.dtype} of shape {list(array.shape)}."
            )
        array = array.view(np.ndarray)  # Spares callers a subclass of ndarray.
        if self.verify:
            checksum = _checksum(array)
            if checksum != described["crc32"]:
                raise ValueError(
                    f"{path}: must have checksum {described['crc32']}. Got {checksum}."
                )
        return array

    @staticmethod
    def _check_size(path: Path, expected: int) -> None:
        size = path.stat().st_size if path.is_file() else -1
        if size != expected:
            found = "no such file" if size < 0 else f"{size} bytes"
            raise ValueError(f"{path}: must have {expected} bytes. Got {found}.")


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """A temporary directory that takes the place of `directory` if the block succeeds.

    Raises:
      ValueError: `directory` holds other things than a saved graph.
    """
    if directory.exists() and not (
        directory.is_dir() and ((directory / MANIFEST).is_file() or not any(directory.iterdir()))
    ):
        raise ValueError(
            f"`{directory}` must be a new or empty directory, or a saved graph to replace. "
            "Got other files."
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    replaced = partial.with_name(f"{partial.name}.replaced")
    try:
        yield partial
        flush_directory(partial)
        if directory.exists():
            os.rename(directory, replaced)
        os.rename(partial, directory)
        flush_directory(directory.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def flush_directory(directory: Path) -> None:
    """Flushes a directory's entries to the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _checksum(array: Array) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data) if array.nbytes else 0


def _flush(handle: int) -> None:
    os.fsync(handle)
