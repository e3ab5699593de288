"""A small shop in files: users buy items of their own taste; purchases are the pairs."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUM_USERS, NUM_ITEMS, NUM_BOUGHT = 61, 47, 701

SCHEMA = """
node_sets { key: "user" value { metadata { filename: "user.parquet" }
  features { key: "age" value { dtype: DT_FLOAT } } } }
node_sets { key: "item" value { metadata { filename: "item.parquet" }
  features { key: "price" value { dtype: DT_FLOAT } } } }
edge_sets { key: "bought" value { source: "user" target: "item"
  metadata { filename: "bought.parquet" extra { key: "time" value: "when" } } } }
edge_sets { key: "bought_by" value { source: "item" target: "user"
  metadata { filename: "bought.parquet" extra { key: "time" value: "when" }
             extra { key: "edge_type" value: "reversed" } } } }
"""

CONFIG = """
data:
  schema: schema.pbtxt
  seeds:
    table: pairs.parquet
    node_set: user
    id: who
    time: when
    link:
      node_set: item
      target: what
      edge_set: bought
      reverse: bought_by
      columns: [stars]
      negatives:
        - {num: 3, strategy: uniform}
        - {num: 1, strategy: table, name: hard, table: hard.parquet}
task: {type: link_prediction, score: hadamard, hidden: 8}
sampling:
  ops:
    - {edge_set: bought, fanout: 5}
    - {edge_set: bought_by, fanout: 4, inputs: [target]}
model:
  name: graph_sage
  units: 16
  num_layers: 1
training:
  batch_size: 64
  epochs: 8
  learning_rate: 2e-2
"""


def write_shop(folder: Path) -> Path:
    """Writes tables, schema and config; returns the config's path."""
    random = np.random.default_rng(8)
    users, items = [f"u{k:02d}" for k in range(NUM_USERS)], np.arange(NUM_ITEMS) * 3
    taste, kind = random.normal(size=NUM_USERS), random.normal(size=NUM_ITEMS)
    tables = {
        "user": pa.table({"id": users, "age": taste.astype(np.float32)}),
        "item": pa.table({"id": items, "price": kind.astype(np.float32)}),
    }
    closeness = np.exp(-4 * (taste[:, None] - kind[None, :]) ** 2).reshape(-1)
    pick = random.choice(len(closeness), NUM_BOUGHT, p=closeness / closeness.sum())
    user, item = np.divmod(pick, NUM_ITEMS)
    pairs = {"who": [users[k] for k in user], "what": items[item]}
    when = random.integers(0, 100, NUM_BOUGHT)
    tables["bought"] = pa.table({"source": pairs["who"], "target": pairs["what"], "when": when})
    stars = np.abs(taste[user] - kind[item]).astype(np.float32)
    split = np.where(when < 70, "train", np.where(when < 85, "validation", "test"))
    tables["pairs"] = pa.table(
        {
            **pairs,
            "when": when,
            "split": split,
            "stars": stars,
            "mood": np.where(stars < 0.3, "fine", "so-so"),
        }
    )
    hard = random.integers(0, NUM_ITEMS, (NUM_USERS, 2))
    tables["hard"] = pa.table(
        {"source": np.repeat(users, 2).tolist(), "target": items[hard.reshape(-1)]}
    )
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    (folder / "schema.pbtxt").write_text(SCHEMA)
    config = folder / "links.yaml"
    config.write_text(textwrap.dedent(CONFIG).lstrip())
    return config
