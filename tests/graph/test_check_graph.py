"""Bad tables and schemas: each is refused with one line: what, where, and what is right."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tests.graph.conftest import make_schema, make_tables
from tfgnn_ext.graph import Graph, GraphError, TableFiles, check_graph, parse_schema

I64 = pa.int64()


def replaced(table: pa.Table, column: str, values: Any) -> pa.Table:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return table.set_column(table.column_names.index(column), column, array)


def test_good_tables_have_no_problems(schema, tables):
    assert check_graph(schema, tables) == []


# Set, column, values, the problem.
BAD_VALUES = [
    ("customer", "id", ["bob", "ann", "bob"],
     "node set 'customer': column 'id' must hold unique ids. Got 'bob' again at row 2 "
     "(1 repeats)."),
    ("customer", "id", ["bob", "ann", None],
     "node set 'customer': column 'id' must have no nulls. Got 1, the first at row 2."),
    ("customer", "id", [1.0, 2.0, 3.0],
     "node set 'customer': column 'id' must hold int64 or string ids. Got double."),
    ("shop", "id", pa.array([20, 2**63], pa.uint64()),
     "node set 'shop': column 'id' must hold ids below 2^63. Got 9223372036854775808."),
    ("customer", "income", [7.0, float("nan"), 9.0],
     ("node set 'customer': feature 'income' must be finite as float32 (a missing value is null). "
     "Got nan at row 1 (1 such values).")),
    ("customer", "income", [7.0, 8.0, float("-inf")],
     ("node set 'customer': feature 'income' must be finite as float32 (a missing value is null). "
     "Got -inf at row 2 (1 such values).")),
    ("customer", "income", [1e39, 8.0, 9.0],
     ("node set 'customer': feature 'income' must be finite as float32 (a missing value is null). "
     "Got 1e+39 at row 0 (1 such values).")),
    ("customer", "income", ["7", "8", "9"],
     "node set 'customer': feature 'income' must be DT_FLOAT by its schema. Got string."),
    ("customer", "town", [1, 2, 3],
     "node set 'customer': feature 'town' must be DT_STRING by its schema. Got int64."),
    ("customer", "where", pa.array([[1.0] * 3] * 3, pa.list_(pa.float64(), 3)),
     "node set 'customer': feature 'where' must have shape [2] by its schema. Got [3]."),
    ("customer", "where", [[1.0, 2.0], [3.0], [4.0, 5.0]],
     "node set 'customer': feature 'where' must hold lists of one length. Got lengths [1, 2]."),
    ("customer", "where", [[1.0, 2.0], None, [4.0, 5.0]],
     "node set 'customer': feature 'where' must hold no null lists. Got 1."),
    ("customer", "where", [[1.0, 2.0], [3.0, float("inf")], [4.0, 5.0]],
     ("node set 'customer': feature 'where' must be finite as float32 (a missing value is null). "
     "Got inf at row 1 (1 such values).")),
    ("customer", "where", [1.0, 2.0, 3.0],
     "node set 'customer': feature 'where' must have shape [2] by its schema. Got []."),
    ("customer", "town", [{"a": 1}] * 3,
     ("node set 'customer': feature 'town' must hold numbers, strings or lists of them. "
     "Got struct<a: int64>.")),
    ("shop", "size", [1, None],
     ("node set 'shop': feature 'size' must have no nulls, since it is DT_INT64 (DT_FLOAT may have "
     "them). Got 1, the first at row 1.")),
    ("shop", "size", pa.array([1, 2**63], pa.uint64()),
     "node set 'shop': feature 'size' must be below 2^63. Got 9223372036854775808 at row 1."),
    ("shop", "size", [1.0, 2.0],
     "node set 'shop': feature 'size' must be DT_INT64 by its schema. Got double."),
    ("customer", "joined", [1.5, 2.5, 3.5],
     "node set 'customer': time column 'joined' must hold integers or timestamps. Got double."),
    ("customer", "paid", ["monday", "monday", "never"],
     "node set 'customer': time column 'paid' must hold integers or timestamps. Got string."),
    ("buys", "when", pa.array([1] * 5, pa.date32()),
     "edge set 'buys': time column 'when' must hold integers or timestamps. Got date32[day]."),
    ("buys", "who", ["bob", "dan", "bob", "eve", "ann"],
     ("edge set 'buys': column 'who' must hold ids of node set 'customer'. Got 'dan' at row 1 "
     "(2 dangling edges).")),
    ("buys", "shop", [20, 10, 30, 20, 20],
     ("edge set 'buys': column 'shop' must hold ids of node set 'shop'. Got 30 at row 2 "
     "(1 dangling edges).")),
    ("buys", "shop", ["20", "10", "10", "20", "20"],
     "edge set 'buys': column 'shop' must hold int64 ids like node set 'shop'. Got string."),
    ("buys", "shop", [20, None, 10, None, 20],
     ("edge set 'buys': column 'shop' must have no nulls (or be named in `optional`). Got 2, the "
     "first at row 1.")),
    ("buys", "shop", [True] * 5,
     "edge set 'buys': column 'shop' must hold int64 or string ids. Got bool."),
    ("buys", "#weight", [1.0, 2.0, -3.0, 0.0, 5.0],
     "edge set 'buys': weight '#weight' must be >= 0. Got -3.0 at row 2 (1 such rows)."),
    ("buys", "#weight", [1.0, None, 3.0, 0.0, None],
     "edge set 'buys': weight '#weight' must be >= 0. Got null at row 1 (2 such rows)."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "column", "values", "problem"), BAD_VALUES)
def test_bad_values(schema, tables, tmp_path, name, column, values, problem):
    tables[name] = replaced(tables[name], column, values)
    assert check_graph(schema, tables) == [problem]
    with pytest.raises(GraphError) as caught:
        Graph.from_tables(schema, tables).save(tmp_path / "graph")
    assert str(caught.value) == problem
    assert list(tmp_path.iterdir()) == []


def test_nan_weight_is_two_problems(schema, tables):
    tables["buys"] = replaced(tables["buys"], "#weight", [1.0, float("nan"), 3.0, 0.0, 5.0])
    assert check_graph(schema, tables) == [
        (
            "edge set 'buys': feature '#weight' must be finite as float32 (a missing value is "
            "null). Got nan at row 1 (1 such values)."
        ),
        "edge set 'buys': weight '#weight' must be >= 0. Got nan at row 1 (1 such rows).",
    ]


def with_extra(name: str, key: str, value: str) -> Any:
    schema = make_schema()
    sets = schema.node_sets if name in schema.node_sets else schema.edge_sets
    for item in list(sets[name].metadata.extra):
        if item.key == key:
            sets[name].metadata.extra.remove(item)
    sets[name].metadata.extra.add(key=key, value=value)
    return schema


def changed(change: Any) -> Any:
    schema = make_schema()
    change(schema)
    return schema


def with_feature(dtype: int, *shape: int) -> Any:
    schema = make_schema()
    feature = schema.node_sets["customer"].features["income"]
    feature.dtype = dtype
    for size in shape:
        feature.shape.dim.add(size=size)
    return schema


def with_source(name: str) -> Any:
    schema = make_schema()
    schema.edge_sets["sells"].source = name
    return schema


BAD_SCHEMAS = [
    (with_extra("customer", "known_at.income", "payed"),
     ("node set 'customer': `known_at.income` must be one of its times (joined, paid). "
     "Got 'payed'.")),
    (with_extra("customer", "known_at.incom", "paid"),
     ("node set 'customer': `known_at.incom` must name one of its features (income, town, where). "
     "Got 'incom'.")),
    (with_extra("customer", "times", "joined,paid,left"),
     ("node set 'customer': must have a column 'left'. "
     "Got columns id, income, town, where, joined, paid.")),
    (with_extra("customer", "times", "joined,paid,income"),
     "node set 'customer': time 'income' must not be a feature too. Got both in its schema."),
    (with_extra("shop", "id", "number"),
     "node set 'shop': must have a column 'number'. Got columns id, size."),
    (with_extra("buys", "time", "date"),
     "edge set 'buys': must have a column 'date'. Got columns who, shop, when, price, #weight."),
    (with_extra("buys", "known_at.price", "when"),
     ("edge set 'buys': `known_at.price` must be given for node sets only (edges have `time`). "
     "Got it.")),
    (with_extra("buys", "optional", "price"),
     "edge set 'buys': `optional` must name end columns (who, shop). Got 'price'."),
    (with_extra("buys", "weights", "cost"),
     "edge set 'buys': `weights` must name its features. Got 'cost'."),
    (with_extra("buys", "id", "price"),
     "edge set 'buys': column 'price' must hold int64 or string ids. Got double."),
    (with_extra("buys", "id", "shop"),
     "edge set 'buys': column 'shop' must hold unique ids. Got 10 again at row 2 (3 repeats)."),
    (with_feature(2),
     ("node set 'customer': feature 'income' must be of dtype DT_FLOAT, DT_INT64, DT_STRING. "
     "Got DT_DOUBLE.")),
    (with_feature(1, -1),
     "node set 'customer': feature 'income' must hold lists, since its shape is [-1]. Got double."),
    (with_feature(1, 2, -1),
     "node set 'customer': feature 'income' must have a fixed shape or [-1] in its schema. "
     "Got [2, -1]."),
    (changed(lambda s: s.context.features["when"].SetInParent()),
     "context: must have no features, since a graph has no table for them. Got when."),
    (changed(lambda s: s.node_sets["shop"].context.append("when")),
     "node set 'shop': `context` must be empty. Got when."),
    (changed(lambda s: s.node_sets["shop"].metadata.bigquery.SetInParent()),
     "node set 'shop': `metadata.bigquery` must not be set: export the table and name its file as "
     "`metadata.filename`. Got it."),
    (with_extra("buys", "edge_type", "both"),
     "edge set 'buys': `edge_type` must be reversed if it is given. Got 'both'."),
    (with_source("vendor"),
     "edge set 'sells': `source` must name a node set (customer, shop). Got 'vendor'."),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "problem"), BAD_SCHEMAS)
def test_bad_schemas(schema, problem):
    assert problem in check_graph(schema, make_tables())


def test_missing_table(schema, tables):
    del tables["shop"], tables["sells"]
    assert check_graph(schema, tables) == [
        "node set 'shop': must have a table. Got tables buys, customer.",
        "edge set 'sells': must have a table. Got tables buys, customer.",
    ]


def test_column_twice(schema, tables):
    shop = tables["shop"]
    tables["shop"] = pa.table([*shop.columns, shop["id"]], names=["id", "size", "id"])
    with pytest.raises(GraphError, match="node set 'shop': must have one column 'id'"):
        Graph.from_tables(schema, tables)


def test_one_name_for_two_sets(schema, tables):
    schema.edge_sets["shop"].CopyFrom(schema.edge_sets["sells"])
    message = "set 'shop': must be a node set or an edge set. Got both of this name."
    assert message in check_graph(schema, tables)


def test_problems_name_the_file(schema, tables):
    shop = replaced(tables["shop"], "size", [1, None])
    tables["shop"] = TableFiles(pa.concat_tables([shop, shop]), (("a.csv", 2), ("b.csv", 2)))
    problems = check_graph(schema, tables)
    assert "Got 2, the first at a.csv, row 1." in problems[0]
    assert "Got 20 again at b.csv, row 0 (2 repeats)." in problems[1]


def test_the_message_shows_the_first_ten_problems():
    schema = parse_schema("".join(f'node_sets {{ key: "n{i}" value {{}} }}' for i in range(13)))
    with pytest.raises(GraphError) as caught:
        Graph.from_tables(schema, {})
    assert len(caught.value.problems) == 13
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[0] == "node set 'n0': must have a table. Got tables none."
    assert lines[-1] == "... and 3 more problems."


def test_the_null_type_holds_missing_values(schema, tables):
    tables["customer"] = replaced(tables["customer"], "town", pa.nulls(3))
    tables["customer"] = replaced(tables["customer"], "income", pa.nulls(3))
    tables["customer"] = replaced(tables["customer"], "paid", pa.nulls(3))
    graph = Graph.from_tables(schema, tables)
    assert graph.node_sets["customer"].features["town"].values.tolist() == [0, 0, 0]
