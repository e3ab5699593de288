"""Edge weights as integers, so that sums are exact in any order and under any slicing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_UNTIMED_BITS = 36  # The largest weight of a source becomes 2**36.
_TIMED_BITS = 24  # The first positive weight of a source becomes 2**24 to 2**25.
_MOST = 2.0**62  # The largest total of one source.


def _reduce_sources(
    function: np.ufunc, values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """``function.reduce`` over each source's values; 0 for a source without edges."""
    result = np.zeros(len(indptr) - 1)
    nonempty = np.flatnonzero(np.diff(indptr))
    if len(nonempty):
        result[nonempty] = function.reduceat(values, indptr[nonempty])
    return result


def _first_positive(
    values: npt.NDArray[np.float64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    positions = np.flatnonzero(values > 0)
    slots = np.searchsorted(positions, indptr[:-1])
    inside = slots < len(positions)
    inside[inside] = positions[slots[inside]] < indptr[1:][inside]
    result = np.zeros(len(indptr) - 1)
    result[inside] = values[positions[slots[inside]]]
    return result


def _timed_scales(first: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, exponents = np.frexp(np.where(first > 0, first, 1.0))  # first in [2**(e - 1), 2**e)
    scales: npt.NDArray[np.float64] = np.ldexp(1.0, _TIMED_BITS + 1 - exponents)
    return scales


def _untimed_scales(largest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 2.0**_UNTIMED_BITS / np.where(largest > 0, largest, 1.0)


def _checked(weights: npt.NDArray[Any], name: str) -> npt.NDArray[np.float64]:
    values = np.asarray(weights, np.float64)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        raise ValueError(
            f"{name} must be finite and >= 0. Got {values[wrong[0]]} at edge {wrong[0]} "
            f"({len(wrong)} such edges)."
        )
    return values


def _scaled(values: npt.NDArray[np.float64], scale: Any) -> npt.NDArray[np.float64]:
    scaled = np.rint(values * scale)
    return np.where((values > 0) & (scaled < 1), 1.0, scaled)


def slice_scale(weights: npt.NDArray[Any], *, timed: bool, name: str) -> float:
    """The scale of a source whose weights are these; 0 if none is positive.

    Of the scales of a source's slices, in canonical order, that of the source is the smallest that
    is positive; on a timed edge set, the first that is.

    Args:
      weights: [num_edges], one slice of a source, in canonical order.
      timed: Whether the edge set has a time.
      name: How errors call the weight.
    """
    values = _checked(weights, name)
    positive = values[values > 0]
    if not len(positive):
        return 0.0
    found = positive[:1] if timed else positive.max(keepdims=True)
    return float((_timed_scales if timed else _untimed_scales)(found)[0])


def slice_weights(weights: npt.NDArray[Any], scale: float, *, name: str) -> npt.NDArray[np.int64]:
    """The integer weights of one slice, by the scale of its source.

    Args:
      weights: [num_edges].
      scale: See `slice_scale`.
      name: How errors call the weight.
    """
    return _scaled(_checked(weights, name), scale).astype(np.int64)


def cumulative_weights(
    weights: npt.NDArray[np.floating], indptr: npt.NDArray[np.int64], *, timed: bool, name: str
) -> npt.NDArray[np.int64]:
    """Inclusive prefix sums of quantised weights, restarted at each source.

    A weight w becomes ``round(w * scale)``, at least 1 when positive. The scale belongs to the
    source: it maps the largest weight to 2**36. On a timed edge set that would let a *later* edge
    change the draws among earlier ones, so there the scale maps the power of two at or below the
    source's first positive weight, in canonical order, to 2**24: whoever sees any edge sees it.

    Args:
      weights: [num_edges], in canonical order.
      indptr: [num_sources + 1].
      timed: Whether the edge set has a time.
      name: How errors call the weight, such as "`weight` of edge set 'cites'".

    Returns:
      int64 [num_edges].

    Raises:
      ValueError: A weight is negative, NaN or infinite, or the weights of one source of a timed
        edge set span too many orders of magnitude.

    >>> cumulative_weights(np.array([1.0, 3.0, 2.0]), np.array([0, 2, 3]), timed=False, name="w")
    array([22906492245, 91625968981, 68719476736])
    """
    values = _checked(weights, name)
    degrees = np.diff(indptr)
    if timed:
        scales = _timed_scales(_first_positive(values, indptr))
    else:
        scales = _untimed_scales(_reduce_sources(np.maximum, values, indptr))
    scaled = _scaled(values, np.repeat(scales, degrees))
    totals = _reduce_sources(np.add, scaled, indptr)
    if np.any(totals > _MOST):
        source = int(np.argmax(totals))
        raise ValueError(
            f"{name} must not exceed its source's first positive weight by more than about "
            f"2**38 in total. Got a larger sum at source row {source}."
        )
    running = np.cumsum(scaled.astype(np.int64))  # Wraps around harmlessly: differences are exact.
    before = np.concatenate([[0], running])[indptr[:-1]]
    result: npt.NDArray[np.int64] = running - np.repeat(before, degrees)
    return result


def falling_order(
    values: npt.NDArray[Any], indptr: npt.NDArray[np.int64], *, name: str
) -> npt.NDArray[np.int64]:
    """For each source, its edges' positions (from 0) by falling value, ties in canonical order.

    Args:
      values: [num_edges], in canonical order.
      indptr: [num_sources + 1].
      name: How errors call the feature.

    Returns:
      int64 [num_edges].

    Raises:
      ValueError: A value is NaN.

    >>> falling_order(np.array([1.0, 3.0, 2.0, 5.0]), np.array([0, 3, 4]), name="w")
    array([1, 2, 0, 0])
    """
    wrong = np.flatnonzero(np.isnan(values))
    if len(wrong):
        raise ValueError(f"{name} must not be NaN. Got NaN at edge {wrong[0]}.")
    # Integers are not made floats, which would tie large ones; ~x falls as x rises.
    falling = ~values if values.dtype.kind in "iu" else -values
    degrees = np.diff(indptr)
    sources = np.repeat(np.arange(len(degrees)), degrees)
    order = np.lexsort((falling, sources))
    return order - np.repeat(indptr[:-1], degrees)
