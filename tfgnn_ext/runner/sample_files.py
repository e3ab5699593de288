"""Writes samples to files: what TF-GNN's own tools, or another machine, can train on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import SPLITS, LinkSeeds, Seeds, write_schema
from tfgnn_ext.runner.check_seeds import check_seeds
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.data import check_config
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.nearest import did_you_mean
from tfgnn_ext.runner.progress import Advance, Progress
from tfgnn_ext.runner.run_directory import RunDirectory, remove
from tfgnn_ext.runner.running import open_run
from tfgnn_ext.sampling import sample_schema, write_examples, write_records

_BATCH = 256


def write_samples(
    config: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    split: str = "all",
    limit: int | None = None,
    shards: int = 1,
    progress: Progress | None = None,
) -> int:
    """Samples seeds; writes ``<split>-00000-of-00001.tfrecord`` and ``schema.pbtxt``.

    Args:
      config: A YAML file, or the directory of a run.
      out: The directory, which must not exist; it appears whole or not at all.
      overrides: As for `run`.
      split: A split, or "all".
      limit: Only so many seeds of each split.
      shards: Files a split; a seed's place does not change its sample.
      progress: Where to say what is done; default: standard error.

    Returns:
      The number of samples.

    Raises:
      InputError: The config, the data or the directory cannot be used.
    """
    final, progress = Path(out), progress or Progress()
    if split not in (*SPLITS, "all"):
        choices = (*SPLITS, "all")
        raise InputError(
            [f"--split: must be one of {', '.join(choices)}. Got {split!r}."
             f"{did_you_mean(split, choices)}"]
        )  # fmt: skip
    if final.exists():
        raise InputError([f"{final}: must not exist. Got a file or directory."])
    loaded, _ = open_run(config, overrides=overrides)
    check_config(loaded)
    context = Context(loaded, RunDirectory.nowhere(), progress)
    check_seeds(context)
    names = [name for name in SPLITS if split in (name, "all")]
    parts = {name: context.data.seeds.split(name) for name in names}
    parts = {
        name: part.take(range(min(limit or len(part), len(part)))) for name, part in parts.items()
    }
    total = sum(map(len, parts.values()))
    if not total:
        raise InputError([f"--split: must be of a split with seeds. Got {split!r}."])
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        schema = sample_schema(context.sampler, readout=_readout(context.data.seeds))
        write_schema(schema, partial / "schema.pbtxt")
        with progress.counting("seeds", total) as advance:
            for name, part in parts.items():
                for shard in range(shards if len(part) else 0):
                    begin, end = (len(part) * k // shards for k in (shard, shard + 1))
                    path = partial / f"{name}-{shard:05d}-of-{shards:05d}.tfrecord"
                    write_records(path, _examples(context, part, begin, end, advance))
        partial.chmod(0o755)
        os.rename(partial, final)
    finally:
        remove(partial)
    return total


def _readout(seeds: Seeds | LinkSeeds) -> dict[str, npt.NDArray[Any]] | None:
    """Of pairs, what samples say of them: their label, a class as its number, and columns."""
    if isinstance(seeds, Seeds):
        return None
    labels = seeds.labels.astype(np.float32)
    if labels.ndim == 1 or labels.shape[1] == 1:
        return {"label": labels.reshape(-1), **seeds.columns}
    several = {f"label.{name}": labels[:, k] for k, name in enumerate(seeds.classes)}
    return {**several, **seeds.columns}


def _examples(
    context: Context, seeds: Seeds | LinkSeeds, begin: int, end: int, advance: Advance
) -> Iterator[bytes]:
    for start in range(begin, end, _BATCH):
        part = seeds.take(range(start, min(start + _BATCH, end)))
        batch = context.sampler.sample(part.rows, part.times)
        yield from write_examples(context.data.graph, batch, readout=_readout(part))
        advance(len(part))
