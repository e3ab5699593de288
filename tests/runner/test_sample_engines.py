"""`tfgnn-ext sample --engine beam`: its options, and the files it leaves."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.runner.conftest import Command
from tests.runner.papers import NUM_PAPERS
from tfgnn_ext.sampling import FeatureStore, RecordFile, sampled_files


def records(folder: Path) -> list[bytes]:
    return sorted(record for path in folder.glob("*.tfrecord") for record in RecordFile(path))


def test_both_engines_and_features_once_hold_the_same_samples(
    papers: Path, tmp_path: Path, command: Command
) -> None:
    outs = {name: tmp_path / name for name in ("memory", "beam", "once")}
    for name, more in (("memory", ()), ("beam", ()), ("once", ("--features", "once"))):
        engine = "memory" if name == "memory" else "beam"
        code, out, errors = command(
            "sample", papers, "--out", outs[name], "--engine", engine, "--shards", 2, *more
        )
        assert (code, out.split()[0]) == (0, str(NUM_PAPERS)), errors
    expected = records(outs["memory"])
    assert records(outs["beam"]) == expected
    assert records(outs["once"]) != expected
    store = FeatureStore(outs["once"])
    found = [list(RecordFile(path)) for path in sampled_files(outs["once"])]
    assert sorted(r for part in found for r in store.complete(part)) == expected


def test_invalid_rows_end_the_job_or_are_dropped(
    papers: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "out"
    sample = ("sample", papers, "--out", out, "--engine", "beam")
    assert command(*sample)[0] == 0
    expected = records(out)
    table = papers.parent / "paper.parquet"
    rows = pq.read_table(table)
    pq.write_table(pa.concat_tables([rows, rows.slice(4, 1)]), table)
    code, _, errors = command(*sample)
    assert code != 0
    assert "must hold unique ids. Got 'p004' again at" in errors
    assert f"paper.parquet, row {NUM_PAPERS}" in errors
    assert not (out / "manifest.json").exists()
    assert command(*sample, "--policy", "drop")[0] == 0
    assert records(out) == expected


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--policy", "drop"), "--engine: must be beam with --policy or memory. Got 'memory'."),
        (
            ("--policy", "drop", "--features", "once"),
            "--engine: must be beam with --policy and --features or memory. Got 'memory'.",
        ),
        (("--engine", "spark"), "--engine: must be beam or memory. Got 'spark'."),
        (("--engine", "beam", "--policy", "x"), "--policy: must be error or drop. Got 'x'."),
        (("--engine", "beam", "--features", "x"), "--features: must be inline or once. Got 'x'."),
    ],
)
def test_options_that_do_not_fit(
    papers: Path, tmp_path: Path, command: Command, options, says
) -> None:  # type: ignore[no-untyped-def]
    code, _, errors = command("sample", papers, "--out", tmp_path / "out", *options)
    assert (code, errors.strip()) == (2, f"error: {says}")
