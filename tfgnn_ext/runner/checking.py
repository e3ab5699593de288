"""Checks a run before it is started."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfgnn_ext.runner.baseline_columns import columns_source
from tfgnn_ext.runner.check_seeds import check_seeds
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.counting import count
from tfgnn_ext.runner.data import check_config
from tfgnn_ext.runner.progress import Progress
from tfgnn_ext.runner.run_directory import RunDirectory
from tfgnn_ext.runner.running import open_run


def check_run(
    config: str | os.PathLike[str], *, overrides: Sequence[str] = (), tables: bool = True
) -> str:
    """Checks the config, the schema and, if asked to, the tables; writes nothing.

    Args:
      config: A YAML file, or the directory of a run.
      overrides: As for `run`.
      tables: Whether to read the tables too.

    Returns:
      What is there, on one line.

    Raises:
      InputError: With one line a problem.
    """
    loaded, _ = open_run(config, overrides=overrides)
    check_config(loaded)
    context = Context(loaded, RunDirectory.nowhere(), Progress(quiet=True))
    columns_source(loaded)
    sampling = loaded.config.sampling
    mode = "full-graph mode" if sampling is None else f"{len(sampling.ops)} operations"
    if not tables:
        return f"{loaded.source.name}: ok (config and schema; {mode})"
    check_seeds(context)
    counts = count(context.data)
    nodes = sum(part["nodes"] for part in counts["node_sets"].values())
    edges = sum(part["edges"] for part in counts["edge_sets"].values())
    return (
        f"{loaded.source.name}: ok ({nodes:,} nodes, {edges:,} edges, "
        f"{len(context.data.seeds):,} seeds, {mode})"
    )
