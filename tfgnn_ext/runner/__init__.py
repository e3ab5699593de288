"""Running: one YAML file, its stages, the run directory, the report.

Names load when they are used, so that a command starts with what it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfgnn_ext.runner.input_error import InputError

if TYPE_CHECKING:
    from tfgnn_ext.runner.check_run import check_run
    from tfgnn_ext.runner.config import RunConfig
    from tfgnn_ext.runner.embed_nodes import embed_nodes
    from tfgnn_ext.runner.infer_schema_text import infer_schema_text
    from tfgnn_ext.runner.load_config import LoadedConfig, load_config
    from tfgnn_ext.runner.progress import Progress
    from tfgnn_ext.runner.run import run
    from tfgnn_ext.runner.write_samples import write_samples

_HOMES = {
    "LoadedConfig": "load_config",
    "Progress": "progress",
    "RunConfig": "config",
    "check_run": "check_run",
    "embed_nodes": "embed_nodes",
    "infer_schema_text": "infer_schema_text",
    "load_config": "load_config",
    "run": "run",
    "write_samples": "write_samples",
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
    "write_samples",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
