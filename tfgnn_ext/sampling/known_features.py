"""What is known when: the one place where features are read for a sample.

A time belongs to what becomes known: an edge, a node, or a single feature (an event's outcome is
known later than the event). What is not yet known at the seed's time is never delivered, and
neither is a time that has not been reached: that, too, is an outcome. Every engine, and every
second gather path, reads through `known_features` or through its TensorFlow twin in `tensors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import NEVER, EdgeSet, Feature, Ragged

SEED_TIME = "seed_time"  # The context feature that keeps the seed's time.


def edge_times(edge_set: EdgeSet) -> dict[str, npt.NDArray[np.int64]]:
    """An edge set's time column by the name under which its age is delivered."""
    return {} if edge_set.times is None else {"time": edge_set.times}


Array = npt.NDArray[Any] | Ragged


def known_features(
    features: Mapping[str, Feature],
    times: Mapping[str, npt.NDArray[np.int64]],
    rows: npt.NDArray[np.integer],
    seed_times: npt.NDArray[np.int64] | None,
    *,
    labels: Sequence[str] = (),
    own: npt.NDArray[np.bool_] | None = None,
) -> dict[str, Array]:
    """Reads the features of `rows` as far as they are known at each row's seed time.

    With c the time column at which feature f becomes known, and t the seed time of a row,
    ``f/known = (c <= t)``; where that is 0, f is 0 (a string's code 0 stands for the empty string),
    or an empty list if f is ragged.
    A time column c delivers its age ``c/age = t - c``. If c is the time at which some feature
    becomes known, the age is masked like the feature, and ``c/known`` is delivered too; else a
    missing time has age NaN. Without seed times everything is known, and there are no ages.

    Args:
      features: The set's features, each ``[num_items, *shape]``.
      times: The set's time columns, each int64 ``[num_items]``, in one unit.
      rows: ``[num_rows]``, one for each (component, item).
      seed_times: int64 ``[num_rows]``, the time of the component's seed, or None.
      labels: Features that must not reach the model for the seed's own row.
      own: bool ``[num_rows]``, True at the seeds' own rows; needed with `labels`.

    Returns:
      Arrays ``[num_rows, ...]`` by delivered name, in the order of `features`, then `times`; of
      ragged features, `Ragged` lists.

    >>> delay = Feature(np.array([5.0, 9.0], np.float32), known_at="landed")
    >>> out = known_features(
    ...     {"delay": delay}, {"landed": np.array([10, 20])}, np.array([0, 1]), np.array([15, 15])
    ... )
    >>> out["delay"].tolist(), out["delay/known"].tolist(), out["landed/age"].tolist()
    ([5.0, 0.0], [1.0, 0.0], [5.0, 0.0])
    """
    delivered: dict[str, Array] = {}
    for name, feature in features.items():
        # [num_rows, *shape]
        values = feature.values[rows]
        known = None
        if feature.known_at is not None and seed_times is not None:
            known = times[feature.known_at][rows] <= seed_times
        if name in labels:
            if own is None:
                raise ValueError("`own` of `known_features` must be given with `labels`. Got None.")
            known = ~own if known is None else known & ~own
        if known is not None and isinstance(values, Ragged):
            values = values.kept(known)
        elif known is not None:
            shaped = known.reshape((-1,) + (1,) * (values.ndim - 1))
            values = np.where(shaped, values, np.zeros((), values.dtype))
        delivered[name] = values
        if known is not None:
            delivered[f"{name}/known"] = known.astype(np.float32)
    if seed_times is None:
        return delivered
    outcomes = {feature.known_at for feature in features.values()}
    for name, column in times.items():
        # [num_rows]
        at = column[rows]
        # NEVER is the largest int64: the difference must not be taken before it is masked.
        reached = at <= seed_times if name in outcomes else at != NEVER
        age = (seed_times - np.where(reached, at, seed_times)).astype(np.float32)
        if name in outcomes:
            delivered[f"{name}/age"] = age
            delivered[f"{name}/known"] = reached.astype(np.float32)
        else:
            delivered[f"{name}/age"] = np.where(reached, age, np.float32(np.nan))
    return delivered


def delivered_names(
    features: Mapping[str, Feature],
    times: Sequence[str],
    *,
    timed: bool,
    labels: Sequence[str] = (),
) -> dict[str, str]:
    """The names `known_features` delivers, each with its kind.

    Args:
      features: The set's features.
      times: Names of the set's time columns.
      timed: Whether seeds carry times.
      labels: As for `known_features`.

    Returns:
      By name: "numeric", "integer", "string", "age" or "known".
    """
    kinds: dict[str, str] = {}
    for name, feature in features.items():
        if feature.vocabulary is not None:
            kinds[name] = "string"
        else:
            kinds[name] = "integer" if feature.values.dtype.kind == "i" else "numeric"
        if (timed and feature.known_at is not None) or name in labels:
            kinds[f"{name}/known"] = "known"
    if timed:
        outcomes = {feature.known_at for feature in features.values()}
        for name in times:
            kinds[f"{name}/age"] = "age"
            if name in outcomes:
                kinds[f"{name}/known"] = "known"
    return kinds
