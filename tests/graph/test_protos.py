"""Our declaration of TF-GNN's messages against TF-GNN's own, both in this process."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.internal import api_implementation

from tests.graph.conftest import SCHEMA
from tfgnn_ext.graph import parse_schema, protos

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_gnn") is None, reason="tensorflow_gnn is not installed"
)


def described(message: Any, seen: dict[str, Any] | None = None) -> dict[str, Any]:
    """All that matters of a message's descriptor and of those it refers to, by full name."""
    seen = {} if seen is None else seen
    if message.full_name in seen:
        return seen
    seen[message.full_name] = fields = {}
    for field in message.fields:
        fields[field.name] = (
            field.number,
            field.type,
            field.is_repeated,
            field.is_required,
            field.has_presence,
            field.default_value if field.message_type is None else None,
            field.containing_oneof and field.containing_oneof.name,
            field.message_type and field.message_type.full_name,
            field.enum_type and {v.name: v.number for v in field.enum_type.values},
            field.enum_type and field.enum_type.full_name,
        )
        if field.message_type is not None:
            described(field.message_type, seen)
    fields["is a map entry"] = message.GetOptions().map_entry
    fields["has extensions"] = message.is_extendable
    return seen


def test_upb():
    assert api_implementation.Type() == "upb"


def test_schema_descriptors():
    import tensorflow_gnn.proto as theirs

    ours = described(protos.GraphSchema.DESCRIPTOR)
    assert len(ours) == 17
    assert ours == described(theirs.GraphSchema.DESCRIPTOR)


def test_spec_descriptors():
    from tensorflow_gnn.sampler import sampling_spec_pb2 as theirs

    ours = described(protos.SamplingSpec.DESCRIPTOR)
    assert len(ours) == 4
    assert ours == described(theirs.SamplingSpec.DESCRIPTOR)


def test_tf_gnn_reads_and_writes_the_same_bytes(tmp_path):
    import tensorflow_gnn as tfgnn

    from tfgnn_ext.graph import write_schema

    ours = parse_schema(SCHEMA)
    ours.node_sets["shop"].features["size"].shape.dim.add(size=0)  # A zero is not written.
    write_schema(ours, tmp_path / "schema.pbtxt")
    theirs = tfgnn.read_schema(str(tmp_path / "schema.pbtxt"))
    data = ours.SerializeToString(deterministic=True)
    assert theirs.SerializeToString(deterministic=True) == data
    assert protos.GraphSchema.FromString(data) == ours
    assert text_format.MessageToString(theirs) == text_format.MessageToString(ours)
    del ours.node_sets["shop"].features["size"].shape.dim[:]
    spec = tfgnn.create_graph_spec_from_schema_pb(
        tfgnn.proto.GraphSchema.FromString(ours.SerializeToString())
    )
    assert sorted(spec.node_sets_spec) == ["customer", "shop"]
