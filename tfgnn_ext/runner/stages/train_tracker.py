"""Follows training for the log and the progress of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfgnn_ext.runner.progress import Advance, Progress, shown
from tfgnn_ext.runner.run_directory import RunDirectory
from tfgnn_ext.training import Tracker


class RunTracker(Tracker):
    """Writes to ``log.jsonl`` and moves the bar.

    Args:
      directory: Of the run.
      progress: Where validations are printed.
      advance: Told of the seeds seen.
      batch_size: Seeds a step.
      shown: The validation metrics that are printed.
      member: Which of the run's networks this is, from 0.
    """

    def __init__(
        self,
        directory: RunDirectory,
        progress: Progress,
        advance: Advance,
        *,
        batch_size: int,
        shown: Sequence[str],
        member: int = 0,
    ) -> None:
        self._directory = directory
        self._progress = progress
        self._advance = advance
        self._batch_size = batch_size
        self._member = member
        self._shown = tuple(dict.fromkeys(shown))
        self._step = 0

    def start(self, settings: Mapping[str, object], step: int) -> None:
        self._log("training started", step=step, steps=settings["steps"])
        if step:
            self._progress.line(f"  goes on at step {step}")
            self._advance(step * self._batch_size)
        self._step = step

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._log("training", step=step, **values)
        short = {
            name.removeprefix("train/"): value
            for name, value in values.items()
            if name.startswith("train/")
        }
        self._advance((step - self._step) * self._batch_size, **short)
        self._step = step
        validation = {
            name: values[f"validation/{name}"]
            for name in self._shown
            if f"validation/{name}" in values
        }
        if validation:
            self._progress.line(f"  step {step}, validation: {shown(validation)}")

    def finish(self, outcome: str) -> None:
        self._log("training finished", step=self._step, outcome=outcome)

    def _log(self, event: str, **values: object) -> None:
        self._directory.log(event, member=self._member, **values)
