"""A small graph in files: papers with text and late features, authors without features."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

NUM_PAPERS, NUM_AUTHORS, NUM_CITES = 211, 13, 1009

SCHEMA = """
node_sets { key: "paper" value {
  metadata { filename: "paper.parquet" extra { key: "times" value: "awarded" }
             extra { key: "known_at.prize" value: "awarded" } }
  features { key: "venue" value { dtype: DT_STRING } }
  features { key: "words" value { dtype: DT_FLOAT shape { dim { size: 3 } } } }
  features { key: "prize" value { dtype: DT_FLOAT } } } }
node_sets { key: "author" value { metadata { filename: "author.csv" } } }
edge_sets { key: "cites" value { source: "paper" target: "paper"
  metadata { filename: "cites.csv" extra { key: "time" value: "when" } } } }
edge_sets { key: "by" value { source: "paper" target: "author" metadata { filename: "by.csv" } } }
"""

CONFIG = """
data:
  schema: schema.pbtxt
  seeds: {table: seeds.parquet, node_set: paper, time: time}
sampling:
  ops:
    - {edge_set: cites, fanout: 3}
    - edge_set: by
      fanout: 2
      inputs: [seed, cites]
model:
  name: seed_attention
  units: 8
  num_heads: 2
  pooled_units: 3
training:
  batch_size: 16
  epochs: 3
  learning_rate: 1e-2
  checkpoint_every: 2
baseline: {iterations: 20, min_samples_leaf: 5}
"""


def write_papers(folder: Path, *, classes: int = 2) -> Path:
    """Writes tables, schema and config; returns the config's path."""
    random = np.random.default_rng(8)
    names = [f"p{number:03d}" for number in range(NUM_PAPERS)]
    words = random.normal(size=(NUM_PAPERS, 3)).astype(np.float32)
    paper = pa.table(
        {
            "id": names,
            "venue": random.choice(["ICML", "KDD", "WWW"], NUM_PAPERS),
            "words": pa.array(words.tolist(), pa.list_(pa.float32(), 3)),
            "prize": random.normal(size=NUM_PAPERS).astype(np.float32),
            "awarded": random.integers(0, 100, NUM_PAPERS),
        }
    )
    pq.write_table(paper, folder / "paper.parquet")
    authors = [f"author {number}" for number in range(NUM_AUTHORS)]
    pa.csv.write_csv(pa.table({"id": authors}), folder / "author.csv")
    pick = random.integers(0, NUM_PAPERS, (2, NUM_CITES))
    cites = pa.table(
        {
            "source": [names[i] for i in pick[0]],
            "target": [names[i] for i in pick[1]],
            "when": random.integers(0, 100, NUM_CITES),
        }
    )
    pa.csv.write_csv(cites, folder / "cites.csv")
    by = pa.table(
        {"source": names, "target": [authors[i % NUM_AUTHORS] for i in range(NUM_PAPERS)]}
    )
    pa.csv.write_csv(by, folder / "by.csv")
    seeds = pa.table(
        {
            "id": names,
            "time": random.integers(20, 100, NUM_PAPERS),
            "label": [("calm", "loud", "odd")[k] for k in words[:, :classes].argmax(axis=1)],
            "split": random.choice(["train", "train", "validation", "test"], NUM_PAPERS),
        }
    )
    pq.write_table(seeds, folder / "seeds.parquet")
    (folder / "schema.pbtxt").write_text(SCHEMA)
    config = folder / "papers.yaml"
    config.write_text(textwrap.dedent(CONFIG).lstrip())
    return config
