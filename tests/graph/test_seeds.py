"""Seeds from tables."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from tests.graph.test_check_graph import replaced
from tfgnn_ext.graph import Graph, Seeds

TABLE = pa.table(
    {
        "id": ["cy", "ann", "bob", "ann"],
        "time": pa.array([3000, 1999, 5, 7], pa.timestamp("ms")),
        "label": ["no", "yes", "no", "maybe"],
        "split": ["train", "test", "validation", "train"],
    }
)


@pytest.fixture
def graph(schema, tables):
    return Graph.from_tables(schema, tables)


def test_golden(graph):
    seeds = Seeds.from_table(graph, TABLE, node_set="customer", time="time")
    assert len(seeds) == 4
    assert seeds.rows.tolist() == [2, 0, 1, 0]
    assert seeds.times.tolist() == [3, 1, 0, 0]  # Rounded down: 1.999 s is before second 2.
    assert seeds.classes == ("maybe", "no", "yes")
    assert seeds.labels.tolist() == [1, 2, 1, 0]
    assert seeds.splits.tolist() == [0, 2, 1, 0]
    train = seeds.split("train")
    assert (train.ids.tolist(), train.labels.tolist()) == ([b"cy", b"ann"], [1, 0])
    assert train.classes == seeds.classes
    dtypes = [a.dtype.str for a in (seeds.rows, seeds.times, seeds.labels, seeds.splits)]
    assert dtypes == ["<i4", "<i8", "<i4", "|i1"]


def test_integer_classes_sort_as_numbers(graph):
    table = replaced(TABLE, "label", [10, 9, -1, 9])
    seeds = Seeds.from_table(graph, table, node_set="customer")
    assert (seeds.classes, seeds.labels.tolist()) == (("-1", "9", "10"), [2, 1, 0, 1])
    assert seeds.times is None


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", ["cy", "ann", "dan", "ann"],
         r"seeds table: column 'id': `ids` must be known. Got 'dan' at position 2"),
        ("id", [1, 2, 3, 4], r"seeds table: column 'id': `ids` must be of type string. Got int64."),
        ("id", [1.5, 2, 3, 4], r"column 'id' must hold int64 or string ids. Got double."),
        ("id", ["cy", None, "bob", "ann"], r"column 'id' must have no nulls. Got one at row 1."),
        ("time", ["a", "b", "c", "d"], r"time column 'time' must hold integers or timestamps."),
        ("time", [1, 2, 2**63 - 1, 3], r"column 'time' must hold real times. Got 9223372036854775"),
        ("label", [datetime.date(2020, 1, 1)] * 4,
         r"column 'label' must hold integers, booleans or strings."),
        ("label", ["a"] * 4, r"column 'label' must hold at least two classes. Got \['a'\]."),
        ("split", ["train", "dev", "test", "test"],
         r"column 'split' must be one of train, validation, test. Got 'dev' at row 1."),
        ("split", [0, 1, 2, 0], r"column 'split' must be one of train, validation, test. Got '0'"),
    ],
)  # fmt: skip
def test_bad_values(graph, column, values, message):
    table = replaced(TABLE, column, values)
    with pytest.raises(ValueError, match=message):
        Seeds.from_table(graph, table, node_set="customer", time="time")


def test_bad_arguments(graph):
    with pytest.raises(
        ValueError, match=r"`node_set` of `Seeds` must be one of customer, shop. Go"
    ):
        Seeds.from_table(graph, TABLE, node_set="town")
    with pytest.raises(
        ValueError, match=r"seeds table: must have a column 'when'. Got columns id,"
    ):
        Seeds.from_table(graph, TABLE, node_set="customer", time="when")
    with pytest.raises(ValueError, match="`name` of `split` must be one of train, validation, tes"):
        Seeds.from_table(graph, TABLE, node_set="customer").split("dev")
