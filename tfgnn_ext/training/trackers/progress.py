"""Progress lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

from tfgnn_ext.training.trackers.tracker import Tracker


class Progress(Tracker):
    """Prints a line for whatever is logged.

    Args:
      stream: Where to; default: standard error.

    >>> import sys
    >>> progress = Progress(stream=sys.stdout)
    >>> progress.start({"steps": 200, "steps_per_epoch": 100}, 0)
    >>> progress.log({"train/loss": 0.51234, "seeds_per_second": 21345.6}, 150)
    step 150/200 (epoch 2): train/loss 0.5123, 21,346 seeds/s
    >>> progress.finish("completed")
    training completed
    """

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._steps: object = "?"
        self._steps_per_epoch: int | None = None

    def _print(self, line: str) -> None:
        print(line, file=self._stream or sys.stderr, flush=True)

    def start(self, settings: Mapping[str, object], step: int) -> None:
        self._steps = settings.get("steps", "?")
        steps_per_epoch = settings.get("steps_per_epoch")
        self._steps_per_epoch = steps_per_epoch if isinstance(steps_per_epoch, int) else None
        if step:
            self._print(f"training resumes at step {step}")

    def log(self, values: Mapping[str, float], step: int) -> None:
        words = [
            f"{value:,.0f} seeds/s" if name == "seeds_per_second" else f"{name} {value:.4g}"
            for name, value in values.items()
        ]
        epoch = "" if not self._steps_per_epoch else f" (epoch {-(-step // self._steps_per_epoch)})"
        self._print(f"step {step}/{self._steps}{epoch}: {', '.join(words)}")

    def finish(self, outcome: str) -> None:
        self._print(f"training {outcome}")
