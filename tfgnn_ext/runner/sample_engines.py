"""Engines that write samples, beside the in-memory one."""

from __future__ import annotations

import importlib
import os
import shlex
from collections.abc import Sequence

from tfgnn_ext.runner.input_error import InputError


def sample_with(
    engine: str,
    config: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    split: str = "all",
    limit: int | None = None,
    shards: int = 1,
    beam_options: str = "",
) -> int | None:
    """Samples a config's seeds with an engine other than the in-memory one.

    Args:
      engine: "beam".
      config, out, overrides, split, shards: As for `write_samples`.
      limit: Must be None.
      beam_options: Beam's options, as one writes them on a command line.

    Returns:
      The number of samples, where it is known.

    Raises:
      InputError: An option does not fit, or Beam is not installed.
    """
    if engine != "beam":
        more = " with --beam-options" if engine == "memory" else ""
        raise InputError([f"--engine: must be beam{more} or memory. Got {engine!r}."])
    if limit is not None:
        raise InputError([f"--limit: must be left out with --engine beam. Got {limit}."])
    try:
        module = importlib.import_module("tfgnn_ext.runner.beam")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "apache_beam":
            raise
        raise InputError(
            ["--engine beam needs the extra beam: pip install 'tfgnn-ext[beam]'."]
        ) from None
    count: int | None = module.sample_on_beam(
        config,
        out,
        overrides=overrides,
        split=split,
        shards=shards,
        beam_options=shlex.split(beam_options),
    )
    return count
