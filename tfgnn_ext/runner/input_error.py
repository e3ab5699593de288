"""What is wrong with what the user gave: shown as lines, never as a traceback."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """Input that cannot be used.

    Attributes:
      problems: One line each: where, which key or column, what it must be, what it is.

    >>> str(InputError(["run.yaml:3:5: `training.epochs` must be an int >= 1. Got 0."]))
    'run.yaml:3:5: `training.epochs` must be an int >= 1. Got 0.'
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))
