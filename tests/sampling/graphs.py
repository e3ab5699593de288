"""Random heterogeneous graphs for the sampler: timed, weighted, with parallel edges and hubs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tfgnn_ext.graph import Graph, parse_schema

SCHEMA = """
node_sets { key: "user" value {} }
node_sets { key: "item" value {
  features { key: "price" value { dtype: DT_FLOAT shape {} } }
  features { key: "brand" value { dtype: DT_STRING shape {} } }
  features { key: "stars" value { dtype: DT_INT64 shape { dim { size: 2 } } } }
  features { key: "recall" value { dtype: DT_FLOAT shape {} } }
  metadata { extra { key: "times" value: "listed,recalled" }
             extra { key: "known_at.recall" value: "recalled" } } } }
edge_sets { key: "likes" value { source: "user" target: "item"
  features { key: "weight" value { dtype: DT_FLOAT shape {} } } } }
edge_sets { key: "liked_by" value { source: "item" target: "user"
  features { key: "weight" value { dtype: DT_FLOAT shape {} } }
  metadata { extra { key: "edge_type" value: "reversed" } } } }
edge_sets { key: "bought" value { source: "user" target: "item"
  features { key: "weight" value { dtype: DT_FLOAT shape {} } }
  metadata { extra { key: "time" value: "when" } } } }
edge_sets { key: "similar" value { source: "item" target: "item" } }
"""


def shop(seed: int, *, users: int = 13, items: int = 29, strings: bool = True) -> Graph:
    """A graph with ids that are no row numbers, isolated nodes and parallel edges."""
    return Graph.from_tables(
        parse_schema(SCHEMA), shop_tables(seed, users=users, items=items, strings=strings)
    )


def shop_tables(
    seed: int, *, users: int = 13, items: int = 29, strings: bool = True
) -> dict[str, pa.Table]:
    """The tables of `shop`."""
    random = np.random.default_rng(seed)
    user_ids = [f"u{i:03d}" for i in random.permutation(users * 3)[:users]]
    item_ids = (random.permutation(items * 5)[:items] * 7 - 100).tolist()
    if not strings:
        user_ids = [int(i) for i in random.permutation(users * 3)[:users]]

    def edges(count: int) -> dict[str, object]:
        hub = random.random(count) < 0.3  # A third of the edges at one user.
        sources = np.where(hub, 0, random.integers(0, users, count))
        weights = np.where(random.random(count) < 0.2, 0, random.exponential(1, count) ** 3)
        return {
            "source": [user_ids[i] for i in sources],
            "target": [item_ids[i] for i in random.integers(0, items, count)],
            "weight": weights.astype(np.float32),
            "when": random.integers(0, 50, count),
        }

    likes = pa.table(edges(150))
    pairs = random.integers(0, items, (2, 120))
    recalled = pa.array(random.integers(0, 80, items), mask=random.random(items) < 0.3)
    return {
        "user": pa.table({"id": user_ids}),
        "item": pa.table(
            {
                "id": item_ids,
                "price": pa.array(
                    random.random(items).astype(np.float32), mask=random.random(items) < 0.2
                ),
                "brand": pa.array(
                    random.choice(["acme", "zork", "ölt"], items),
                    mask=random.random(items) < 0.2,
                ),
                "stars": pa.array(
                    random.integers(0, 6, (items, 2)).tolist(), pa.list_(pa.int64(), 2)
                ),
                "recall": random.random(items).astype(np.float32),
                "listed": random.integers(0, 50, items),
                "recalled": recalled,
            }
        ),
        "likes": likes,
        "liked_by": likes,
        "bought": pa.table(edges(170)),
        "similar": pa.table(
            {
                "source": [item_ids[i] for i in pairs[0]],
                "target": [item_ids[i] for i in pairs[1]],
            }
        ),
    }
