"""Graphs from and to PyTorch Geometric's HeteroData and Data."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.interop.optional_package import optional_package
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.schema import declare_feature, new_schema, set_extra
from tfgnn_ext.graph.seed_columns import SPLITS
from tfgnn_ext.graph.seeds import Seeds

_MASKS = {"train": "train_mask", "validation": "val_mask", "test": "test_mask"}
_INDEX = "edge_index"


def from_hetero_data(
    data: Any, *, label: str = "y", time: str | None = None
) -> tuple[Graph, dict[str, pa.Table]]:
    """Builds a graph from a `torch_geometric.data.HeteroData` or `Data`.

    Every tensor with a row a node, or a row an edge, becomes a feature of its name, floats as
    float32 and ints as int64; node ids are row numbers. An edge type ``(a, r, b)`` becomes the edge
    set ``r``, or ``a_r_b`` where several share ``r``; `Data` has the sets ``node`` and ``edge``.

    Args:
      data: The graph.
      label: The node attribute that holds classes. It becomes no feature but a table of seeds, with
        the masks ``train_mask``, ``val_mask`` and ``test_mask`` as their split.
      time: The node and edge attribute that holds times; on edges it orders them.

    Returns:
      The graph, and by node set with labels the table of its seeds: columns id, label and, with
      masks, split (or ``split_0``, ... for masks of several columns; see `choose_split`). Nodes in
      none of the masks, or with a negative label, are no seeds.

    Raises:
      ValueError: An attribute is no tensor of numbers with a row a node or edge.
    """
    schema = new_schema()
    tables: dict[str, pa.Table] = {}
    seeds: dict[str, pa.Table] = {}
    for name, store in _node_stores(data):
        message = schema.node_sets[name]
        message.SetInParent()
        columns: dict[str, Any] = {"id": np.arange(store.num_nodes)}
        masks = {part: key for part, key in _MASKS.items() if key in store}
        for key, value in _tensors(store, f"node set {name!r}", store.num_nodes):
            if key == time:
                columns[key] = value.astype(np.int64)
                set_extra(message, {"times": key})
            elif key != label and key not in masks.values():
                columns[key] = _feature(message, key, value)
        tables[name] = pa.table(columns)
        if label in store:
            labels = store[label].detach().cpu().numpy()
            given = {part: store[key].detach().cpu().numpy() for part, key in masks.items()}
            seeds[name] = _seeds_table(name, labels, given)
    stores = list(_edge_stores(data))
    shared = Counter(relation for (_, relation, _), _ in stores)
    for (source, relation, target), store in stores:
        name = relation if shared[relation] == 1 else f"{source}_{relation}_{target}"
        message = schema.edge_sets[name]
        message.source, message.target = source, target
        if _INDEX not in store:
            raise ValueError(f"edge set {name!r}: must have an {_INDEX}. Got none.")
        ends = store[_INDEX].detach().cpu().numpy()
        columns = {"source": ends[0], "target": ends[1]}
        for key, value in _tensors(store, f"edge set {name!r}", ends.shape[1]):
            if key == time:
                columns[key] = value.astype(np.int64)
                set_extra(message, {"time": key})
            else:
                columns[key] = _feature(message, key, value)
        tables[name] = pa.table(columns)
    return Graph.from_tables(schema, tables), seeds


def to_hetero_data(graph: Graph, seeds: Seeds | None = None) -> Any:
    """A graph as a `torch_geometric.data.HeteroData`.

    Numbers become tensors of their own type, strings codes of the feature's vocabulary, times the
    attribute of their name. int64 ids become the attribute ``id``.

    Args:
      graph: The graph.
      seeds: Their labels become ``y`` (-1 for other nodes), their splits ``train_mask``,
        ``val_mask`` and ``test_mask``.

    Raises:
      ValueError: torch or torch_geometric is not installed, or the graph has what HeteroData cannot
        honour: ragged features, features that become known in time, or seeds with times.
    """
    torch = optional_package("torch", "to_hetero_data")
    pyg = optional_package("torch_geometric.data", "to_hetero_data", "torch_geometric")
    if seeds is not None and seeds.times is not None:
        raise ValueError(
            "`seeds` of `to_hetero_data` must have no times: HeteroData hides nothing from a node. "
            "Got times."
        )
    data = pyg.HeteroData()
    for name, nodes in graph.node_sets.items():
        store = data[name]
        store.num_nodes = nodes.num_nodes
        if nodes.ids.dtype.kind == "i":
            store.id = torch.from_numpy(np.array(nodes.ids))
        _set_features(store, f"node set {name!r}", nodes.features, torch)
        for time, values in nodes.times.items():
            store[time] = torch.from_numpy(np.array(values))
    for name, edges in graph.edge_sets.items():
        store = data[edges.source, name, edges.target]
        ends = np.stack([edges.source_rows, edges.targets]).astype(np.int64)
        store[_INDEX] = torch.from_numpy(ends)
        _set_features(store, f"edge set {name!r}", edges.features, torch)
        if edges.times is not None:
            store.time = torch.from_numpy(np.array(edges.times))
    if seeds is not None:
        store = data[seeds.node_set]
        labels = np.full(graph.node_sets[seeds.node_set].num_nodes, -1, np.int64)
        labels[seeds.rows] = seeds.labels
        store.y = torch.from_numpy(labels)
        for index, part in enumerate(SPLITS):
            mask = np.zeros(len(labels), np.bool_)
            mask[seeds.rows[seeds.splits == index]] = True
            store[_MASKS[part]] = torch.from_numpy(mask)
    return data


def _node_stores(data: Any) -> list[tuple[str, Any]]:
    if hasattr(data, "node_types"):
        return [(name, data[name]) for name in data.node_types]
    return [("node", data)]


def _edge_stores(data: Any) -> list[tuple[tuple[str, str, str], Any]]:
    if hasattr(data, "edge_types"):
        return [(kind, data[kind]) for kind in data.edge_types]
    return [(("node", "edge", "node"), data)]


def _tensors(store: Any, where: str, rows: int) -> list[tuple[str, npt.NDArray[Any]]]:
    """The attributes with a value a row; of `Data`, whose store holds both, those that fit."""
    homogeneous = hasattr(store, "is_node_attr")
    on_edges = where.startswith("edge")
    found = []
    for key in store.keys() if callable(store.keys) else store.keys:
        value = store[key]
        if key in (_INDEX, "num_nodes"):
            continue
        if homogeneous and store.is_edge_attr(key) != on_edges:
            continue
        numbers = value.detach().cpu().numpy() if hasattr(value, "detach") else None
        if (
            numbers is None
            or numbers.ndim < 1
            or len(numbers) != rows
            or numbers.dtype.kind not in "biuf"
        ):
            got = type(value).__name__ if numbers is None else f"shape {list(numbers.shape)}"
            must = f"attribute {key!r} must be a tensor of numbers with {rows} rows"
            raise ValueError(f"{where}: {must}. Got {got}.")
        found.append((str(key), numbers))
    return found


def _feature(message: Any, name: str, values: npt.NDArray[Any]) -> pa.Array:
    is_float = values.dtype.kind == "f"
    declare_feature(message, name, "DT_FLOAT" if is_float else "DT_INT64", values.shape[1:])
    values = values.astype(np.float32 if is_float else np.int64)
    column = pa.array(values.reshape(-1), from_pandas=True)
    for size in reversed(values.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column


def _seeds_table(
    name: str, labels: npt.NDArray[Any], masks: dict[str, npt.NDArray[np.bool_]]
) -> pa.Table:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "biu":
        raise ValueError(
            f"node set {name!r}: labels must be one int a node. "
            f"Got {labels.dtype} of shape {list(labels.shape)}."
        )
    columns: dict[str, Any] = {"id": np.arange(len(labels)), "label": labels.astype(np.int64)}
    kept = labels >= 0
    if masks:
        width = {1 if mask.ndim == 1 else mask.shape[1] for mask in masks.values()}
        if len(width) > 1:
            raise ValueError(f"node set {name!r}: masks must have equally many columns.")
        for k in range(width.pop()):
            split = np.full(len(labels), None, object)
            for part, mask in masks.items():
                split[mask if mask.ndim == 1 else mask[:, k]] = part
            several = any(mask.ndim > 1 for mask in masks.values())
            columns[f"split_{k}" if several else "split"] = pa.array(split.tolist(), pa.string())
    table = pa.table(columns)
    if "split" in columns:
        kept &= np.asarray(table["split"].is_valid())
    return table.filter(pa.array(kept))


def _set_features(store: Any, where: str, features: Any, torch: Any) -> None:
    for name, feature in features.items():
        if isinstance(feature.values, Ragged):
            raise ValueError(
                f"{where}: feature {name!r} must not be ragged: a tensor has one shape. Got lists."
            )
        if feature.known_at is not None:
            raise ValueError(
                f"{where}: feature {name!r} must be known from the start: HeteroData would show it "
                f"before its time. Got known_at {feature.known_at!r}."
            )
        values = np.array(feature.values)
        store[name] = torch.from_numpy(
            values.astype(np.int64) if values.dtype == np.int32 else values
        )
