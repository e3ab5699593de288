"""What is not yet known is never delivered, and neither is the time at which it will be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgnn_ext.graph import NEVER, Feature
from tfgnn_ext.sampling import known_features

TIMES = st.one_of(st.integers(-50, 50), st.just(NEVER))


@given(
    at=st.lists(TIMES, min_size=3, max_size=3),
    other=st.lists(TIMES, min_size=3, max_size=3),
    now=st.integers(-50, 50),
)
def test_outcomes_after_the_seed_time_leave_no_trace(
    at: list[int], other: list[int], now: int
) -> None:
    """Any two futures look the same: values, flags and ages."""

    def deliver(times: list[int], scale: float) -> dict[str, np.ndarray]:
        known = np.array(times) <= now
        values = np.where(known, 1.0, scale * np.arange(3) + 7).astype(np.float32)
        return known_features(
            {"outcome": Feature(values, known_at="done")},
            {"done": np.array(times), "begun": np.arange(3)},
            np.arange(3),
            np.full(3, now),
        )

    # The second history agrees with the first up to now.
    future = [a if a <= now else (b if b > now else NEVER) for a, b in zip(at, other, strict=True)]
    first, second = deliver(at, 3.0), deliver(future, -11.0)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def test_an_age_that_masks_no_feature_fails_the_same_property() -> None:
    """The control: two futures that a time tells apart, once it serves no outcome as `known_at`."""

    def deliver(done: int) -> dict[str, np.ndarray]:
        outcome = Feature(np.array([7.0], np.float32), known_at="done")
        times = {"done": np.array([done]), "leak": np.array([done])}
        return known_features({"outcome": outcome}, times, np.array([0]), np.array([10]))

    first, second = deliver(20), deliver(30)
    differing = {name for name in first if first[name].tolist() != second[name].tolist()}
    assert differing == {"leak/age"}


def test_missing_unknown_and_never_are_told_apart() -> None:
    out = known_features(
        {
            "late": Feature(np.array([5.0, np.nan, 5.0, 5.0], np.float32), known_at="landed"),
            "plain": Feature(np.array([1.0, np.nan, 2.0, 3.0], np.float32)),
        },
        {"landed": np.array([10, 10, 20, NEVER]), "planned": np.array([1, NEVER, 3, 4])},
        np.array([0, 1, 2, 3]),
        np.full(4, 15),
    )
    np.testing.assert_array_equal(out["late"], np.array([5, np.nan, 0, 0], np.float32))
    assert out["late/known"].tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(out["plain"], np.array([1, np.nan, 2, 3], np.float32))
    assert "plain/known" not in out
    assert out["landed/age"].tolist() == [5, 5, 0, 0]
    assert out["landed/known"].tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(out["planned/age"], np.array([14, np.nan, 12, 11], np.float32))


def test_labels_are_masked_on_the_seeds_own_row() -> None:
    feature = Feature(np.array([3, 4]))
    rows, own = np.array([0, 1, 0]), np.array([True, False, False])
    out = known_features({"label": feature}, {}, rows, None, labels=("label",), own=own)
    assert out["label"].tolist() == [0, 4, 3]
    assert out["label/known"].tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="`own` of `known_features` must be given"):
        known_features({"label": feature}, {}, rows, None, labels=("label",))
