"""What of a graph depends on the time from which one looks at it."""

from __future__ import annotations

from tfgnn_ext.graph.graph import Graph


def timed_parts(graph: Graph) -> list[str]:
    """Names what only seeds with a time can see without seeing the future.

    Args:
      graph: The graph.

    Returns:
      One text a feature that becomes known later and an edge set whose edges have a time; empty
      for a graph that is the same at all times.

    >>> import pyarrow as pa
    >>> from tfgnn_ext.graph import parse_schema
    >>> schema = parse_schema('''
    ...     node_sets { key: "paper" value {} }
    ...     edge_sets { key: "cites" value { source: "paper" target: "paper"
    ...       metadata { extra { key: "time" value: "when" } } } }''')
    >>> cites = pa.table({"source": [1], "target": [2], "when": [5]})
    >>> timed_parts(Graph.from_tables(schema, {"paper": pa.table({"id": [1, 2]}), "cites": cites}))
    ["the time of edge set 'cites'"]
    """
    found = []
    for kind, sets in (("node", graph.node_sets), ("edge", graph.edge_sets)):
        for name, part in sets.items():
            found += [
                f"feature {feature!r} of {kind} set {name!r}, known at {values.known_at!r}"
                for feature, values in part.features.items()
                if values.known_at is not None
            ]
    found += [
        f"the time of edge set {name!r}"
        for name, edges in graph.edge_sets.items()
        if edges.times is not None
    ]
    return found
