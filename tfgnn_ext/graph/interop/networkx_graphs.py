"""Graphs from and to networkx."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.infer_schema import infer_schema
from tfgnn_ext.graph.interop.optional_package import optional_package
from tfgnn_ext.graph.to_tables import to_tables


def from_networkx(
    network: Any,
    *,
    node_set: str = "node",
    edge_set: str = "edge",
    node_type: str | None = None,
    edge_type: str | None = None,
) -> Graph:
    """Builds a graph from a networkx graph, directed or not, simple or multi.

    Attributes become features; where a node or an edge lacks one, it is missing (numbers then are
    floats). An edge of an undirected graph leads both ways.

    Args:
      network: The networkx graph; nodes are ints or strings.
      node_set, edge_set: What to call the sets where they have no type.
      node_type: The node attribute that names a node's set; None: there is one set.
      edge_type: The edge attribute that names an edge's set; None: one set for each pair of node
        sets, called `edge_set`, or ``<source>_<edge_set>_<target>`` if there are several.

    Raises:
      ValueError: networkx is not installed, a node is neither an int nor a string, or an attribute
        is of no type that a feature can have.
      GraphError: The attributes do not make a graph.
    """
    optional_package("networkx", "from_networkx")
    set_of: dict[Any, str] = {}
    nodes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for node, attributes in network.nodes(data=True):
        if isinstance(node, bool) or not isinstance(node, int | str):
            raise ValueError(
                "`network` of `from_networkx` must have nodes that are ints or strings. "
                f"Got {node!r}."
            )
        rest = {key: value for key, value in attributes.items() if key != node_type}
        set_of[node] = node_set if node_type is None else str(attributes.get(node_type, node_set))
        nodes[set_of[node]].append({"id": node, **rest})
    edges: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for source, target, attributes in network.edges(data=True):
        rest = {key: value for key, value in attributes.items() if key != edge_type}
        name = edge_set if edge_type is None else str(attributes.get(edge_type, edge_set))
        ways = [(source, target)]
        if not network.is_directed() and source != target:
            ways.append((target, source))
        for start, end in ways:
            row = {"source": start, "target": end, **rest}
            edges[set_of[start], name, set_of[end]].append(row)
    shared = Counter(name for _, name, _ in edges)
    tables = {name: _table(f"node set {name!r}", rows) for name, rows in nodes.items()}
    ends = {}
    for (source, name, target), rows in edges.items():
        unique = name if shared[name] == 1 else f"{source}_{name}_{target}"
        ends[unique] = source, target, _table(f"edge set {unique!r}", rows)
    schema = infer_schema(tables, ends)
    return Graph.from_tables(schema, {**tables, **{name: part[2] for name, part in ends.items()}})


def to_networkx(graph: Graph) -> Any:
    """A graph as a `networkx.MultiDiGraph`.

    Nodes are called by their ids, or ``(node set, id)`` if there are several node sets. Features
    and times become attributes, beside ``node_type`` and ``edge_type``, the names of the sets; what
    is missing has no attribute.

    Raises:
      ValueError: networkx is not installed.
    """
    networkx = optional_package("networkx", "to_networkx")
    _, tables = to_tables(graph)
    network = networkx.MultiDiGraph()

    def called(node_set: str, node: Any) -> Any:
        return node if len(graph.node_sets) == 1 else (node_set, node)

    for name in graph.node_sets:
        table = tables[name]
        for row in table.to_pylist():
            node = row.pop(table.column_names[0])
            network.add_node(called(name, node), node_type=name, **_present(row))
    for name, part in graph.edge_sets.items():
        for row in tables[name].to_pylist():
            source, target = row.pop("source"), row.pop("target")
            network.add_edge(
                called(part.source, source),
                called(part.target, target),
                edge_type=name,
                **_present(row),
            )
    return network


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def _table(where: str, rows: list[dict[str, Any]]) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        try:
            columns[str(name)] = pa.array([row.get(name) for row in rows])
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            shown = " ".join(str(error).split())
            raise ValueError(
                f"{where}: attribute {name!r} must hold values of one type: numbers, strings, "
                f"times or lists of them. Got: {shown}"
            ) from None
    return pa.table(columns)
