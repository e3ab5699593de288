"""Graphs: a golden example, independence from the order of rows, and directories on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph.conftest import make_schema, make_tables
from tfgnn_ext.graph import NEVER, EdgeSet, Graph, NodeSet, parse_schema


def test_golden(schema, tables):
    # Sorted ids: ann 0, bob 1, cy 2; shops 10 -> 0, 20 -> 1.
    # Purchases as (source, time, target), in the order of the table:
    #   bob 5 20 | ann 9 10 | bob 5 10 | bob 3 20 | ann - 20
    # sorted: ann: (9, 10), (never, 20); bob: (3, 20), (5, 10), (5, 20).
    graph = Graph.from_tables(schema, tables)
    customer = graph.node_sets["customer"]
    assert customer.ids.tolist() == [b"ann", b"bob", b"cy"]
    np.testing.assert_array_equal(customer.features["income"].values, np.float32([np.nan, 7, 9]))
    assert customer.features["income"].known_at == "paid"
    assert customer.features["town"].vocabulary.tolist() == [b"", b"Aix", b"Ulm"]
    assert customer.features["town"].values.tolist() == [0, 2, 1]
    assert customer.features["town"].values.dtype == np.int32
    np.testing.assert_array_equal(
        customer.features["where"].values, np.float32([[3, 4], [1, 2], [5, np.nan]])
    )
    assert customer.times["joined"].tolist() == [200, 100, NEVER]
    assert customer.times["paid"].tolist() == [250, NEVER, 300]
    assert graph.node_sets["shop"].features["size"].values.tolist() == [1, 2]
    buys = graph.edge_sets["buys"]
    assert (buys.source, buys.target, buys.num_edges) == ("customer", "shop", 5)
    assert buys.indptr.tolist() == [0, 2, 5, 5]
    assert buys.targets.tolist() == [0, 1, 1, 0, 1]
    assert buys.times.tolist() == [9, NEVER, 3, 5, 5]
    assert buys.source_rows.tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(
        buys.features["price"].values, np.float32([2.5, 4.5, 3.5, np.nan, 1.5])
    )
    # Reversed and without a time: shop 10 sold to ann and bob; 20 to ann, bob, bob.
    sells = graph.edge_sets["sells"]
    assert (sells.source, sells.target, sells.times) == ("shop", "customer", None)
    assert sells.indptr.tolist() == [0, 2, 5]
    assert sells.targets.tolist() == [0, 1, 0, 1, 1]


def test_dtypes(schema, tables):
    graph = Graph.from_tables(schema, tables)
    buys, customer = graph.edge_sets["buys"], graph.node_sets["customer"]
    assert buys.indptr.dtype == buys.times.dtype == customer.times["paid"].dtype == np.int64
    assert buys.targets.dtype == np.int32
    assert buys.features["price"].values.dtype == np.float32
    assert customer.keys.dtype == np.uint64


def test_keys():
    expected = int.from_bytes(hashlib.blake2b("ü".encode(), digest_size=8).digest(), "little")
    assert NodeSet(np.array(["ü".encode()])).keys.tolist() == [expected]
    assert NodeSet(np.array([-1, 3])).keys.tolist() == [2**64 - 1, 3]


def test_rows():
    nodes = NodeSet(np.array([b"ann", b"bob", b"cy"]))
    assert nodes.rows(["cy", "ann"]).tolist() == [2, 0]
    assert nodes.rows(np.array([b"bob"])).dtype == np.int64
    with pytest.raises(ValueError, match=r"`ids` must be known. Got 'dan' at position 1"):
        nodes.rows(["cy", "dan"])
    with pytest.raises(ValueError, match=r"`ids` must be of type string. Got int64."):
        nodes.rows([1])
    with pytest.raises(ValueError, match=r"Got 5 at position 0 \(2 such ids\)"):
        NodeSet(np.array([], np.int64)).rows([5, 6])


def saved_bytes(graph: Graph, directory: Path) -> dict[str, bytes]:
    graph.save(directory)
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_order_and_sharding_of_rows_do_not_matter(tmp_path_factory, data):
    # Few values, so that many rows tie in all but their content, or in everything.
    number = data.draw(st.integers(0, 13))
    rows = st.lists(st.integers(0, 2), min_size=number, max_size=number)
    columns = {
        "who": pa.array([["ann", "bob", "cy"][i] for i in data.draw(rows)], pa.string()),
        "shop": pa.array([[10, 20, 20][i] for i in data.draw(rows)], pa.int64()),
        "when": pa.array([[1, 2, None][i] for i in data.draw(rows)], pa.int64()),
        "price": pa.array([[0.5, -0.0, None][i] for i in data.draw(rows)], pa.float32()),
        "#weight": pa.array([[0, 1, 2][i] for i in data.draw(rows)], pa.int32()),
    }
    tables = make_tables()
    buys = pa.table(columns)
    tables |= {"buys": buys, "sells": buys}
    base = tmp_path_factory.mktemp("graphs")
    expected = saved_bytes(Graph.from_tables(make_schema(), tables), base / "one")
    mixed = {}
    for name, table in tables.items():
        order = data.draw(st.permutations(range(table.num_rows)))
        cut = data.draw(st.integers(0, table.num_rows))
        shuffled = table.take(pa.array(order, pa.int64()))
        mixed[name] = pa.concat_tables([shuffled.slice(cut), shuffled.slice(0, cut)])
    assert saved_bytes(Graph.from_tables(make_schema(), mixed), base / "two") == expected


def test_edge_ids_order_ties():
    schema = parse_schema("""
        node_sets { key: "n" value {} }
        edge_sets { key: "e" value { source: "n" target: "n"
          features { key: "f" value { dtype: DT_INT64 } }
          metadata { extra { key: "id" value: "name" } } } }""")
    edges = pa.table({"source": [1] * 3, "target": [2] * 3, "name": [30, 10, 20], "f": [3, 1, 2]})
    graph = Graph.from_tables(schema, {"n": pa.table({"id": [1, 2]}), "e": edges})
    assert graph.edge_sets["e"].features["f"].values.tolist() == [1, 2, 3]


def test_null_in_an_optional_column_makes_no_edge(schema, tables):
    who = pa.array(["bob", None, "bob", "bob", None])
    tables["buys"] = tables["sells"] = tables["buys"].set_column(0, "who", who)
    for name in ("buys", "sells"):
        schema.edge_sets[name].metadata.extra.add(key="optional", value="who")
    graph = Graph.from_tables(schema, tables)
    assert graph.edge_sets["buys"].indptr.tolist() == [0, 0, 3, 3]
    assert graph.edge_sets["buys"].features["#weight"].values.tolist() == [0, 3, 1]
    assert graph.edge_sets["sells"].targets.tolist() == [1, 1, 1]


def test_timestamps_of_events_are_rounded_up():
    schema = parse_schema("""
        node_sets { key: "n" value { metadata { extra { key: "times" value: "t" } } } }""")
    stamps = pa.array([1_000_000_001, 2_000_000_000, None], pa.timestamp("ns", "UTC"))
    graph = Graph.from_tables(schema, {"n": pa.table({"id": [1, 2, 3], "t": stamps})})
    assert graph.node_sets["n"].times["t"].tolist() == [2, 2, NEVER]


def test_empty_tables(schema, tables):
    empty = {name: table.slice(0, 0) for name, table in tables.items()}
    graph = Graph.from_tables(schema, empty)
    assert graph.edge_sets["buys"].indptr.tolist() == [0]
    assert graph.node_sets["customer"].features["where"].values.shape == (0, 2)


def test_save_and_load(schema, tables, tmp_path):
    graph = Graph.from_tables(schema, tables)
    graph.save(tmp_path / "graph")
    loaded = Graph.load(tmp_path / "graph", verify=True)
    assert loaded.schema == graph.schema
    assert list(loaded.node_sets) == ["customer", "shop"]
    for name, nodes in graph.node_sets.items():
        assert_equal_arrays(nodes, loaded.node_sets[name])
        np.testing.assert_array_equal(nodes.keys, loaded.node_sets[name].keys)
    for name, edges in graph.edge_sets.items():
        assert_equal_arrays(edges, loaded.edge_sets[name])
    assert not loaded.edge_sets["buys"].targets.flags.owndata  # Memory-mapped.
    # A loaded graph saves to the same bytes, also over itself.
    again = saved_bytes(loaded, tmp_path / "again")
    assert saved_bytes(loaded, tmp_path / "graph") == again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "graph"]


def assert_equal_arrays(one: NodeSet | EdgeSet, other: NodeSet | EdgeSet) -> None:
    assert one.features.keys() == other.features.keys()
    for name, feature in one.features.items():
        np.testing.assert_array_equal(feature.values, other.features[name].values)
        np.testing.assert_array_equal(feature.vocabulary, other.features[name].vocabulary)
        assert feature.known_at == other.features[name].known_at
    for name in ("ids", "indptr", "targets"):
        np.testing.assert_array_equal(getattr(one, name, 0), getattr(other, name, 0))
    if isinstance(one.times, dict):
        assert one.times.keys() == other.times.keys()
        for name, values in one.times.items():
            np.testing.assert_array_equal(values, other.times[name])
    else:
        np.testing.assert_array_equal(one.times, other.times)


def damage_nothing_there(directory: Path) -> None:
    shutil.rmtree(directory)


def damage_missing_array(directory: Path) -> None:
    (directory / "0003.npy").unlink()


def damage_truncated(directory: Path) -> None:
    path = directory / "0003.npy"
    path.write_bytes(path.read_bytes()[:-1])


def damage_header(directory: Path) -> None:
    path = directory / "0003.npy"
    path.write_bytes(path.read_bytes().replace(b"NUMPY", b"NUMPI"))


def damage_type(directory: Path) -> None:
    path = directory / "0000.npy"
    path.write_bytes(path.read_bytes().replace(b"|S3", b"|i3"))


def damage_shape(directory: Path) -> None:
    path = directory / "0001.npy"
    path.write_bytes(path.read_bytes().replace(b"(3,)", b"(2,)"))


def damage_value(directory: Path) -> None:
    path = directory / "0000.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def damage_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_text("{", encoding="utf-8")


def damage_format(directory: Path) -> None:
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"format": 1}))


def damage_schema(directory: Path) -> None:
    path = directory / "schema.pbtxt"
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_nothing_there, r"must be a saved graph. Got no manifest.json in it."),
        (damage_missing_array, r"0003.npy: must have \d+ bytes. Got no such file."),
        (damage_truncated, r"0003.npy: must have \d+ bytes. Got \d+ bytes."),
        (damage_header, r"0003.npy: must be an array file."),
        (damage_type, r"0000.npy: must be an array file|must hold"),
        (damage_shape, r"0001.npy: must hold uint64 of shape \[3\]. Got uint64 of shape \[2\]."),
        (damage_value, r"0000.npy: must have checksum \d+. Got \d+."),
        (damage_manifest, r"manifest.json: must be JSON."),
        (damage_format, r"must have format 3. Got format 1: build it anew."),
        (damage_schema, r"schema.pbtxt: must have checksum \d+. Got \d+."),
    ],
)
def test_a_damaged_directory_is_refused(schema, tables, tmp_path, damage, message):
    Graph.from_tables(schema, tables).save(tmp_path / "graph")
    damage(tmp_path / "graph")
    with pytest.raises(ValueError, match=message):
        Graph.load(tmp_path / "graph", verify=True)


def test_saving_does_not_replace_other_files(schema, tables, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="must be a new or empty directory, or a saved graph"):
        Graph.from_tables(schema, tables).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failed_save_keeps_the_old_graph(schema, tables, tmp_path, monkeypatch):
    graph = Graph.from_tables(schema, tables)
    before = saved_bytes(graph, tmp_path / "graph")
    calls = []

    def fail(file, array, **options):
        calls.append(array)
        if len(calls) == 5:
            raise OSError("disk full")
        file.write(b"partial")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        graph.save(tmp_path / "graph")
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]
    after = {path.name: path.read_bytes() for path in sorted((tmp_path / "graph").iterdir())}
    assert after == before
