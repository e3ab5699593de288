"""Figures of the report, as SVG text that takes its ink from the page."""

from __future__ import annotations

import contextlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

Floats = npt.NDArray[np.floating[Any]]
# A model, the baseline, more classes: told apart by lightness too, for readers who see few colours.
COLOURS = ("#3b82f6", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#be185d")
STYLES = ("-", "--", "-.", ":")
_INK = "#010203"  # Becomes the page's own text colour.
_POINTS = 400


def curve_figure(kind: str, answers: Sequence[tuple[str, npt.NDArray[np.bool_], Floats]]) -> str:
    """ROC or precision-recall curves.

    Args:
      kind: "roc" or "precision_recall".
      answers: Name, truth ``[num_items]`` and score ``[num_items]`` of each curve.
    """
    with _figure() as (axes, done):
        for index, (name, truth, score) in enumerate(answers):
            if kind == "roc":
                x, y, _ = roc_curve(truth, score)
            else:
                y, x, _ = precision_recall_curve(truth, score)
                x, y = x[::-1], y[::-1]
            x, y = _thinned(x, y)
            axes.plot(x, y, color=_colour(index), linestyle=_style(index), label=name)
        if kind == "roc":
            axes.plot([0, 1], [0, 1], color=_INK, alpha=0.35, linewidth=0.8, label="chance")
            axes.set(xlabel="false positive rate", ylabel="true positive rate")
        else:
            share = float(np.mean(answers[0][1]))
            axes.axhline(share, color=_INK, alpha=0.35, linewidth=0.8, label="chance")
            axes.set(xlabel="recall", ylabel="precision")
        axes.set(xlim=(0, 1), ylim=(0, 1.01))
        axes.legend(frameon=False)
    return done[0]


def calibration_figure(answers: Sequence[tuple[str, npt.NDArray[np.bool_], Floats]]) -> str:
    """How often what is said with probability p comes true, in bins of equally many items.

    Args:
      answers: Name, truth and probability of each line.
    """
    with _figure() as (axes, done):
        axes.plot([0, 1], [0, 1], color=_INK, alpha=0.35, linewidth=0.8, label="perfect")
        for index, (name, truth, score) in enumerate(answers):
            order = np.argsort(score, kind="stable")
            parts = np.array_split(order, max(1, min(15, len(order) // 20)))
            said = [float(score[part].mean()) for part in parts]
            true = [float(truth[part].mean()) for part in parts]
            axes.plot(
                said,
                true,
                color=_colour(index),
                linestyle=_style(index),
                marker="o",
                markersize=3,
                label=name,
            )
        axes.set(xlabel="predicted probability", ylabel="observed share", xlim=(0, 1), ylim=(0, 1))
        axes.legend(frameon=False)
    return done[0]


def scatter_figure(true: Floats, predicted: Floats) -> str:
    """Predicted against true numbers; of many items, equally many of every size of the true ones.

    Args:
      true, predicted: ``[num_items]``.
    """
    order = np.argsort(true, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, 4 * _POINTS).astype(np.int64))]
    low, high = float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))
    with _figure() as (axes, done):
        axes.plot([low, high], [low, high], color=_INK, alpha=0.35, linewidth=0.8, label="perfect")
        size = float(np.clip(3000 / len(chosen), 7, 25))
        axes.scatter(
            true[chosen], predicted[chosen], s=size, alpha=0.6, color=_colour(0), linewidth=0
        )
        axes.set(xlabel="true", ylabel="predicted")
        axes.legend(frameon=False)
    return done[0]


def line_figure(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    mark: tuple[float, str] | None = None,
) -> str:
    """Lines over steps.

    Args:
      lines: By name, x and y values.
      x, y: What the axes say.
      mark: A vertical line at x, and its name.
    """
    with _figure() as (axes, done):
        for index, (name, (xs, ys)) in enumerate(lines.items()):
            axes.plot(
                xs,
                ys,
                color=_colour(index),
                linestyle=_style(index),
                marker="o" if len(xs) < 30 else None,
                markersize=3,
                label=name,
            )
        if mark is not None:
            axes.axvline(mark[0], color=_INK, alpha=0.5, linewidth=0.8, label=mark[1])
        axes.set(xlabel=x, ylabel=y)
        axes.legend(frameon=False)
    return done[0]


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _style(index: int) -> str:
    return STYLES[index % len(STYLES)]


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A few hundred points, equally far apart along x."""
    if len(x) <= _POINTS:
        return x, y
    wanted = np.searchsorted(x, np.linspace(x[0], x[-1], _POINTS)).clip(0, len(x) - 1)
    chosen = np.unique(np.concatenate([[0], wanted, [len(x) - 1]]))
    return x[chosen], y[chosen]


@contextlib.contextmanager
def _figure() -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on; the list then holds the SVG."""
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": "tfgnn-ext",
        "font.family": "sans-serif",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.15,
        "lines.linewidth": 1.6,
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color",
             "grid.color"),
            _INK,
        ),
    }  # fmt: skip
    done: list[str] = []
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(4.8, 3.6), layout="constrained")
        yield figure.add_subplot(), done
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    # Each figure keeps its ids to itself.
    prefix = f"f{zlib.crc32(text.encode())}"
    text = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    done.append(text)
