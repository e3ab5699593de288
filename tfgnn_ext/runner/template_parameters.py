"""The parameters of a model template, read from its source without importing TensorFlow."""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path
from typing import Any, Literal

import pydantic

_TYPES = {"int": int, "float": float, "str": str, "bool": bool, "Literal": Literal, "tuple": tuple}


@functools.cache
def _folder() -> Path:
    spec = importlib.util.find_spec("tfgnn_ext.models")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def template_names() -> tuple[str, ...]:
    """The templates: functions named like their file in `tfgnn_ext.models`."""
    return tuple(
        sorted(path.stem for path in _folder().glob("[a-z]*.py") if _function(path) is not None)
    )


def _function(path: Path) -> ast.FunctionDef | None:
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef) and statement.name == path.stem:
            return statement
    return None


@functools.cache
def template_parameters(name: str) -> type[pydantic.BaseModel]:
    """A pydantic model of a template's keyword arguments, with its types and defaults.

    Args:
      name: One of `template_names`.

    >>> sorted(template_parameters("seed_attention")().model_dump())[:2]
    ['dropout', 'id_dropout']
    """
    function = _function(_folder() / f"{name}.py")
    if name not in template_names() or function is None:
        raise ValueError(f"`name` must be one of {', '.join(template_names())}. Got {name!r}.")
    fields: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        assert argument.annotation is not None, f"{name}: {argument.arg} has no type"
        kind = eval(ast.unparse(argument.annotation), {"__builtins__": {"None": None}}, _TYPES)
        fields[argument.arg] = (kind, ... if default is None else ast.literal_eval(default))
    config = pydantic.ConfigDict(extra="forbid", strict=False)
    return pydantic.create_model(name, __config__=config, **fields)
