"""Stages: what each reads, what it writes, and whether it must be done (again)."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfgnn_ext import __version__
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.run_directory import finite, remove


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a run.

    Attributes:
      name: Unique.
      check: Raises what can be known to be wrong before any stage of the run is done.
      work: Does it; what it returns is kept with the stage's record and logged.
      outputs: What it leaves in the run directory: names of files and directories.
      keys: The dotted keys of the config that it reads.
      after: The stages whose outputs it reads.
      packages: The packages that it needs and whose versions matter.
      extra: This package's extra that installs them.
      also: Whatever else it reads, as JSON.
      partial: What an interrupted attempt leaves that the next one goes on from.
    """

    name: str
    work: Callable[[Context], Mapping[str, Any] | None]
    outputs: tuple[str, ...]
    keys: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    check: Callable[[Context], None] = lambda context: None
    extra: str = "train"
    also: Callable[[Context], Any] = lambda context: None
    partial: tuple[str, ...] = ()


def run_stages(
    stages: Sequence[Stage], context: Context, *, until: str | None = None, redo: bool = False
) -> None:
    """Does what is not done yet, in order.

    A stage is skipped if its outputs exist and were made from the same inputs: the same values of
    its config keys, versions of packages, and inputs of the stages before it. Outputs made from
    other inputs are never mixed in: it is an error, or, with `redo`, they are removed.

    Args:
      stages: Each after those it reads.
      context: The config and the directory.
      until: The last stage to do; default: all.
      redo: Whether to do again what was made from other inputs.

    Raises:
      InputError: The directory holds results made from other inputs.
    """
    inputs = _inputs(stages, context)
    _settle(inputs, context, redo)
    names = [stage.name for stage in stages]
    last = len(stages) if until is None else names.index(until) + 1
    _need_packages(stages[:last])
    done = [_is_done(stage, context) for stage in stages[:last]]
    for stage, skipped in zip(stages, done, strict=False):
        if not skipped:
            stage.check(context)
    for number, (stage, skipped) in enumerate(zip(stages, done, strict=False), start=1):
        if skipped:
            context.progress.skip(stage.name, number, last)
            continue
        _do(stage, inputs[stage.name], context, number, last)


def _is_done(stage: Stage, context: Context) -> bool:
    done = context.directory.records.get(stage.name, {}).get("done", False)
    return bool(done) and all(context.directory.has(name) for name in stage.outputs)


def _do(stage: Stage, inputs: Any, context: Context, number: int, last: int) -> None:
    directory = context.directory
    for name in stage.outputs:
        if name not in stage.partial and directory.has(name):
            remove(directory.path / name)
    directory.log("stage started", stage=stage.name)
    left = [*stage.outputs, *stage.partial]
    if stage.partial:  # From here on the directory may hold a part of it.
        directory.record(stage.name, {"inputs": inputs, "left": left, "done": False})
    with context.progress.stage(stage.name, number, last):
        start = time.monotonic()
        found = dict(stage.work(context) or {})
        seconds = round(time.monotonic() - start, 3)
    context.write_notes()
    missing = [name for name in stage.outputs if not directory.has(name)]
    if missing:
        raise RuntimeError(f"Stage {stage.name} must write {', '.join(missing)}. It did not.")
    directory.record(
        stage.name,
        {"inputs": inputs, "left": left, "done": True, "seconds": seconds, "found": found},
    )
    directory.log("stage finished", stage=stage.name, seconds=seconds, **found)


def _need_packages(stages: Sequence[Stage]) -> None:
    problems = []
    for stage in stages:
        missing = [name for name, version in _versions(stage.packages).items() if version is None]
        if missing:
            problems.append(
                f"stage `{stage.name}`: must have {', '.join(missing)} installed "
                f"(pip install 'tfgnn-ext[{stage.extra}]'). Got none."
            )
    if problems:
        raise InputError(problems)


def _inputs(stages: Sequence[Stage], context: Context) -> dict[str, Any]:
    """What each stage reads, as JSON, with a fingerprint that covers the stages before it."""
    config = context.loaded.resolved()
    found: dict[str, Any] = {}
    for stage in stages:
        own = {
            "config": {key: _value(config, key) for key in stage.keys},
            "versions": {"tfgnn-ext": __version__, **_versions(stage.packages)},
            "also": stage.also(context),
        }
        before = [found[name]["fingerprint"] for name in stage.after if name in found]
        text = json.dumps([stage.name, own, before], sort_keys=True, default=str)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
        found[stage.name] = finite({**own, "fingerprint": fingerprint})
    return found


def _settle(inputs: Mapping[str, Any], context: Context, redo: bool) -> None:
    """Compares what the directory holds with what it would be made from now."""
    directory = context.directory
    problems: list[str] = []
    stale: dict[str, Any] = {}
    for name, record in directory.records.items():
        now = inputs.get(name)
        if now is not None and now["fingerprint"] == record["inputs"]["fingerprint"]:
            continue
        stale[name] = record
        changes = ["the config no longer asks for it"]
        if now is not None:
            changes = _changes(record["inputs"], now)
        problems += [f"{directory.path}: stage `{name}` was done before: {c}." for c in changes]
    if not stale:
        return
    if not redo:
        names = ", ".join(stale)
        raise InputError(
            [
                *problems,
                f"{directory.path}: must be redone (--redo) or be another --out. "
                f"Got other inputs for {names}.",
            ]
        )
    for name, record in stale.items():
        for left in record["left"]:
            remove(directory.path / left)
        directory.record(name, None)
        directory.log("stage discarded", stage=name)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changes = []
    before, after = dict(_leaves(old["config"], "")), dict(_leaves(new["config"], ""))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            changes.append(f"`{key}` was {before.get(key)!r} and is {after.get(key)!r}")
    for name, version in new["versions"].items():
        if old["versions"].get(name) != version:
            changes.append(f"{name} was {old['versions'].get(name)} and is {version}")
    if old["also"] != new["also"]:
        changes.append("its input files have changed")
    return changes


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            leaf
            for key, item in value.items()
            for leaf in _leaves(item, f"{path}.{key}" if path else key)
        ]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [
            leaf for index, item in enumerate(value) for leaf in _leaves(item, f"{path}.{index}")
        ]
    return [(path, value)]


def _value(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def _versions(packages: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found
