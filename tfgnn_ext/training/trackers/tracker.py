"""What follows a run: the interface of trackers."""

from __future__ import annotations

import abc
from collections.abc import Mapping


class Tracker(abc.ABC):
    """Is told what happens in a run.

    Names are ``train/<metric>``, ``validation/<metric>``, ``learning_rate`` and
    ``seeds_per_second``. After a resumed run was killed, steps since its checkpoint are told again.
    """

    @abc.abstractmethod
    def start(self, settings: Mapping[str, object], step: int) -> None:
        """A run begins, or is resumed, at `step`; `settings` says what it is."""

    @abc.abstractmethod
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Values after `step` updates."""

    @abc.abstractmethod
    def finish(self, outcome: str) -> None:
        """The run ends: "completed", "stopped early", "interrupted" or "failed"."""
