"""Features once: what the store puts into samples is what they would have held."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beam.shops import PLAN, SHORT, expected, write_shop, written
from tests.sampling.test_beam import run
from tfgnn_ext.sampling import RecordFile
from tfgnn_ext.sampling.feature_store import FeatureStore
from tfgnn_ext.sampling.manifest import sampled_files


def test_completed_samples_are_those_with_features(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    out = run(schema, tmp_path / "out", plan=PLAN, blocks=3, features="once")
    store = FeatureStore(out)
    found = []
    for path in sampled_files(out):
        found += store.complete(list(RecordFile(path)))
        # One at a time too: a sample without items keeps the types of its features.
        assert [store.complete([record])[0] for record in RecordFile(path)] == found[
            -len(RecordFile(path)) :
        ]
    assert sorted(found) == expected(schema, PLAN)
    # Ids and edges alone: the samples are smaller, and the rest is written once.
    assert sum(map(len, written(out))) < 0.7 * sum(map(len, found))


def test_unknown_ids_and_complete_samples_are_refused(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    out = run(schema, tmp_path / "once", plan=SHORT, blocks=1, features="once")
    with pytest.raises(ValueError, match=r"in the store of node set 'item'. Got 123456789"):
        FeatureStore(out).nodes("item", [123456789])
    whole = run(schema, tmp_path / "whole", plan=SHORT, blocks=1)
    with pytest.raises(ValueError, match="Got complete samples"):
        FeatureStore(whole)
