"""Reads .npz archives, pickled members too, without running what is in them."""

from __future__ import annotations

import os
import tokenize
import zipfile
import zlib
from typing import Any

import numpy as np

from tfgnn_ext.graph.datasets.plain_pickle import load_plain
from tfgnn_ext.graph.files import open_file

# zipfile's own, those of what it cannot read, pyarrow's where it seeks before the file, and NumPy's
# of headers, which are Python text.
ARCHIVE_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class ArrayArchive:
    """The arrays of an .npz file, by name.

    Args:
      path: The file.

    Raises:
      ValueError: It is no .npz file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            with open_file(path) as file, zipfile.ZipFile(file) as archive:
                self.names = frozenset(
                    name.removesuffix(".npy") for name in archive.namelist() if name[-4:] == ".npy"
                )
        except ARCHIVE_ERRORS as error:
            raise ValueError(f"{self.path}: must be an .npz file. Got: {error}.") from None

    def read(self, name: str) -> Any:
        """One array; of an array that holds one object, that object: see `load_plain`.

        Raises:
          ValueError: There is no such array, or it is damaged.
        """
        if name not in self.names:
            known = ", ".join(sorted(self.names)) or "none"
            raise ValueError(f"{self.path}: must hold array {name!r}. Got arrays {known}.")
        where = f"{self.path}, array {name!r}"
        try:
            with (
                open_file(self.path) as file,
                zipfile.ZipFile(file) as archive,
                archive.open(f"{name}.npy") as member,
            ):
                version = np.lib.format.read_magic(member)
                header = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, fortran, dtype = header(member)
                if not dtype.hasobject:
                    content = np.frombuffer(member.read(), dtype)
                    return content.reshape(shape, order="F" if fortran else "C")
                value = load_plain(member.read(), where)
        except ARCHIVE_ERRORS as error:
            if str(error).startswith(where):
                raise
            raise ValueError(f"{where}: must be an array. Got: {error}.") from None
        return value[0] if shape == () and isinstance(value, list) and value else value
