"""The directory of a run: written lazily, file by file, each whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tfgnn_ext.runner.input_error import InputError

_LOCK, _LOG, _STAGES = ".lock", "log.jsonl", "stages.json"


class RunDirectory:
    """A run directory, which appears with the first result that is written to it.

    So a run that fails on its input leaves nothing behind. One process at a time may write to it.

    Args:
      path: The directory; its parents are made too.

    Raises:
      InputError: The path is a file, a directory of something else, or in use by another process.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock: IO[str] | None = None
        self._waiting: list[str] = []
        if self.path.exists() and not self.path.is_dir():
            raise InputError([f"{self.path}: must be a directory, or not exist. Got a file."])
        if self.path.is_dir():
            if any(self.path.iterdir()) and not (self.path / _STAGES).exists():
                raise InputError(
                    [f"{self.path}: must be empty or the directory of a run. Got other files."]
                )
            self._open()

    @classmethod
    def nowhere(cls) -> RunDirectory:
        """A directory that holds nothing, and to which nothing is written."""
        return cls(os.devnull + "/nowhere")

    def _open(self) -> None:
        if self._lock is not None:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = open(self.path / _LOCK, "a+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            user = lock.read().strip() or "unknown"
            lock.close()
            raise InputError(
                [f"{self.path}: must not be in use by another process. Got process {user}."]
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        if not (self.path / _STAGES).exists():
            self.write_json(_STAGES, {})

    def close(self) -> None:
        """Lets other processes use the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def has(self, name: str) -> bool:
        """Whether a file or directory of this name is there."""
        return (self.path / name).exists()

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """A path to write a file or a directory to; it takes the place of `name` at the end.

        What an error leaves there is removed.
        """
        self._open()
        final = self.path / name
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f".{final.name}.partial")
        remove(partial)
        try:
            yield partial
            if partial.is_dir() and final.exists():
                remove(final)
            os.replace(partial, final)
        finally:
            remove(partial)

    def write_json(self, name: str, value: Any) -> None:
        """Writes JSON; numbers that are not finite become null."""
        with self.replacing(name) as partial:
            partial.write_text(
                json.dumps(finite(value), indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file."""
        with self.replacing(name) as partial:
            partial.write_text(text, encoding="utf-8")

    def read_json(self, name: str) -> Any:
        """Reads what `write_json` wrote."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def log(self, event: str, **values: Any) -> None:
        """Appends an event with its time; it waits in memory until the directory exists."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps(finite({"time": now, "event": event, **values}), allow_nan=False)
        self._waiting.append(line + "\n")
        if self._lock is not None:
            with open(self.path / _LOG, "a", encoding="utf-8") as file:
                file.writelines(self._waiting)
            self._waiting.clear()

    @property
    def records(self) -> dict[str, Any]:
        """What is known of each stage: what it read, whether it is done, how long it took."""
        if not self.has(_STAGES):
            return {}
        records: dict[str, Any] = self.read_json(_STAGES)
        return records

    def record(self, stage: str, values: Mapping[str, Any] | None) -> None:
        """Notes the state of a stage; None forgets it."""
        records = self.records
        records.pop(stage, None)
        if values is not None:
            records[stage] = dict(values)
        self.write_json(_STAGES, records)


def remove(path: Path) -> None:
    """Removes a file or a directory, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def finite(value: Any) -> Any:
    """With None for numbers that are not finite, and plain numbers for NumPy's.

    >>> finite({"a": [1.5, float("nan")]})
    {'a': [1.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
