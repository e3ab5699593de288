"""The columns that a baseline learns from."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import Graph, Ragged, Seeds
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.loaded_config import LoadedConfig

Columns = dict[str, npt.NDArray[Any]]
_MOST_CATEGORIES = 255  # Of scikit-learn's histogram-based trees.


def own_columns(graph: Graph, seeds: Seeds) -> Columns:
    """The seeds' own features that are known from the start.

    Args:
      graph: The graph.
      seeds: The seeds.

    Returns:
      By name, ``[num_seeds]``: floats (NaN where missing) are numbers, ints categories. Strings of
      more than 255 values become numbers: how often each occurs in the node set. Of a ragged
      feature, the length of its list.
    """
    columns: Columns = {}
    for name, feature in graph.node_sets[seeds.node_set].features.items():
        if feature.known_at is not None:
            continue
        values = feature.values[seeds.rows]
        if isinstance(values, Ragged):
            columns[f"{name}.length"] = values.lengths.astype(np.float32)
            continue
        if feature.vocabulary is not None:
            if len(feature.vocabulary) > _MOST_CATEGORIES:
                counts = np.bincount(feature.values.reshape(-1), minlength=len(feature.vocabulary))
                values = counts[values].astype(np.float32)
        else:
            values = values.astype(np.float32)
        flat = values.reshape(len(values), -1)
        for index in range(flat.shape[1]):
            columns[name if flat.shape[1] == 1 else f"{name}.{index}"] = flat[:, index]
    if not columns:
        columns["constant"] = np.zeros(len(seeds), np.float32)
    return columns


def columns_function(loaded: LoadedConfig, name: str) -> tuple[Callable[..., Columns], str]:
    """Loads ``file.py:function``, relative to the config.

    Args:
      loaded: The config that names it.
      name: As in the config.

    Returns:
      The function, from graph and seeds to columns as `own_columns` makes them, and its file's
      text.

    Raises:
      InputError: There is no such file or function.
    """
    where = f"{loaded.source.where(('baseline', 'features'))}: `baseline.features`"
    file, _, function = name.partition(":")
    path = loaded.path(file)
    if not file.endswith(".py") or not function:
        raise InputError([f"{where} must be `file.py:function`. Got {name!r}."])
    if not path.is_file():
        raise InputError([f"{where} must name a file beside the config. Got no {path}."])
    spec = importlib.util.spec_from_file_location(f"_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError([f"{where} must name a file that runs. Got: {error!r}."]) from error
    if not callable(getattr(module, function, None)):
        raise InputError([f"{where} must name a function of {path.name}. Got {function!r}."])
    found: Callable[..., Columns] = getattr(module, function)
    return found, path.read_text(encoding="utf-8")


def columns_source(loaded: LoadedConfig) -> str | None:
    """The text of the file that makes the columns: another text, another baseline."""
    config = loaded.config.baseline
    if config is None or config.features is None:
        return None
    return columns_function(loaded, config.features)[1]
