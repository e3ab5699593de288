"""Splits that are drawn: so many a class, uniform, apart from those that are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.graph.datasets.test_npz import write_npz
from tfgnn_ext.graph import Dataset, Graph, Seeds
from tfgnn_ext.graph.datasets import choose_split, read_npz


def seeds(number: int, classes: int, **columns: Any) -> Any:
    import pyarrow as pa

    return pa.table({"id": np.arange(number), "label": np.arange(number) % classes, **columns})


def test_drawn_split_has_so_many_a_class() -> None:
    table = seeds(211, 3)
    split = choose_split(table, 4, per_class=(7, 11))
    labels, parts = np.array(split["label"]), np.array(split["split"].to_pylist())
    for label in range(3):
        counts = [int(((labels == label) & (parts == p)).sum()) for p in ("train", "validation")]
        assert counts == [7, 11]
    assert (parts == "test").sum() == 211 - 3 * 18
    # Another number is another draw, and neither rows nor their order enter it.
    other = choose_split(table, 5, per_class=(7, 11))
    assert other["split"].to_pylist() != split["split"].to_pylist()
    order = np.random.default_rng(0).permutation(211)
    mixed = choose_split(table.take(order), 4, per_class=(7, 11))
    assert dict(zip(mixed["id"].to_pylist(), mixed["split"].to_pylist(), strict=True)) == dict(
        zip(split["id"].to_pylist(), split["split"].to_pylist(), strict=True)
    )


def test_drawn_split_is_uniform() -> None:
    """Over 400 draws every seed trains as often as the others, to within 4.5 deviations."""
    draws, number = 400, 41
    train = np.zeros(number)
    for k in range(draws):
        split = choose_split(seeds(number, 1), k, per_class=(10, 5))
        train += np.array(split["split"].to_pylist()) == "train"
    share = 10 / number
    deviation = np.sqrt(draws * share * (1 - share))
    assert np.abs(train - draws * share).max() < 4.5 * deviation
    assert np.abs(train - draws * 5 / number).max() > 4.5 * deviation  # The control.


def test_held_out_validation() -> None:
    parts = np.where(np.arange(50) < 30, "train", "test")
    split = choose_split(seeds(50, 2, split=parts), 1)
    found = np.array(split["split"].to_pylist())
    assert (found == "validation").sum() == 6
    assert (found[:30] != "test").all()
    assert (found[30:] == "test").all()
    with pytest.raises(ValueError, match="`split` must be 0: the data set has one. Got 3."):
        choose_split(split, 3)
    with pytest.raises(ValueError, match="`split` must be an int >= 0. Got -1."):
        choose_split(seeds(5, 2), -1)


def test_a_read_set_is_a_data_set(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", "spread")
    schema, tables = read_npz(tmp_path / "a.npz")
    graph = Graph.from_tables(schema, tables)
    table = choose_split(tables["seeds"], 0, per_class=(1, 1))
    data = Dataset(graph, Seeds.from_table(graph, table, node_set="node"))
    assert len(data.seeds.split("train")) == len(data.seeds.split("validation")) == 2
