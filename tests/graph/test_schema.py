"""Schemas: text, errors, conventions."""

from __future__ import annotations

import pytest

from tests.graph.conftest import SCHEMA
from tfgnn_ext.graph import SamplingSpec, new_schema, parse_schema, read_schema, write_schema
from tfgnn_ext.graph.protos import DATA_TYPES
from tfgnn_ext.graph.schema import EdgeColumns, NodeColumns, declare_feature, set_extra


def test_conventions():
    schema = parse_schema(SCHEMA)
    assert NodeColumns.of(schema.node_sets["customer"]) == NodeColumns(
        id="id",
        features=("income", "town", "where"),
        times=("joined", "paid"),
        known_at={"income": "paid"},
    )
    assert EdgeColumns.of(schema.edge_sets["buys"]) == EdgeColumns(
        source="who",
        target="shop",
        features=("#weight", "price"),
        time="when",
        id=None,
        optional=(),
        weights=("#weight",),
    )
    swapped = EdgeColumns.of(schema.edge_sets["sells"])
    assert (swapped.source, swapped.target) == ("shop", "who")


def test_defaults():
    schema = parse_schema('node_sets { key: "n" value {} } edge_sets { key: "e" value {} }')
    assert NodeColumns.of(schema.node_sets["n"]) == NodeColumns("id", (), (), {})
    assert EdgeColumns.of(schema.edge_sets["e"]) == EdgeColumns(
        "source", "target", (), None, None, (), ()
    )


def test_tf_gnn_columns_are_no_features():
    schema = new_schema()
    for name in ("#id", "f"):
        declare_feature(schema.node_sets["n"], name, "DT_INT64")
    for name in ("#source", "#target", "g"):
        declare_feature(schema.edge_sets["e"], name, "DT_INT64")
    assert NodeColumns.of(schema.node_sets["n"]).features == ("f",)
    assert EdgeColumns.of(schema.edge_sets["e"]).features == ("g",)


def test_write_and_read(tmp_path):
    schema = parse_schema(SCHEMA)
    write_schema(schema, tmp_path / "schema.pbtxt")
    assert read_schema(tmp_path / "schema.pbtxt") == schema
    assert [path.name for path in tmp_path.iterdir()] == ["schema.pbtxt"]


def test_text_does_not_depend_on_the_order_of_building(tmp_path):
    texts = []
    for names in (["a", "b", "c"], ["c", "a", "b"]):
        schema = new_schema()
        for name in names:
            declare_feature(schema.node_sets[name], name, "DT_FLOAT", (2, 3))
            set_extra(schema.node_sets[name], {"id": name})
        write_schema(schema, tmp_path / "schema.pbtxt")
        texts.append((tmp_path / "schema.pbtxt").read_text())
    assert texts[0] == texts[1]
    assert texts[0].index('"a"') < texts[0].index('"b"') < texts[0].index('"c"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node_sets {\n  kye: 'a'\n}", r"x\.pbtxt:2:3: must be a GraphSchema in text format"),
        ("edge_sets { key: 'e' value { source: 7 } }", r"x\.pbtxt:1:\d+: must be"),
        (
            "node_sets { key: 'n' value {\n features { key: 'f' value { dtype: DT_FLOT } } } }",
            r"x\.pbtxt:2:\d+: must be .* DT_FLOT",
        ),
        ("node_sets { key: 'n' value {", r"x\.pbtxt:1:\d+: must be"),
    ],
)
def test_mistakes_are_placed(tmp_path, text, message):
    path = tmp_path / "x.pbtxt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_schema(path)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must be a schema file. Got no such file."):
        read_schema(tmp_path / "schema.pbtxt")


def test_not_text(tmp_path):
    (tmp_path / "x.pbtxt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"x\.pbtxt: must be utf-8 text"):
        read_schema(tmp_path / "x.pbtxt")


def test_sampling_spec():
    spec = SamplingSpec()
    spec.seed_op.op_name = "seed"
    spec.symmetric_link_seed_op.op_name = "pair"
    assert spec.WhichOneof("seed_type") == "symmetric_link_seed_op"


def test_data_types():
    assert DATA_TYPES["DT_FLOAT"] == 1
    assert DATA_TYPES["DT_STRING"] == 7
    assert DATA_TYPES["DT_INT64"] == 9
