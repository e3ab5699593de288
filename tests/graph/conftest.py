"""A small graph of shops and customers that the tests of this room share."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tfgnn_ext.graph import GraphSchema, parse_schema

SCHEMA = """
node_sets {
  key: "customer"
  value {
    features { key: "income" value { dtype: DT_FLOAT } }
    features { key: "town" value { dtype: DT_STRING } }
    features { key: "where" value { dtype: DT_FLOAT shape { dim { size: 2 } } } }
    metadata {
      extra { key: "times" value: "joined,paid" }
      extra { key: "known_at.income" value: "paid" }
    }
  }
}
node_sets { key: "shop" value { features { key: "size" value { dtype: DT_INT64 } } } }
edge_sets {
  key: "buys"
  value {
    source: "customer"
    target: "shop"
    features { key: "price" value { dtype: DT_FLOAT } }
    features { key: "#weight" value { dtype: DT_FLOAT } }
    metadata {
      extra { key: "source" value: "who" }
      extra { key: "target" value: "shop" }
      extra { key: "time" value: "when" }
    }
  }
}
edge_sets {
  key: "sells"
  value {
    source: "shop"
    target: "customer"
    metadata {
      extra { key: "source" value: "who" }
      extra { key: "target" value: "shop" }
      extra { key: "edge_type" value: "reversed" }
    }
  }
}
"""


def make_schema() -> GraphSchema:
    return parse_schema(SCHEMA)


def make_tables() -> dict[str, Any]:
    """Customers bob, ann, cy; shops 20 and 10; five purchases."""
    buys = pa.table(
        {
            "who": ["bob", "ann", "bob", "bob", "ann"],
            "shop": [20, 10, 10, 20, 20],
            "when": pa.array([5, 9, 5, 3, None], pa.int64()),
            "price": pa.array([1.5, 2.5, None, 3.5, 4.5], pa.float64()),
            "#weight": [1.0, 2.0, 3.0, 0.0, 5.0],
        }
    )
    customer = pa.table(
        {
            "id": ["bob", "ann", "cy"],
            "income": pa.array([7.0, None, 9.0]),
            "town": ["Ulm", None, "Aix"],
            "where": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, None]], pa.list_(pa.float64(), 2)),
            "joined": pa.array([100, 200, None], pa.int64()),
            "paid": pa.array([None, 250, 300], pa.int64()),
        }
    )
    shop = pa.table({"id": [20, 10], "size": [2, 1]})
    return {"customer": customer, "shop": shop, "buys": buys, "sells": buys}


@pytest.fixture
def schema() -> GraphSchema:
    return make_schema()


@pytest.fixture
def tables() -> dict[str, Any]:
    return make_tables()
