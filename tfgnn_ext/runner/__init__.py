"""Running: one YAML file, its stages, the run directory, the report.

Names load when they are used, so that a command starts with what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfgnn_ext.runner.input_error import InputError

if TYPE_CHECKING:
    from tfgnn_ext.runner.checking import check_run
    from tfgnn_ext.runner.config import RunConfig
    from tfgnn_ext.runner.embedding import embed_nodes
    from tfgnn_ext.runner.loaded_config import LoadedConfig, load_config
    from tfgnn_ext.runner.progress import Progress
    from tfgnn_ext.runner.running import run
    from tfgnn_ext.runner.sample_engines import sample_with
    from tfgnn_ext.runner.sample_files import write_samples
    from tfgnn_ext.runner.schema_inference import infer_schema_text

_HOMES = {
    "LoadedConfig": "loaded_config",
    "Progress": "progress",
    "RunConfig": "config",
    "check_run": "checking",
    "embed_nodes": "embedding",
    "infer_schema_text": "schema_inference",
    "load_config": "loaded_config",
    "run": "running",
    "sample_with": "sample_engines",
    "write_samples": "sample_files",
}

__all__ = [
    "InputError",
    "LoadedConfig",
    "Progress",
    "RunConfig",
    "check_run",
    "embed_nodes",
    "infer_schema_text",
    "load_config",
    "run",
    "sample_with",
    "write_samples",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
