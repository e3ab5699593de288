"""Public names that load when they are used, so that importing a room is cheap."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

_EXTRAS = {"apache_beam": "beam"}


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` for names that its own modules define.

    Args:
      package: The package, ``__name__``.
      homes: From each name to the module that defines it, relative to the package. A name that is
        also that of a module of the package stands for that module, which would hide all else.

    Returns:
      The function to bind to ``__getattr__`` (PEP 562).
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = importlib.import_module(f".{homes[name]}", package)
            return module if homes[name] == name else getattr(module, name)
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise ImportError(
                f"`{name}` of `{package}` needs the extra {extra}: "
                f"pip install 'tfgnn-ext[{extra}]'."
            ) from None

    return load
