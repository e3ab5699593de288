"""TF-GNN's GraphSchema and SamplingSpec messages, without TensorFlow.

`tensorflow_gnn.proto` imports TensorFlow, which costs seconds and which a sampling worker never
needs. The messages are declared here from their field names and numbers, in a descriptor pool of
their own, so that both declarations can live in one process; the bytes and the text are TF-GNN's.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation

_FieldProto = descriptor_pb2.FieldDescriptorProto
_OPTIONAL, _REPEATED = _FieldProto.LABEL_OPTIONAL, _FieldProto.LABEL_REPEATED
_SCALARS = {
    "string": _FieldProto.TYPE_STRING,
    "int32": _FieldProto.TYPE_INT32,
    "int64": _FieldProto.TYPE_INT64,
    "bool": _FieldProto.TYPE_BOOL,
}
_TYPE_NAMES = [
    "INVALID",
    "FLOAT",
    "DOUBLE",
    "INT32",
    "UINT8",
    "INT16",
    "INT8",
    "STRING",
    "COMPLEX64",
    "INT64",
    "BOOL",
    "QINT8",
    "QUINT8",
    "QINT32",
    "BFLOAT16",
    "QINT16",
    "QUINT16",
    "UINT16",
    "COMPLEX128",
    "HALF",
    "RESOURCE",
    "VARIANT",
    "UINT32",
    "UINT64",
    "FLOAT8_E5M2",
    "FLOAT8_E4M3FN",
    "FLOAT8_E4M3FNUZ",
    "FLOAT8_E4M3B11FNUZ",
    "FLOAT8_E5M2FNUZ",
    "INT4",
    "UINT4",
    "INT2",
    "UINT2",
    "FLOAT4_E2M1FN",
]
# tensorflow.DataType; a reference type has its type's number + 100.
DATA_TYPES = {f"DT_{name}": number for number, name in enumerate(_TYPE_NAMES)}
_ALL_TYPES = DATA_TYPES | {
    f"{name}_REF": number + 100 for name, number in DATA_TYPES.items() if number
}
_TENSOR_SHAPE = {
    "TensorShapeProto": {
        "dim": (2, "*.tensorflow.TensorShapeProto.Dim"),
        "unknown_rank": (3, "bool"),
    },
    "TensorShapeProto.Dim": {"size": (1, "int64"), "name": (2, "string")},
}
# Message -> field -> (number, type); "*" marks a repeated field, "map:" a map from strings.
_SCHEMA = {
    "GraphSchema": {
        "context": (1, ".tensorflow_gnn.Context"),
        "node_sets": (2, "map:.tensorflow_gnn.NodeSet"),
        "edge_sets": (3, "map:.tensorflow_gnn.EdgeSet"),
        "info": (4, ".tensorflow_gnn.OriginInfo"),
    },
    "Feature": {
        "description": (1, "string"),
        "dtype": (2, "enum:.tensorflow.DataType"),
        "shape": (3, ".tensorflow.TensorShapeProto"),
        "source": (4, "string"),
    },
    "BigQuery": {
        "table_spec": (1, ".tensorflow_gnn.BigQuery.TableSpec"),
        "sql": (2, "string"),
        "read_method": (3, "enum:.tensorflow_gnn.BigQuery.ReadMethod"),
        "reshuffle": (4, "bool"),
    },
    "BigQuery.TableSpec": {
        "project": (1, "string"),
        "dataset": (2, "string"),
        "table": (3, "string"),
    },
    "Metadata": {
        "extra": (1, "*.tensorflow_gnn.Metadata.KeyValue"),
        "filename": (2, "string"),
        "cardinality": (3, "int64"),
        "bigquery": (4, ".tensorflow_gnn.BigQuery"),
    },
    "Metadata.KeyValue": {"key": (1, "string"), "value": (2, "string")},
    "Context": {
        "features": (1, "map:.tensorflow_gnn.Feature"),
        "metadata": (2, ".tensorflow_gnn.Metadata"),
    },
    "NodeSet": {
        "description": (1, "string"),
        "features": (2, "map:.tensorflow_gnn.Feature"),
        "context": (3, "*string"),
        "metadata": (4, ".tensorflow_gnn.Metadata"),
    },
    "EdgeSet": {
        "description": (1, "string"),
        "features": (2, "map:.tensorflow_gnn.Feature"),
        "source": (3, "string"),
        "target": (4, "string"),
        "context": (5, "*string"),
        "metadata": (6, ".tensorflow_gnn.Metadata"),
    },
    "OriginInfo": {
        "graph_type": (1, "enum:.tensorflow_gnn.GraphType"),
        "root_set": (2, "*string"),
    },
}
_SPEC = {
    "SamplingSpec": {
        "seed_op": (1, ".tensorflow_gnn.sampler.SeedOp"),
        "sampling_ops": (2, "*.tensorflow_gnn.sampler.SamplingOp"),
        "symmetric_link_seed_op": (5, ".tensorflow_gnn.sampler.SymmetricLinkSeedOp"),
    },
    "SeedOp": {"op_name": (1, "string"), "node_set_name": (2, "string")},
    "SymmetricLinkSeedOp": {"op_name": (1, "string")},
    "SamplingOp": {
        "op_name": (1, "string"),
        "input_op_names": (2, "*string"),
        "edge_set_name": (3, "string"),
        "sample_size": (4, "int32"),
        "strategy": (5, "enum:.tensorflow_gnn.sampler.SamplingStrategy"),
    },
}
_ONEOFS = {
    "BigQuery": ("source", ("table_spec", "sql")),
    "SamplingSpec": ("seed_type", ("seed_op", "symmetric_link_seed_op")),
}
_ENUMS = {
    "GraphType": {"UNDEFINED": 0, "FULL": 1, "SUBGRAPH": 2, "RANDOM_WALKS": 3},
    "SetType": {"UNSPECIFIED": 0, "CONTEXT": 1, "NODES": 2, "EDGES": 3},
}
_STRATEGIES = {"SamplingStrategy": {"TOP_K": 0, "RANDOM_UNIFORM": 1, "RANDOM_WEIGHTED": 2}}


def _add_field(message: Any, name: str, number: int, kind: str, package: str, path: str) -> None:
    field = message.field.add(name=name, number=number, label=_OPTIONAL)
    if kind.startswith("map:"):
        entry = "".join(part.capitalize() for part in name.split("_")) + "Entry"
        nested = message.nested_type.add(name=entry)
        nested.options.map_entry = True
        nested.field.add(name="key", number=1, label=_OPTIONAL, type=_FieldProto.TYPE_STRING)
        nested.field.add(
            name="value",
            number=2,
            label=_OPTIONAL,
            type=_FieldProto.TYPE_MESSAGE,
            type_name=kind[4:],
        )
        field.label, field.type = _REPEATED, _FieldProto.TYPE_MESSAGE
        field.type_name = f".{package}.{path}.{entry}"
        return
    if kind.startswith("*"):
        field.label, kind = _REPEATED, kind[1:]
    if kind.startswith("enum:"):
        field.type, field.type_name = _FieldProto.TYPE_ENUM, kind[5:]
    elif kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _FieldProto.TYPE_MESSAGE, kind
    if name == "read_method":
        field.default_value = "EXPORT"
    if name == "reshuffle":
        field.default_value = "false"


def _add_enum(holder: Any, name: str, values: dict[str, int]) -> None:
    enum = holder.add(name=name)
    for value, number in values.items():
        enum.value.add(name=value, number=number)


def _file(
    name: str,
    package: str,
    messages: dict[str, Any],
    enums: dict[str, Any],
    needs: tuple[str, ...] = (),
    syntax: str = "proto2",
) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax=syntax)
    file.dependency.extend(needs)
    declared: dict[str, Any] = {}
    for path, fields in messages.items():
        outer, _, inner = path.rpartition(".")
        holder = declared[outer].nested_type if outer else file.message_type
        message = declared[path] = holder.add(name=inner)
        if path == "BigQuery":
            values = {"UNSPECIFIED": 0, "EXPORT": 1, "DIRECT_READ": 2}
            _add_enum(message.enum_type, "ReadMethod", values)
        if path == "Feature":
            message.extension_range.add(start=65536, end=536870912)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind, package, path)
        if path in _ONEOFS:
            oneof, members = _ONEOFS[path]
            message.oneof_decl.add(name=oneof)
            for field_message in message.field:
                if field_message.name in members:
                    field_message.oneof_index = 0
    for name_, values in enums.items():
        _add_enum(file.enum_type, name_, values)
    return file


def _declare() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    core = "tfgnn_ext/tensorflow.proto"
    # In proto3 a zero is not written: the shape's bytes depend on it.
    shape = _file(core, "tensorflow", _TENSOR_SHAPE, {"DataType": _ALL_TYPES}, syntax="proto3")
    schema_name = "tfgnn_ext/graph_schema.proto"
    schema = _file(schema_name, "tensorflow_gnn", _SCHEMA, _ENUMS, (core,))
    spec = _file("tfgnn_ext/sampling_spec.proto", "tensorflow_gnn.sampler", _SPEC, _STRATEGIES, ())
    for file in (shape, schema, spec):
        pool.Add(file)
    return pool


if api_implementation.Type() != "upb":
    raise ImportError(
        "`protobuf` must use its upb implementation, whose deterministic bytes this package relies "
        f"on. Got {api_implementation.Type()!r}: unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION."
    )

_POOL = _declare()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


GraphSchema: Any = _message("tensorflow_gnn.GraphSchema")
SamplingSpec: Any = _message("tensorflow_gnn.sampler.SamplingSpec")
