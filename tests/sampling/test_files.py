"""tf.Examples and TFRecord files, written without TensorFlow, as TensorFlow reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from tests.sampling.graphs import shop
from tfgnn_ext.graph.tfrecord import offsets_path
from tfgnn_ext.sampling import (
    InMemorySampler,
    RecordFile,
    SamplingOp,
    SamplingPlan,
    sample_schema,
    write_examples,
    write_records,
)


def sampled() -> tuple[InMemorySampler, list[bytes]]:
    plan = SamplingPlan(
        seed_node_set="user",
        ops=(
            SamplingOp(name="a", edge_set="likes", fanout=4),
            SamplingOp(name="b", edge_set="bought", fanout=3),
            SamplingOp(name="c", edge_set="similar", fanout=2, inputs=("a", "b")),
        ),
    )
    sampler = InMemorySampler(shop(2), plan)
    batch = sampler.sample(np.arange(6), np.arange(6) * 9)
    return sampler, write_examples(sampler.graph, batch)


def test_bytes_are_those_of_deterministic_serialisation() -> None:
    import tensorflow as tf

    for serialized in sampled()[1]:
        message = tf.train.Example.FromString(serialized)
        assert message.SerializeToString(deterministic=True) == serialized


def test_tf_gnn_reads_schema_and_examples() -> None:
    import tensorflow as tf
    import tensorflow_gnn as tfgnn

    sampler, examples = sampled()
    schema = tfgnn.GraphSchema.FromString(sample_schema(sampler).SerializeToString())
    spec = tfgnn.create_graph_spec_from_schema_pb(schema)
    graph = tfgnn.parse_example(spec, tf.constant(examples)).merge_batch_to_components()
    batch = sampler.sample(np.arange(6), np.arange(6) * 9)
    for name, rows in batch.node_rows.items():
        ids = sampler.graph.node_sets[name].ids[rows]
        assert graph.node_sets[name].features["#id"].numpy().tolist() == ids.tolist()
        assert graph.node_sets[name].sizes.numpy().tolist() == batch.node_sizes[name].tolist()
    for name, sources in batch.edge_source.items():
        adjacency = graph.edge_sets[name].adjacency
        assert adjacency.source.numpy().tolist() == sources.tolist()
        assert adjacency.target.numpy().tolist() == batch.edge_target[name].tolist()
    assert graph.context.features["seed_time"].numpy().tolist() == (np.arange(6) * 9).tolist()
    brands = sampler.graph.node_sets["item"].features["brand"]
    expected = brands.vocabulary[brands.values[batch.node_rows["item"]]]
    assert graph.node_sets["item"].features["brand"].numpy().tolist() == expected.tolist()


def test_records_are_read_in_any_order_and_by_tensorflow(tmp_path: Path) -> None:
    import tensorflow as tf

    records = [b"", b"a", b"long" * 1000, b"\x00\xff"]
    path = tmp_path / "samples.tfrecord"
    assert write_records(path, records) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, offsets_path(path).name]
    file = RecordFile(path)
    assert len(file) == 4
    assert file.read([3, 0, 2]) == [records[3], records[0], records[2]]
    assert [r.numpy() for r in tf.data.TFRecordDataset(str(path))] == records
    offsets_path(path).unlink()
    assert list(RecordFile(path)) == records


def test_a_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    def records():  # type: ignore[no-untyped-def]
        yield b"one"
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_records(tmp_path / "samples.tfrecord", records())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("byte", [0, 9, 13, 20])
def test_corrupt_records_are_named(tmp_path: Path, byte: int) -> None:
    path = tmp_path / "samples.tfrecord"
    write_records(path, [b"0123456789", b"x"])
    raw = bytearray(path.read_bytes())
    raw[byte] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="corrupt (header at )?record 0"):
        RecordFile(path).read([0])


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.tfrecord"
    write_records(path, [b"0123456789", b"abc"])
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ValueError, match="must end with the size of"):
        RecordFile(path)
    offsets_path(path).unlink()
    with pytest.raises(ValueError, match="record 1 cut short"):
        RecordFile(path)


def test_sampling_loads_no_tensorflow() -> None:
    code = (
        "import sys, tfgnn_ext.sampling; "
        "bad = {'tensorflow', 'tensorflow_gnn', 'keras', 'apache_beam'} & set(sys.modules); "
        "sys.exit(repr(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_strings_with_a_shape_are_written_one_by_one() -> None:
    import tensorflow as tf

    from tfgnn_ext.graph.wire import encode_columns

    values = np.array([[b"aa", b"bbbb"], [b"", b"c"]])
    (example,) = encode_columns([(b"x", values, np.array([0, 2]))], 1)
    message = tf.train.Example.FromString(example)
    assert list(message.features.feature["x"].bytes_list.value) == [b"aa", b"bbbb", b"", b"c"]
