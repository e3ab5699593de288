from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tfgnn_ext.graph.labels import read_labels, target_of

TABLE = pa.table(
    {
        "kind": ["b", "a", "b"],
        "kinds": [["b", "c"], [], ["a"]],
        "codes": pa.array([[2], [1, 2], [1]], pa.large_list(pa.int64())),
        "size": [1.5, -2.0, 0.0],
        "count": [3, 0, 1],
        "red": [True, False, True],
        "old": [0, 1, 1],
        "gap": [1.0, float("nan"), 2.0],
        "pair": [{"x": 1}] * 3,
        "map": pa.array([[("x", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    }
)


def test_a_class() -> None:
    labels, classes = read_labels(TABLE, ["kind"])
    assert (labels.tolist(), labels.dtype, classes) == ([1, 0, 1], np.int32, ("a", "b"))
    assert target_of(labels) == "class"
    assert read_labels(TABLE, ["red"])[1] == ("0", "1")


def test_any_number_of_classes() -> None:
    labels, classes = read_labels(TABLE, ["kinds"])
    assert classes == ("a", "b", "c")
    assert labels.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert (labels.dtype, target_of(labels)) == (np.int8, "classes")
    assert read_labels(TABLE, ["codes"])[0].tolist() == [[0, 1], [1, 1], [1, 0]]
    labels, classes = read_labels(TABLE, ["red", "old"])
    assert (labels.tolist(), classes) == ([[1, 0], [0, 1], [1, 1]], ("red", "old"))


def test_numbers() -> None:
    labels, names = read_labels(TABLE, ["size"])
    assert (labels.tolist(), labels.dtype, names) == ([[1.5], [-2], [0]], np.float32, ("size",))
    assert target_of(labels) == "values"
    assert read_labels(TABLE, ["size", "count"])[0].shape == (3, 2)
    # Whole numbers are classes unless it is said that they are not.
    assert target_of(read_labels(TABLE, ["count"])[0]) == "class"
    assert read_labels(TABLE, ["count"], "values")[0].tolist() == [[3], [0], [1]]
    assert read_labels(TABLE, ["red"], "values")[0].tolist() == [[1], [0], [1]]
    assert read_labels(TABLE.slice(0, 0), ["size"])[0].shape == (0, 1)


def test_numbers_that_float32_does_not_tell_apart() -> None:
    """Near 1e9 it has steps of 64."""
    close, far = [10**9, 10**9 + 7, 10**9 + 20], [10**9, 10**9 + 10**6, 10**9 + 3 * 10**6]
    table = pa.table({"close": close, "far": far, "same": [0.1] * 3, "most": [2**53 + 1, 0, 5]})
    with pytest.raises(ValueError, match=r"'close' .* float32 tells apart.* deviation 8.29"):
        read_labels(table, ["close"], "values")
    labels, _ = read_labels(table, ["far", "same", "most"], "values")
    np.testing.assert_allclose(labels[:, 0], far, atol=32)
    np.testing.assert_array_equal(labels[:, 1], np.float32(0.1))


@pytest.mark.parametrize(
    ("columns", "target", "message"),
    [
        (["size"], "class", "'size' must hold integers, booleans or strings. Got double"),
        (["kind", "red"], "class", "a class must be in one column. Got kind, red"),
        (["kind"], "classes", "'kind' must hold lists of integers or strings. Got string"),
        (["pair"], "classes", "'pair' must hold lists of integers or strings. Got struct"),
        (["map"], "classes", "'map' must hold lists of integers or strings. Got map"),
        (["red", "count"], None, "'count', one of several .* must hold .* 0 and 1. Got 3 at row 0"),
        (["kind"], "values", "'kind' must hold numbers. Got string"),
        (["gap"], None, "'gap' must hold finite numbers. Got nan at row 1"),
    ],
)
def test_wrong_columns_are_named(columns: list[str], target: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labels(TABLE, columns, target)  # type: ignore[arg-type]


def test_nothing_to_learn_is_refused() -> None:
    one, empty = (
        pa.table({"y": ["a", "a"]}),
        pa.table({"y": pa.array([[], []], pa.list_(pa.int8()))}),
    )
    with pytest.raises(ValueError, match="at least two classes"):
        read_labels(one, ["y"])
    with pytest.raises(ValueError, match="must hold classes. Got empty lists only"):
        read_labels(empty, ["y"])
    with pytest.raises(ValueError, match="no nulls in its lists"):
        read_labels(pa.table({"y": [["a", None]]}), ["y"])
