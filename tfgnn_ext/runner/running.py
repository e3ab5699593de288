"""A run: from a config to the files of its run directory."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Sequence
from pathlib import Path

import yaml

from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.data import check_config
from tfgnn_ext.runner.environment import environment
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.loaded_config import LoadedConfig, load_config
from tfgnn_ext.runner.progress import Progress
from tfgnn_ext.runner.run_directory import RunDirectory
from tfgnn_ext.runner.stage import run_stages

RESOLVED = "config.resolved.yaml"


def run(
    config: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    until: str | None = None,
    redo: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Does a config's stages, or those that its directory lacks.

    Args:
      config: A YAML file, or the directory of a run, to go on with.
      out: The run directory; default: the config's `output`, else ``runs/`` and its name.
      overrides: ``dotted.key=value`` in place of what the config says.
      until: The last stage to do; default: all.
      redo: Whether to remove and do again what was made from other inputs.
      progress: Where to say what is done; default: standard error.

    Returns:
      The run directory.

    Raises:
      InputError: The config, the data or the directory cannot be used.
    """
    from tfgnn_ext.runner.stages import stages_of

    loaded, directory_path = open_run(config, out=out, overrides=overrides)
    check_config(loaded)
    directory = RunDirectory(directory_path)
    about = environment()
    notes = {
        RESOLVED: yaml.safe_dump(loaded.resolved(), sort_keys=False),
        "environment.json": json.dumps(about, indent=2) + "\n",
    }
    context = Context(loaded, directory, progress or Progress(), notes=notes)
    directory.log("run started", environment=about)
    try:
        run_stages(stages_of(context), context, until=until, redo=redo)
        directory.log("run finished")
    except BaseException as error:
        # The command shows one line of it.
        where = None if isinstance(error, InputError) else traceback.format_exc()
        directory.log("run failed", error=f"{type(error).__name__}: {error}", traceback=where)
        raise
    finally:
        directory.close()
    return directory_path


def open_run(
    config: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
) -> tuple[LoadedConfig, Path]:
    """Reads the config of a run and says where the run is; see `run`."""
    path = Path(config)
    if path.is_dir():
        if not (path / RESOLVED).is_file():
            raise InputError([f"{path}: must be a config or the directory of a run. Got neither."])
        return load_config(path / RESOLVED, overrides), Path(out) if out else path
    loaded = load_config(path, overrides)
    return loaded, Path(out or loaded.config.output or Path("runs") / path.stem)
