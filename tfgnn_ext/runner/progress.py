"""Says what a run does, with rates: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

Advance = Callable[..., None]


class Progress:
    """Prints to standard error.

    Args:
      stream: Where to; default: standard error.
      every: Seconds between two lines of one stage where there is no terminal.
      quiet: Whether to print nothing.
    """

    def __init__(
        self, *, stream: TextIO | None = None, every: float = 15.0, quiet: bool = False
    ) -> None:
        self._console = Console(file=stream or sys.stderr, quiet=quiet, highlight=False)
        self._every = every

    @property
    def animated(self) -> bool:
        """Whether there is a terminal to draw on."""
        return self._console.is_terminal

    def line(self, text: str) -> None:
        """Prints a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def skip(self, name: str, number: int, last: int) -> None:
        """A stage was done before."""
        self.line(f"[{number}/{last}] {name}: done before")

    @contextlib.contextmanager
    def stage(self, name: str, number: int, last: int) -> Iterator[None]:
        """A stage is under way."""
        start = time.monotonic()
        self.line(f"[{number}/{last}] {name} ...")
        yield
        self.line(f"[{number}/{last}] {name}: {time.monotonic() - start:.1f} s")

    @contextlib.contextmanager
    def counting(self, what: str, total: int, *, start: int = 0) -> Iterator[Advance]:
        """Counts items, such as seeds.

        Args:
          what: What is counted, plural.
          total: How many there will be.
          start: How many were done before.

        Yields:
          A function of how many were done since the last call; keyword arguments are values to
          show beside the rate. Threads may call it.
        """
        if self.animated:
            with self._bar(what, total, start) as advance:
                yield advance
        else:
            with self._lines(what, total, start) as advance:
                yield advance

    @contextlib.contextmanager
    def _bar(self, what: str, total: int, start: int) -> Iterator[Advance]:
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"),
        )
        with RichProgress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(what, total=total, completed=start, rate="", values="")
            began, done = time.monotonic(), 0

            def advance(count: int, **values: float) -> None:
                nonlocal done
                done += count
                rate = done / max(time.monotonic() - began, 1e-9)
                bar.update(task, advance=count, rate=f"{rate:,.0f} {what}/s")
                if values:
                    bar.update(task, values=shown(values))

            yield advance

    @contextlib.contextmanager
    def _lines(self, what: str, total: int, start: int) -> Iterator[Advance]:
        began = last = time.monotonic()
        done = reported = 0
        latest: dict[str, float] = {}

        def report(now: float) -> None:
            nonlocal reported
            reported = done
            rate = done / max(now - began, 1e-9)
            more = f", {shown(latest)}" if latest else ""
            self.line(f"  {start + done:,} of {total:,} {what}, {rate:,.0f} {what}/s{more}")

        def advance(count: int, **values: float) -> None:
            nonlocal last, done
            done += count
            latest.update(values)
            now = time.monotonic()
            if now - last >= self._every:
                last = now
                report(now)

        yield advance
        if 0 < reported < done:
            report(time.monotonic())


def shown(values: Mapping[str, float]) -> str:
    """Values on one line.

    >>> shown({"loss": 0.51234, "val_roc_auc": 0.75})
    'loss 0.5123, val_roc_auc 0.75'
    """
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
