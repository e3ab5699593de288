"""Rows of a benchmark: a value beside its baseline and its target."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One claim: a value, what it is compared with, and what it should reach.

    `at_most` marks values that should be small, such as a slowdown.
    """

    name: str
    value: float | None
    unit: str
    baseline: str = ""
    baseline_value: float | None = None
    target: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if self.value is None or not self.baseline_value:
            return None
        return self.value / self.baseline_value

    @property
    def met(self) -> bool | None:
        if self.target is None or self.value is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


def cpu_seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of this process, all threads together."""
    before = time.process_time()
    work()
    return time.process_time() - before


def wall_seconds(work: Callable[[], Any]) -> float:
    """Seconds by the clock."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def interleaved(
    sides: dict[str, Callable[[], Any]],
    *,
    rounds: int = 3,
    measure: Callable[[Callable[[], Any]], float] = cpu_seconds,
) -> dict[str, float]:
    """The median cost of each side, measured in turn so that a slow spell hits all of them."""
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            costs[name].append(measure(work))
    return {name: statistics.median(values) for name, values in costs.items()}


def parser_of(description: str) -> argparse.ArgumentParser:
    """The options of every benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="the same claims at a smaller size")
    parser.add_argument("--json", action="store_true", help="one object a row")
    return parser


def arguments(description: str) -> argparse.Namespace:
    return parser_of(description).parse_args()


def versions(*packages: str) -> dict[str, str]:
    """The versions in use; "not installed" where a package is missing."""
    found = {"python": platform.python_version()}
    for package in ("tfgnn-ext", "numpy", "numba", *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def show(
    rows: Sequence[Row], *, as_json: bool, sizes: dict[str, Any], used: dict[str, str]
) -> None:
    """Prints the rows."""
    if as_json:
        for row in rows:
            fields = {**dataclasses.asdict(row), "ratio": row.ratio, "met": row.met}
            print(json.dumps({**fields, "sizes": sizes, "versions": used}))
        return
    print(", ".join(f"{name} {value}" for name, value in {**sizes, **used}.items()))
    for row in rows:
        if row.value is None:
            print(f"  {row.name}: {row.note}")
            continue
        text = f"  {row.name}: {row.value:,.4g} {row.unit}"
        if row.value >= 1000:
            text = f"  {row.name}: {row.value:,.0f} {row.unit}"
        if row.ratio is not None and row.baseline_value is not None:
            text += f"; {row.baseline} {row.baseline_value:,.0f}, ratio {row.ratio:.2f}"
        if row.target is not None:
            bound = "at most" if row.at_most else "at least"
            text += f"; target {bound} {row.target:,g}: {'met' if row.met else 'MISSED'}"
        print(text + (f" ({row.note})" if row.note else ""))
