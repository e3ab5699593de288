"""TFRecord files without TensorFlow, with a sidecar of record offsets for random access."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import google_crc32c
import numpy as np
import numpy.typing as npt

_HEADER = 12  # uint64 length, uint32 masked CRC of it; a uint32 masked CRC follows the payload.


def _masked_crc(payload: bytes) -> int:
    crc = int(google_crc32c.value(payload))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def offsets_path(path: str | os.PathLike[str]) -> Path:
    """The sidecar of a TFRecord file: little-endian int64 offsets, the file's size last."""
    return Path(f"{os.fspath(path)}.offsets")


def frame(record: bytes) -> bytes:
    """A record as it stands in a file: its length and its payload, each with its checksum."""
    length = struct.pack("<Q", len(record))
    checksums = (struct.pack("<I", _masked_crc(part)) for part in (length, record))
    return length + next(checksums) + record + next(checksums)


def write_records(path: str | os.PathLike[str], records: Iterable[bytes]) -> int:
    """Writes a TFRecord file and its offsets; both appear whole or not at all.

    Args:
      path: The file. An existing one is replaced.
      records: The payloads.

    Returns:
      The number of records.
    """
    final, sidecar = Path(path), offsets_path(path)
    partial, partial_sidecar = Path(f"{final}.partial"), Path(f"{sidecar}.partial")
    offsets = [0]
    try:
        with open(partial, "wb") as file:
            for record in records:
                offsets.append(offsets[-1] + file.write(frame(record)))
            file.flush()
            os.fsync(file.fileno())
        np.asarray(offsets, "<i8").tofile(partial_sidecar)
        # A file without its sidecar is readable, one with another's is not.
        sidecar.unlink(missing_ok=True)
        os.replace(partial, final)
        os.replace(partial_sidecar, sidecar)
    finally:
        partial.unlink(missing_ok=True)
        partial_sidecar.unlink(missing_ok=True)
    return len(offsets) - 1


class RecordFile:
    """A TFRecord file whose records can be read in any order.

    Args:
      path: The file. Without a sidecar of offsets, the file is scanned once.

    Raises:
      ValueError: The file is truncated, or a checksum does not match; the record is named.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        sidecar = offsets_path(path)
        size = self.path.stat().st_size
        if sidecar.exists():
            offsets: npt.NDArray[np.int64] = np.fromfile(sidecar, "<i8")
            if not len(offsets) or offsets[-1] != size:
                raise ValueError(
                    f"{sidecar} must end with the size of {self.path.name}, {size}. "
                    f"Got {offsets[-1] if len(offsets) else 'an empty file'}."
                )
        else:
            offsets = np.asarray(list(self._scan(size)), np.int64)
        self.offsets = offsets

    def _scan(self, size: int) -> Iterator[int]:
        position = record = 0
        yield position
        with open(self.path, "rb") as file:
            while position < size:
                file.seek(position)
                header = file.read(_HEADER)
                position += _HEADER + self._length(header, record) + 4
                if position > size:
                    raise ValueError(
                        f"{self.path} must hold whole records. Got record {record} cut short."
                    )
                yield position
                record += 1

    def _length(self, header: bytes, record: int) -> int:
        if len(header) < _HEADER or struct.unpack("<I", header[8:])[0] != _masked_crc(header[:8]):
            raise ValueError(
                f"{self.path} must be a TFRecord file. Got a corrupt header at record {record}."
            )
        return int(struct.unpack("<Q", header[:8])[0])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def read(self, indices: Iterable[int]) -> list[bytes]:
        """The payloads of the records at `indices`."""
        payloads = []
        with open(self.path, "rb") as file:
            for index in indices:
                file.seek(int(self.offsets[index]))
                header = file.read(_HEADER)
                length = self._length(header, index)
                payload = file.read(length)
                checksum = file.read(4)
                if len(checksum) < 4 or struct.unpack("<I", checksum)[0] != _masked_crc(payload):
                    raise ValueError(
                        f"{self.path} must be a TFRecord file. Got a corrupt record {index}."
                    )
                payloads.append(payload)
        return payloads

    def __iter__(self) -> Iterator[bytes]:
        for index in range(len(self)):
            yield from self.read([index])
