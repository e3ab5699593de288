"""The parameters of a model template, read from its source: importing it would load TensorFlow."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pydantic

_TYPES = {"int": int, "float": float, "str": str, "bool": bool, "tuple": tuple, "Literal": Literal}


@functools.cache
def _folder() -> Path:
    spec = importlib.util.find_spec("tfgnn_ext.models")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def template_names() -> tuple[str, ...]:
    """The templates: what `tfgnn_ext.models` exports beside its constants.

    Each is a function of a spec, named like its file.
    """
    for statement in ast.parse((_folder() / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            names = ast.literal_eval(statement.value)
            return tuple(name for name in names if name.islower())
    raise AssertionError("`tfgnn_ext.models` has no `__all__`")


def _function(name: str) -> ast.FunctionDef:
    path = _folder() / f"{name}.py"
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            return statement
    raise AssertionError(f"{path} has no function of its name")


@functools.cache
def template_parameters(name: str) -> type[pydantic.BaseModel]:
    """A pydantic model of a template's keyword arguments, with their types and defaults.

    Args:
      name: One of `template_names`.

    Raises:
      ValueError: No such template.

    >>> template_parameters("seed_attention")(units=32).units
    32
    """
    if name not in template_names():
        raise ValueError(
            f"`name` of `model` must be one of {', '.join(template_names())}. Got {name!r}."
        )
    function = _function(name)
    fields: dict[str, Any] = {}
    texts = _argument_texts(ast.get_docstring(function) or "")
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        assert argument.annotation is not None, f"`{argument.arg}` of `{name}` has no type"
        kind = eval(ast.unparse(argument.annotation), {"__builtins__": {}}, dict(_TYPES))
        fields[argument.arg] = (
            kind,
            pydantic.Field(
                ... if default is None else ast.literal_eval(default),
                description=texts.get(argument.arg, ""),
            ),
        )
    config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    return pydantic.create_model(name, __config__=config, **fields)


def _argument_texts(docstring: str) -> dict[str, str]:
    r"""What a docstring in Google's form says of each argument.

    >>> _argument_texts("Makes it.\n\nArgs:\n  units: The\n    width.\n  seed: Of it.\n")
    {'units': 'The width.', 'seed': 'Of it.'}
    """
    section = re.search(r"^Args:\n((?: +.*\n?|\n)*)", docstring, re.MULTILINE)
    texts: dict[str, str] = {}
    name = ""
    for line in section[1].splitlines() if section else ():
        start = re.match(r"  (\w+): (.*)", line)
        if start:
            name, texts[start[1]] = start[1], start[2]
        elif name and line.startswith("    "):
            texts[name] += f" {line.strip()}"
    return texts


def load_template(name: str) -> Callable[..., Any]:
    """The template itself; loads TensorFlow."""
    template: Callable[..., Any] = getattr(
        importlib.import_module(f"tfgnn_ext.models.{name}"), name
    )
    return template
