"""A first schema from tables."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from tests.graph.conftest import make_tables
from tfgnn_ext.graph import Graph, check_graph, infer_schema, parse_schema

NOON = datetime.datetime(2013, 1, 1, 12, tzinfo=datetime.UTC)


def test_golden():
    user = pa.table(
        {
            "name": ["ann", "bob"],
            "age": [30, None],
            "visits": [3, 4],
            "vector": pa.array([[[1.0, 2.0]], [[3.0, 4.0]]], pa.list_(pa.list_(pa.float32()))),
            "town": ["Ulm", None],
            "joined": [NOON, None],
        }
    )
    knows = pa.table({"source": ["ann"], "target": ["bob"], "weight": [0.5], "since": [NOON]})
    schema = infer_schema(
        {"user": user},
        {"knows": ("user", "user", knows)},
        id_column="name",
        filenames={"user": "user.parquet"},
    )
    expected = parse_schema("""
        node_sets { key: "user" value {
          features { key: "age" value { dtype: DT_FLOAT shape {} } }
          features { key: "visits" value { dtype: DT_INT64 shape {} } }
          features { key: "town" value { dtype: DT_STRING shape {} } }
          features { key: "vector" value {
            dtype: DT_FLOAT shape { dim { size: 1 } dim { size: 2 } } } }
          metadata { cardinality: 2 filename: "user.parquet"
            extra { key: "id" value: "name" } extra { key: "times" value: "joined" } } } }
        edge_sets { key: "knows" value { source: "user" target: "user"
          features { key: "weight" value { dtype: DT_FLOAT shape {} } }
          metadata { cardinality: 1 extra { key: "time" value: "since" } } } }""")
    assert schema == expected
    tables = {"user": user, "knows": knows}
    assert check_graph(schema, tables) == []
    assert Graph.from_tables(schema, tables).edge_sets["knows"].times.tolist() == [1357041600]


def test_mistakes():
    tables = make_tables()
    with pytest.raises(ValueError, match=r"node set 'shop': must have a column 'key'. Got columns"):
        infer_schema({"shop": tables["shop"]}, {}, id_column="key")
    with pytest.raises(ValueError, match=r"edge set 'buys': must have a column 'source'."):
        infer_schema({"a": tables["shop"]}, {"buys": ("a", "a", tables["buys"])})
    edges = pa.table({"source": [1], "target": [2]})
    with pytest.raises(ValueError, match=r"must join node sets of `node_tables` \(a\). Got 'b'."):
        infer_schema({"a": tables["shop"]}, {"e": ("a", "b", edges)})
    ragged = pa.table({"id": [1, 2], "x": [[[1.0]], [[2.0], [3.0]]]})
    with pytest.raises(ValueError, match="node set 'a': column 'x' must hold lists of numbers or"):
        infer_schema({"a": ragged}, {})
    dates = pa.table({"id": [1], "x": [datetime.date(2013, 1, 1)]})
    with pytest.raises(ValueError, match=r"column 'x' must hold numbers, strings or timestamps."):
        infer_schema({"a": dates}, {})
    with pytest.raises(ValueError, match=r"`filenames` of `infer_schema` must name sets. Got 'b'."):
        infer_schema({"a": tables["shop"]}, {}, filenames={"b": "b.csv"})
