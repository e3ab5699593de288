"""The best validation so far, and when to stop waiting for a better one."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from tfgnn_ext.training.metrics import is_better, mode_of


@dataclasses.dataclass(kw_only=True)
class BestSoFar:
    """Follows one metric over the validations of a run.

    Attributes:
      monitor: The metric's name.
      mode: "min" or "max"; None: what the metric's name says.
      patience: Stop after so many validations in a row that were not better than the best; None:
        never.
      value: The best value, None before the first that is a number.
      step: The step of the best value.
      waited: Validations since the best.

    >>> best = BestSoFar(monitor="accuracy", patience=2)
    >>> [best.update(value, step) for step, value in enumerate([0.5, 0.7, 0.6, 0.7])]
    [True, True, False, False]
    >>> best.step, best.value, best.stop
    (1, 0.7, True)
    """

    monitor: str = "log_loss"
    mode: Literal["min", "max"] | None = None
    patience: int | None = None
    value: float | None = None
    step: int = 0
    waited: int = 0

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max", None):
            raise ValueError(
                f'`mode` of `BestSoFar` must be "min", "max" or None. Got {self.mode!r}.'
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(
                f"`patience` of `BestSoFar` must be None or an int >= 1. Got {self.patience}."
            )

    def update(self, value: float, step: int) -> bool:
        """Takes note of a validation; returns whether it is the best."""
        if is_better(value, self.value, self.mode or mode_of(self.monitor)):
            self.value, self.step, self.waited = value, step, 0
            return True
        self.waited += 1
        return False

    @property
    def stop(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"value": self.value, "step": self.step, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned."""
        self.value, self.step, self.waited = state["value"], state["step"], state["waited"]
