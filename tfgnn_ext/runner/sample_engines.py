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
    policy: str = "error",
    features: str = "inline",
    beam_options: str = "",
) -> int | None:
    """Samples a config's seeds with an engine other than the in-memory one.

    Args:
      engine: "beam".
      config, out, overrides, split, shards: As for `write_samples`.
      limit: Must be None.
      policy: What to do with invalid rows: "error", or "drop" them and count them.
      features: "inline" in every sample, or "once" beside samples of ids.
      beam_options: Beam's options, as one writes them on a command line.

    Returns:
      The number of samples, where it is known.

    Raises:
      InputError: An option does not fit, or Beam is not installed.
    """
    if engine != "beam":
        given = {"--policy": policy != "error", "--features": features != "inline"}
        given["--beam-options"] = bool(beam_options)
        named = " and ".join(name for name, is_given in given.items() if is_given)
        more = f" with {named}" if engine == "memory" and named else ""
        raise InputError([f"--engine: must be beam{more} or memory. Got {engine!r}."])
    for option, value, choices in (
        ("--policy", policy, ("error", "drop")),
        ("--features", features, ("inline", "once")),
    ):
        if value not in choices:
            raise InputError([f"{option}: must be {' or '.join(choices)}. Got {value!r}."])
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
        policy=policy,
        features=features,
        beam_options=shlex.split(beam_options),
    )
    return count
