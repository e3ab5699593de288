"""Packages that only some functions need."""

from __future__ import annotations

import importlib
from typing import Any


def optional_package(name: str, function: str, install: str | None = None) -> Any:
    """Imports a package.

    Args:
      name: What to import.
      function: Who needs it, for the error.
      install: What pip calls it, if otherwise.

    Raises:
      ValueError: It is not installed.

    >>> optional_package("nothing", "to_nowhere")
    Traceback (most recent call last):
    ValueError: `to_nowhere` must have the package nothing (pip install nothing). Got none.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        install = install or name
        raise ValueError(
            f"`{function}` must have the package {install} (pip install {install}). Got none."
        ) from None
