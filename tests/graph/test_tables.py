"""Tables from files: names, formats, shards, damage."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.graph.conftest import make_schema, make_tables
from tests.graph.test_graph import saved_bytes
from tfgnn_ext.graph import Graph, GraphError, find_files, parse_schema, read_table, write_schema

TABLE = pa.table({"id": [1, 2, 3, 4, 5], "x": [0.5, None, 1.5, 2.5, 3.5]})


@pytest.fixture
def folder(tmp_path):
    pa.parquet.write_table(TABLE, tmp_path / "all.parquet")
    for index in range(3):
        part = TABLE.slice(2 * index, 2)
        pa.parquet.write_table(part, tmp_path / f"part-{index:05d}-of-00003.parquet")
        pa.csv.write_csv(part, tmp_path / f"part.csv-{index:05d}-of-00003")
    return tmp_path


@pytest.mark.parametrize(
    "pattern", ["all.parquet", "part-*.parquet", "part.parquet@3", "part.csv@3", "part.csv-*"]
)
def test_ways_to_name_a_table(folder, pattern):
    assert read_table(folder / pattern).table.equals(TABLE)


def test_rows_are_placed(folder):
    source = read_table(folder / "part.parquet@3")
    assert source.where(3) == f"{folder}/part-00001-of-00003.parquet, row 1"


def test_missing_files(folder):
    with pytest.raises(FileNotFoundError, match=r"all.csv` must match a file. Got none."):
        read_table(folder / "all.csv")
    with pytest.raises(FileNotFoundError, match=r"must match a file. Got none."):
        read_table(folder / "none-*.parquet")
    (folder / "part-00001-of-00003.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"all its shards. Got no part-00001-of-00003"):
        find_files(folder / "part.parquet@3")
    with pytest.raises(FileNotFoundError, match=r"at least one shard. Got @0."):
        find_files(folder / "part.parquet@0")


def test_csv_types(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,zip,x,day\n1,007,NA,2013-01-01T10:00:00Z\n2,010,,2013-01-02T10:00:00Z\n")
    table = read_table(path, strings=["zip"]).table
    assert table["zip"].to_pylist() == ["007", "010"]
    assert table["x"].null_count == 2
    assert pa.types.is_timestamp(table["day"].type)
    assert read_table(path).table["zip"].to_pylist() == [7, 10]


def test_damaged_files(tmp_path):
    (tmp_path / "short.csv").write_text("id,x\n1,2\n3\n")
    with pytest.raises(ValueError, match=r"short.csv: must be a readable table. Got: .*[Rr]ow #?3"):
        read_table(tmp_path / "short.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"empty.csv: must be a readable table. Got: Empty CSV"):
        read_table(tmp_path / "empty.csv")
    pa.parquet.write_table(TABLE, tmp_path / "cut.parquet")
    data = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[:-20])
    with pytest.raises(ValueError, match=r"cut.parquet: must be a readable table. Got: "):
        read_table(tmp_path / "cut.parquet")
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(
        ValueError, match=r"t.json: must be a .parquet, .csv or .tfrecord file. Got suffix"
    ):
        read_table(tmp_path / "t.json")


def test_shards_that_disagree(tmp_path):
    (tmp_path / "a-1.csv").write_text("id,x\n1,2\n")
    (tmp_path / "a-2.csv").write_text("id,y\n1,2\n")
    with pytest.raises(ValueError, match=r"a-2.csv: must have the columns of a-1.csv. .* x, y"):
        read_table(tmp_path / "a-*.csv")
    (tmp_path / "a-2.csv").write_text("id,x\n1,two\n")
    with pytest.raises(ValueError, match=r"a-2.csv: column 'x' must be int64 as in a-1.csv. Got s"):
        read_table(tmp_path / "a-*.csv")
    (tmp_path / "a-2.csv").write_text("id,id\n1,2\n")
    with pytest.raises(ValueError, match=r"a-2.csv: must have the columns|must occur once"):
        read_table(tmp_path / "a-*.csv")
    (tmp_path / "twice.csv").write_text("id,id\n1,2\n")
    with pytest.raises(ValueError, match=r"twice.csv: column 'id' must occur once."):
        read_table(tmp_path / "twice.csv")


def test_shards_may_differ_in_width_and_emptiness(tmp_path):
    (tmp_path / "a-1.csv").write_text("id,x\n1,\n")
    (tmp_path / "a-2.csv").write_text("id,x\n2,1\n")
    (tmp_path / "a-3.csv").write_text("id,x\n3,1.5\n")
    assert read_table(tmp_path / "a-*.csv").table["x"].to_pylist() == [None, 1.0, 1.5]


def files_of(tmp_path, shards):
    """Writes the shared schema's tables, each in a number of shards, and the schema."""
    schema, tables = make_schema(), make_tables()
    for name in ("customer", "shop", "buys"):
        table = tables[name]
        for index in range(shards):
            part = table.slice(index * table.num_rows // shards, 10).slice(
                0, (index + 1) * table.num_rows // shards - index * table.num_rows // shards
            )
            path = tmp_path / f"{name}-{index:05d}-of-{shards:05d}.parquet"
            pa.parquet.write_table(part, path)
    for sets in (schema.node_sets, schema.edge_sets):
        for name, message in sets.items():
            table_name = "buys" if name == "sells" else name
            message.metadata.filename = f"{table_name}.parquet@{shards}"
    write_schema(schema, tmp_path / "schema.pbtxt")
    return tmp_path / "schema.pbtxt"


def test_read_from_shards(tmp_path):
    graphs = []
    for shards in (1, 2):
        folder = tmp_path / str(shards)
        folder.mkdir()
        graph = Graph.read(files_of(folder, shards))
        files = saved_bytes(graph, folder / "graph")
        # Only the file names differ.
        del files["schema.pbtxt"], files["manifest.json"]
        graphs.append(files)
    assert graphs[0] == graphs[1]
    expected = saved_bytes(Graph.from_tables(make_schema(), make_tables()), tmp_path / "memory")
    del expected["schema.pbtxt"], expected["manifest.json"]
    assert graphs[0] == expected


def test_text_ids_in_csv(tmp_path):
    (tmp_path / "n.csv").write_text("id,code\n007,12\n7,010\n")
    (tmp_path / "e.csv").write_text("source,target\n007,7\n")
    text = """
        node_sets { key: "n" value {
          features { key: "code" value { dtype: DT_STRING } }
          metadata { filename: "n.csv" extra { key: "id_type" value: "string" } } } }
        edge_sets { key: "e" value { source: "n" target: "n" metadata { filename: "e.csv" } } }"""
    (tmp_path / "schema.pbtxt").write_text(text)
    graph = Graph.read(tmp_path / "schema.pbtxt")
    assert graph.node_sets["n"].ids.tolist() == [b"007", b"7"]
    assert graph.node_sets["n"].features["code"].vocabulary.tolist() == [b"", b"010", b"12"]
    assert graph.edge_sets["e"].targets.tolist() == [1]


def test_problems_in_files_name_file_row_and_column(tmp_path):
    (tmp_path / "n-1.csv").write_text("id,x\n1,0.5\n2,1.5\n")
    (tmp_path / "n-2.csv").write_text("id,x\n3,2.5\n4,nan\n")
    (tmp_path / "schema.pbtxt").write_text(
        'node_sets { key: "n" value { features { key: "x" value { dtype: DT_FLOAT } } '
        'metadata { filename: "n-*.csv" } } }'
    )
    with pytest.raises(GraphError, match=r"feature 'x' must be finite .* at .*/n-2.csv, row 1 "):
        Graph.read(tmp_path / "schema.pbtxt")


def test_a_set_without_a_file(tmp_path):
    write_schema(parse_schema('node_sets { key: "n" value {} }'), tmp_path / "schema.pbtxt")
    with pytest.raises(GraphError, match=r"set 'n': must have a `metadata.filename`. Got none."):
        Graph.read(tmp_path / "schema.pbtxt")
