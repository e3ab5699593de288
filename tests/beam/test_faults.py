"""What goes wrong in mid-job: nothing that looks finished stays, and a rerun makes it good."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystems import FileSystems

from tests.beam.shops import SHORT, expected, write_shop, written
from tests.sampling.test_beam import rewrite, run
from tfgnn_ext.graph import read_schema, write_schema
from tfgnn_ext.sampling import sampled_files


class FullDisk:
    """A file that takes a few bytes of the first `fits` writes, and no more."""

    def __init__(self, file: Any, room: list[int]) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write(self, piece: bytes) -> None:
        kept = piece[: max(self.room[0], 0)]
        self.file.write(kept)
        self.room[0] -= len(piece)
        if len(kept) < len(piece):
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.slow
@pytest.mark.parametrize("features", ["inline", "once"])
def test_a_full_disk_leaves_no_manifest_and_no_torn_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str
) -> None:
    schema, out = write_shop(tmp_path / "graph"), tmp_path / "out"
    whole = run(schema, tmp_path / "whole", plan=SHORT, blocks=1, features=features)
    sizes = {path.name: path.stat().st_size for path in whole.iterdir()}
    run(schema, out, plan=SHORT, blocks=1, features=features)  # A finished job is overwritten.
    create, room = FileSystems.create, [sum(sizes.values()) // 2]
    with monkeypatch.context() as patch:
        patch.setattr(
            FileSystems, "create", lambda *args, **more: FullDisk(create(*args, **more), room)
        )
        with pytest.raises(Exception, match="No space left on device"):
            run(schema, out, plan=SHORT, blocks=1, features=features)
    with pytest.raises(ValueError, match=r"Got no manifest.json"):
        sampled_files(out)
    # Under its name a file is whole or not there, and partial ones are gone.
    left = {path.name: path.stat().st_size for path in out.iterdir()}
    assert left.items() <= sizes.items()
    assert len(left) < len(sizes)
    run(schema, out, plan=SHORT, blocks=1, features=features)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_a_later_shard_without_a_column_is_named(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    path = sorted(schema.parent.glob("item-*.parquet"))[1]
    pq.write_table(pq.read_table(path).drop_columns(["brand"]), path)
    with pytest.raises(Exception, match=r"item-00001-of-00002.parquet: must have a column 'brand'"):
        run(schema, tmp_path / "out", plan=SHORT, blocks=1)
    with pytest.raises(ValueError, match=r"Got no manifest.json"):
        sampled_files(tmp_path / "out")


def test_a_later_shard_with_ids_of_another_type_is_named(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")
    path = sorted(schema.parent.glob("likes-*.parquet"))[1]
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "source", pyarrow.array(range(len(table)))), path)
    says = r"'source' must hold string ids. Got int64 at .*likes-00001-of-00002.parquet, row 0"
    with pytest.raises(Exception, match=says):
        run(schema, tmp_path / "out", plan=SHORT, blocks=1)
    with pytest.raises(ValueError, match=r"Got no manifest.json"):
        sampled_files(tmp_path / "out")


def test_a_torn_line_of_a_csv_file_is_named(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph", shards=1)
    (source,) = schema.parent.glob("likes-*.parquet")
    path = schema.parent / "likes.csv"
    pyarrow.csv.write_csv(pq.read_table(source), path)
    message = read_schema(schema)
    for name in ("likes", "liked_by"):
        message.edge_sets[name].metadata.filename = "likes.csv"
    write_schema(message, schema)
    run(schema, tmp_path / "out", plan=SHORT, blocks=1)
    assert written(tmp_path / "out") == expected(schema, SHORT)
    lines = path.read_text().splitlines()
    lines[7] = lines[7].rpartition(",")[0]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(Exception, match=r"likes.csv: must be a readable table.*[Rr]ow #8"):
        run(schema, tmp_path / "out", plan=SHORT, blocks=1)


def test_a_seed_without_a_time_is_named_or_dropped(tmp_path: Path) -> None:
    schema = write_shop(tmp_path / "graph")

    def without_time(table):  # type: ignore[no-untyped-def]
        times = table["when"].to_pylist()
        times[1] = None
        index = table.column_names.index("when")
        return table.set_column(index, "when", pyarrow.array(times, pyarrow.int64()))

    rewrite(schema, "seeds", without_time)
    with pytest.raises(Exception, match=r"'when' must have no nulls. Got one at .*seeds.*, row 1"):
        run(schema, tmp_path / "out", plan=SHORT, blocks=1)
    counters = run(schema, tmp_path / "out", plan=SHORT, blocks=1, policy="drop", counted=True)
    assert counters["dropped_seeds"] == 1
    assert counters["components"] == len(written(tmp_path / "out"))
