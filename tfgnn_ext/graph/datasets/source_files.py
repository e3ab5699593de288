"""The files of a data set: from a folder of the user's, else downloaded, in both cases checked."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceFiles:
    """Where the files of a data set lie.

    Attributes:
      folder: What the folder of the files is called.
      url: The address they are downloaded from, up to their names.
      sha256: By name, each file's checksum.
    """

    folder: str
    url: str
    sha256: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """Twelve digits that change with the content of any file."""
        text = "".join(f"{name}={value};" for name, value in sorted(self.sha256.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def find(self, cache: Path) -> Path:
        """The folder that holds all files, each of them checked.

        That is ``$TFGNN_EXT_DATA/<folder>`` if it is there. Otherwise files are downloaded into
        ``<cache>/downloads/<folder>``, once.

        Raises:
          ValueError: A file is missing or has another checksum, or a download failed.
        """
        given = os.environ.get("TFGNN_EXT_DATA")
        folder = Path(given) / self.folder if given else None
        if folder is not None and folder.is_dir():
            for name, expected in self.sha256.items():
                _check(folder / name, expected)
            return folder
        folder = cache / "downloads" / self.folder
        for name, expected in self.sha256.items():
            self._download(folder, name, expected)
        return folder

    def _download(self, folder: Path, name: str, expected: str) -> None:
        pooch = _pooch()
        downloader = pooch.HTTPDownloader(timeout=60)
        try:
            pooch.retrieve(
                f"{self.url}/{name}", f"sha256:{expected}", name, folder, downloader=downloader
            )
        except Exception as error:  # requests' errors, pooch's checksum, the disk's.
            raise ValueError(
                f"`{self.url}/{name}` must be reachable and unchanged, or $TFGNN_EXT_DATA name a "
                f"folder with {self.folder}/{name}. Got {type(error).__name__}: "
                f"{' '.join(str(error).split())[:100]}"
            ) from None


def _check(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ValueError(f"`{path}` must be a file. Got no such file.")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(f"{path}: must have sha256 {expected}. Got {found}.")


def _pooch() -> Any:
    try:
        import pooch
    except ImportError:
        raise ValueError(
            "data sets from the web must have the package pooch (pip install 'tfgnn-ext[data]'), "
            "or $TFGNN_EXT_DATA name a folder that holds them. Got neither."
        ) from None
    return pooch
