"""Graphs from and to pandas, SciPy, networkx and PyTorch Geometric."""

from __future__ import annotations

import importlib
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from tests.graph.conftest import make_schema, make_tables
from tests.graph.test_write_tables import same
from tfgnn_ext.graph import Graph, GraphError, Seeds, parse_schema, to_tables
from tfgnn_ext.graph.datasets import choose_split
from tfgnn_ext.graph.interop import (
    from_data_frames,
    from_hetero_data,
    from_networkx,
    from_scipy,
    to_data_frames,
    to_hetero_data,
    to_networkx,
    to_scipy,
)


def shops() -> Graph:
    return Graph.from_tables(make_schema(), make_tables())


def pairs(graph: Graph, edge_set: str) -> list[tuple[Any, Any]]:
    edges = graph.edge_sets[edge_set]
    source, target = graph.node_sets[edges.source].ids, graph.node_sets[edges.target].ids
    return list(
        zip(source[edges.source_rows].tolist(), target[edges.targets].tolist(), strict=True)
    )


class TestDataFrames:
    def test_there_and_back(self) -> None:
        pytest.importorskip("pandas")
        graph = shops()
        nodes, edges = to_data_frames(graph)
        assert nodes["shop"]["size"].tolist() == [1, 2]
        assert edges["buys"][:2] == ("customer", "shop")
        same(graph, from_data_frames(nodes, edges, schema=to_tables(graph)[0]))

    def test_a_schema_is_inferred_and_an_index_may_hold_ids(self) -> None:
        pandas = pytest.importorskip("pandas")
        users = pandas.DataFrame({"age": [3.5, None]}, index=pandas.Index(["b", "a"], name="id"))
        likes = pandas.DataFrame({"source": ["a"], "target": ["b"], "stars": [4]})
        graph = from_data_frames({"user": users}, {"likes": ("user", "user", likes)})
        assert graph.node_sets["user"].ids.tolist() == [b"a", b"b"]
        np.testing.assert_array_equal(
            graph.node_sets["user"].features["age"].values, np.float32([np.nan, 3.5])
        )
        assert graph.edge_sets["likes"].features["stars"].values.tolist() == [4]

    def test_faults_are_named(self) -> None:
        pandas = pytest.importorskip("pandas")
        mixed = pandas.DataFrame({"id": [1, 2], "x": [3, "y"]})
        with pytest.raises(ValueError, match="node set 'user': must be a DataFrame of numbers"):
            from_data_frames({"user": mixed}, {})


class TestSciPy:
    def test_edges_weights_and_features(self) -> None:
        wrote = scipy.sparse.coo_matrix(([1, 1, 1], ([0, 2, 1], [1, 0, 1])), shape=(3, 2))
        cites = scipy.sparse.csr_matrix([[0, 2.5, 0], [0, 0, 1], [0, 0, 0]])
        graph = from_scipy(
            {"wrote": ("author", "paper", wrote.T.tocsc().T), "cites": ("author", "author", cites)},
            {"paper": scipy.sparse.csr_matrix([[1.0, 0], [0, 2]])},
            {"author": ["x", "z", "y"]},
        )
        assert pairs(graph, "wrote") == [(b"x", 1), (b"y", 0), (b"z", 1)]
        assert graph.edge_sets["wrote"].features == {}
        assert pairs(graph, "cites") == [(b"x", b"z"), (b"z", b"y")]
        assert graph.edge_sets["cites"].features["#weight"].values.tolist() == [2.5, 1]
        assert graph.node_sets["paper"].features["feat"].values.tolist() == [[1, 0], [0, 2]]

    @hypothesis.given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(1, 9))))
    @hypothesis.settings(max_examples=50, deadline=None)
    def test_there_and_back(self, entries: list[tuple[int, int, int]]) -> None:
        dense = np.zeros((5, 7), np.float32)
        for row, column, value in entries:
            dense[row, column] = value
        graph = from_scipy({"e": ("a", "b", scipy.sparse.csr_matrix(dense))})
        weight = "#weight" if "#weight" in graph.edge_sets["e"].features else None
        np.testing.assert_array_equal(to_scipy(graph, "e", weight=weight).toarray(), dense)
        np.testing.assert_array_equal(to_scipy(graph, "e").toarray(), (dense > 0).astype(float))

    def test_parallel_edges_add_up(self) -> None:
        matrix = to_scipy(shops(), "buys", weight="price")
        # bob bought at shop 10 for a missing price, at 20 for 1.5 and 3.5.
        np.testing.assert_array_equal(
            matrix.toarray(), np.float32([[2.5, 4.5], [np.nan, 5.0], [0, 0]])
        )

    def test_faults_are_named(self) -> None:
        square = scipy.sparse.eye(3)
        with pytest.raises(ValueError, match="edge set 'f': must have 3 nodes of 'a', as edge set"):
            from_scipy({"e": ("a", "a", square), "f": ("a", "b", scipy.sparse.eye(2))})
        with pytest.raises(ValueError, match="features of 'a': must have 3 nodes"):
            from_scipy({"e": ("a", "a", square)}, {"a": np.zeros((2, 2))})
        with pytest.raises(ValueError, match="edge set 'e': must be a SciPy sparse matrix"):
            from_scipy({"e": ("a", "a", np.eye(2))})
        with pytest.raises(GraphError, match="weight '#weight' must be >= 0. Got -1.0"):
            from_scipy({"e": ("a", "a", -square)})
        with pytest.raises(ValueError, match="`edge_set` of `to_scipy` must be one of buys, sells"):
            to_scipy(shops(), "sold")
        with pytest.raises(ValueError, match="`weight` of `to_scipy` must be a feature of 'buys'"):
            to_scipy(shops(), "buys", weight="cost")


class TestNetworkX:
    def test_undirected_edges_lead_both_ways(self) -> None:
        networkx = pytest.importorskip("networkx")
        network = networkx.Graph()
        network.add_node("b", age=3, name="Bea")
        network.add_node("a", age=2.5)
        network.add_edge("a", "b", weight=0.5)
        network.add_edge("a", "a", weight=2.0)
        graph = from_networkx(network)
        assert pairs(graph, "edge") == [(b"a", b"a"), (b"a", b"b"), (b"b", b"a")]
        assert graph.edge_sets["edge"].features["weight"].values.tolist() == [2, 0.5, 0.5]
        assert graph.node_sets["node"].features["age"].values.tolist() == [2.5, 3]
        names = graph.node_sets["node"].features["name"]
        assert names.vocabulary[names.values].tolist() == [b"", b"Bea"]

    def test_types_make_sets(self) -> None:
        networkx = pytest.importorskip("networkx")
        network = networkx.MultiDiGraph()
        network.add_node(1, kind="user")
        network.add_node(2, kind="item", price=4)
        network.add_edge(1, 2, way="likes")
        network.add_edge(2, 1, way="likes")
        network.add_edge(1, 2, way="buys", n=1)
        network.add_edge(1, 2, way="buys", n=2)
        graph = from_networkx(network, node_type="kind", edge_type="way")
        assert sorted(graph.edge_sets) == ["buys", "item_likes_user", "user_likes_item"]
        assert sorted(graph.edge_sets["buys"].features["n"].values.tolist()) == [1, 2]
        assert graph.node_sets["item"].features["price"].values.tolist() == [4]

    def test_out_and_in_again(self) -> None:
        pytest.importorskip("networkx")
        graph = shops()
        network = to_networkx(graph)
        assert network.nodes["customer", "cy"] == {
            "node_type": "customer", "income": 9.0, "paid": 300, "town": "Aix",
            "where": [5.0, None],
        }  # fmt: skip
        assert network.number_of_edges() == 10
        assert sorted(
            data["price"] for *_, data in network.edges(data=True) if "price" in data
        ) == [1.5, 2.5, 3.5, 4.5]
        one = Graph.from_tables(
            parse_schema('node_sets { key: "node" value { features { key: "x" value '
                         "{ dtype: DT_INT64 } } } } edge_sets { key: \"edge\" value "
                         '{ source: "node" target: "node" } }'),
            {"node": pa.table({"id": [3, 5], "x": [7, 8]}),
             "edge": pa.table({"source": [3, 3], "target": [5, 5]})},
        )  # fmt: skip
        again = from_networkx(to_networkx(one), node_type="node_type", edge_type="edge_type")
        same(one, again)

    def test_faults_are_named(self) -> None:
        networkx = pytest.importorskip("networkx")
        with pytest.raises(ValueError, match=r"must have nodes that are ints or strings. Got \(1,"):
            from_networkx(networkx.grid_2d_graph(2, 2, create_using=networkx.Graph).__class__(
                [((1, 2), (3, 4))]
            ))  # fmt: skip
        network = networkx.Graph()
        network.add_node(1, x=3)
        network.add_node(2, x="y")
        with pytest.raises(
            ValueError, match="node set 'node': attribute 'x' must hold values of one"
        ):
            from_networkx(network)
        network = networkx.Graph([(1, "a")])
        with pytest.raises(ValueError, match="attribute 'id' must hold values of one type"):
            from_networkx(network)


class TestHeteroData:
    @pytest.fixture
    def data(self) -> Any:
        torch = pytest.importorskip("torch")
        pyg = pytest.importorskip("torch_geometric.data")
        data = pyg.HeteroData()
        data["paper"].x = torch.tensor([[1.0, 2], [3, 4], [5, 6]])
        data["paper"].year = torch.tensor([2001, 2002, 2003])
        data["paper"].y = torch.tensor([1, 0, -1])
        data["paper"].train_mask = torch.tensor([True, False, True])
        data["paper"].test_mask = torch.tensor([False, True, False])
        data["author"].num_nodes = 2
        data["author", "writes", "paper"].edge_index = torch.tensor([[1, 0, 1], [2, 0, 0]])
        data["author", "writes", "paper"].edge_attr = torch.tensor([[0.5], [1.5], [2.5]])
        data["paper", "cites", "paper"].edge_index = torch.tensor([[0], [1]])
        data["author", "cites", "author"].edge_index = torch.tensor([[0], [1]])
        return data

    def test_in(self, data: Any) -> None:
        graph, seeds = from_hetero_data(data)
        assert sorted(graph.edge_sets) == ["author_cites_author", "paper_cites_paper", "writes"]
        assert pairs(graph, "writes") == [(0, 0), (1, 0), (1, 2)]
        assert graph.edge_sets["writes"].features["edge_attr"].values.tolist() == [
            [1.5],
            [2.5],
            [0.5],
        ]
        paper = graph.node_sets["paper"].features
        assert sorted(paper) == ["x", "year"]  # Neither labels nor masks.
        assert paper["x"].values.tolist() == [[1, 2], [3, 4], [5, 6]]
        assert seeds["paper"].to_pydict() == {
            "id": [0, 1], "label": [1, 0], "split": ["train", "test"],
        }  # fmt: skip

    def test_out_and_in_again(self, data: Any) -> None:
        graph, tables = from_hetero_data(data)
        seeds = Seeds.from_table(graph, tables["paper"], node_set="paper")
        out = to_hetero_data(graph, seeds)
        assert out["paper"].y.tolist() == [1, 0, -1]
        assert out["paper"].train_mask.tolist() == [True, False, False]
        again, seeds_again = from_hetero_data(out)
        del again.node_sets["paper"].features["id"]  # type: ignore[attr-defined]
        for name in graph.edge_sets:
            assert pairs(graph, name) == pairs(again, name)
        assert seeds_again["paper"].equals(tables["paper"])
        same(graph, again)

    def test_data_and_several_masks(self) -> None:
        torch = pytest.importorskip("torch")
        pyg = pytest.importorskip("torch_geometric.data")
        masks = torch.tensor([[True, False], [False, True], [False, False]])
        plain = pyg.Data(
            x=torch.eye(3), edge_index=torch.tensor([[0, 2], [1, 0]]), y=torch.tensor([0, 1, 1]),
            edge_attr=torch.tensor([1.0, 2.0]), train_mask=masks, val_mask=masks.flip(1),
            test_mask=torch.tensor([[False, False]] * 2 + [[True, True]]),
        )  # fmt: skip
        graph, seeds = from_hetero_data(plain)
        assert pairs(graph, "edge") == [(0, 1), (2, 0)]
        assert sorted(graph.node_sets["node"].features) == ["x"]
        assert choose_split(seeds["node"], 1)["split"].to_pylist() == [
            "validation",
            "train",
            "test",
        ]

    def test_what_it_cannot_hold_is_refused(self, data: Any) -> None:
        with pytest.raises(ValueError, match="feature 'income' must be known from the start"):
            to_hetero_data(shops())
        torch = importlib.import_module("torch")
        data["paper"].odd = torch.zeros(2, 2)
        with pytest.raises(ValueError, match="attribute 'odd' must be a tensor of numbers with 3"):
            from_hetero_data(data)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    for call, package in (
        (lambda: to_networkx(shops()), "networkx"),
        (lambda: to_data_frames(shops()), "pandas"),
        (lambda: to_hetero_data(shops()), "torch"),
    ):
        with pytest.raises(ValueError, match=f"must have the package {package} "):
            call()
