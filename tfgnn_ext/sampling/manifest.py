"""The manifest of sampled files: it is written last, so that it stands for a finished job alone.

A job that failed, or is still under way, may leave files of samples behind, but no manifest. Read
the files through `sampled_files`, which refuses what no manifest vouches for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MANIFEST = "manifest.json"
FORMAT = 1
_PERCENTILES = (0, 50, 90, 99, 100)
Counts = Mapping[str, Mapping[int, int]]


def sampled_files(directory: str | os.PathLike[str]) -> list[Path]:
    """The TFRecord files of a finished job, in the order of their names.

    Args:
      directory: Where the job wrote, on the local file system.

    Raises:
      ValueError: There is no manifest, or a file has not the size that it names.
    """
    folder = Path(directory)
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(
            f"`{folder}` must hold the samples of a finished job. Got no {MANIFEST} in it."
        )
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("format") != FORMAT:
        raise ValueError(f"{path}: must have format {FORMAT}. Got {manifest.get('format')}.")
    files = []
    for described in manifest["files"]:
        file = folder / described["name"]
        size = file.stat().st_size if file.is_file() else -1
        if size != described["bytes"]:
            found = "no such file" if size < 0 else f"{size} bytes"
            raise ValueError(f"{file}: must have {described['bytes']} bytes. Got {found}.")
        files.append(file)
    return files


def count_sizes(sizes: Iterable[npt.NDArray[np.integer]]) -> dict[int, int]:
    """How often each size occurs."""
    values, counts = np.unique(np.concatenate([[], *sizes]).astype(np.int64), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def describe_sizes(parts: Iterable[Counts]) -> dict[str, dict[str, float]]:
    """Mean and percentiles of sizes, from how often each occurs in each part.

    >>> describe_sizes([{"paper": {1: 1}}, {"paper": {1: 2, 5: 1}}])["paper"]["mean"]
    2.0
    """
    totals: dict[str, dict[int, int]] = {}
    for part in parts:
        for name, counts in part.items():
            total = totals.setdefault(name, {})
            for size, count in counts.items():
                total[size] = total.get(size, 0) + count
    described = {}
    for name, total in sorted(totals.items()):
        values = np.array(sorted(total), np.int64)
        often = np.array([total[value] for value in values.tolist()], np.int64)
        number = int(often.sum())
        if not number:
            continue
        # The smallest size that at least this share of the components does not exceed.
        ranks = np.ceil(np.array(_PERCENTILES) / 100 * number).clip(1, number)
        found = values[np.searchsorted(np.cumsum(often), ranks)]
        described[name] = {
            "mean": round(float((values * often).sum() / number), 3),
            **{f"p{p}": int(value) for p, value in zip(_PERCENTILES, found, strict=True)},
        }
    return described


def encode_manifest(fields: Mapping[str, Any]) -> bytes:
    """The manifest's bytes: the same fields, the same bytes."""
    return json.dumps({"format": FORMAT, **fields}, indent=1, sort_keys=True).encode() + b"\n"
