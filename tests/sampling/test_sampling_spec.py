"""SamplingSpecs as plans and back, as TF-GNN reads and writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfgnn_ext.graph import SamplingSpec
from tfgnn_ext.sampling import (
    SamplingOp,
    SamplingPlan,
    parse_sampling_spec,
    plan_from_spec,
    plan_to_spec,
    read_sampling_spec,
    write_sampling_spec,
)

SPEC = """
seed_op { op_name: "start" node_set_name: "paper" }
sampling_ops { op_name: "two" input_op_names: ["one", "start"] edge_set_name: "cites"
               sample_size: 2 strategy: RANDOM_WEIGHTED }
sampling_ops { op_name: "one" input_op_names: "start" edge_set_name: "cites"
               sample_size: 3 strategy: RANDOM_UNIFORM }
sampling_ops { op_name: "best" input_op_names: "two" edge_set_name: "writes"
               sample_size: 4 strategy: TOP_K }
"""
OPS = (
    SamplingOp(name="one", edge_set="cites", fanout=3, inputs=("start",)),
    SamplingOp(name="two", edge_set="cites", fanout=2, strategy="weighted",
               inputs=("one", "start"), by="#weight"),
    SamplingOp(name="best", edge_set="writes", fanout=4, strategy="top_k", inputs=("two",),
               by="#weight"),
)  # fmt: skip
PLAN = SamplingPlan(seed_node_set="paper", ops=OPS, seed=5, seed_op="start")


def test_a_spec_becomes_the_plan_it_says() -> None:
    assert plan_from_spec(parse_sampling_spec(SPEC), seed=5) == PLAN


def test_a_plan_becomes_a_spec_and_a_plan_again(tmp_path: Path) -> None:
    write_sampling_spec(plan_to_spec(PLAN), tmp_path / "spec.pbtxt")
    assert plan_from_spec(read_sampling_spec(tmp_path / "spec.pbtxt"), seed=5) == PLAN
    with pytest.raises(FileNotFoundError, match="must be a SamplingSpec's file"):
        read_sampling_spec(tmp_path / "none.pbtxt")


def test_top_k_as_tf_gnn_draws_it_and_other_features() -> None:
    spec = parse_sampling_spec(SPEC)
    plan = plan_from_spec(spec, top_k="uniform", by="strength")
    assert [(op.strategy, op.by) for op in plan.ops] == [
        ("uniform", None),
        ("weighted", "strength"),
        ("uniform", None),
    ]
    with pytest.raises(ValueError, match="`top_k` of `plan_from_spec` must be one of"):
        plan_from_spec(spec, top_k="best")  # type: ignore[arg-type]


REFUSED = {
    "link seeds": (
        'symmetric_link_seed_op { op_name: "link" }',
        "`symmetric_link_seed_op` of a SamplingSpec must not be set.* Got 'link'",
    ),
    "no seed": ('seed_op { op_name: "start" }', "`seed_op` of a SamplingSpec must have"),
    "no size": (
        'seed_op { op_name: "s" node_set_name: "n" } '
        'sampling_ops { op_name: "a" input_op_names: "s" strategy: RANDOM_UNIFORM }',
        "`fanout` of `SamplingOp` 'a' must be an int >= 1. Got 0.",
    ),
    "an input that is none": (
        'seed_op { op_name: "s" node_set_name: "n" } '
        'sampling_ops { op_name: "a" input_op_names: "b" sample_size: 1 }',
        "`input_op_names` of sampling op 'a' must name operations.* Got 'b'",
    ),
    "a cycle": (
        'seed_op { op_name: "s" node_set_name: "n" } '
        'sampling_ops { op_name: "a" input_op_names: "b" sample_size: 1 } '
        'sampling_ops { op_name: "b" input_op_names: "a" sample_size: 1 }',
        "must have no cycle. Got one among a, b",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_plan_cannot_say_is_refused(name: str) -> None:
    text, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        plan_from_spec(parse_sampling_spec(text))


def test_fields_of_a_later_version_are_refused() -> None:
    spec = SamplingSpec.FromString(parse_sampling_spec(SPEC).SerializeToString() + b"\xf8\x06\x01")
    with pytest.raises(ValueError, match="must have the fields of TF-GNN 1.0 only.* number 111"):
        plan_from_spec(spec)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (SamplingOp(name="a", edge_set="e", fanout=1, strategy="latest_k"), "Got 'latest_k'"),
        (SamplingOp(name="a", edge_set="e", strategy="full"), "`strategy` of .* Got 'full'"),
        (SamplingOp(name="a", edge_set="e", fanout=1, strategy="top_k", by="x"), "Got 'x'"),
    ],
)
def test_what_a_spec_cannot_say_is_refused(op: SamplingOp, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_to_spec(SamplingPlan(seed_node_set="n", ops=(op,)))


def test_bad_text_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"spec:2:3: must be a SamplingSpec in text format."):
        parse_sampling_spec("\n  seeds {}")


def test_tf_gnn_reads_and_writes_the_same_specs() -> None:
    import tensorflow_gnn as tfgnn
    from tensorflow_gnn.sampler import sampling_spec_builder, sampling_spec_pb2

    theirs = sampling_spec_pb2.SamplingSpec.FromString(plan_to_spec(PLAN).SerializeToString())
    assert [op.op_name for op in theirs.sampling_ops] == ["one", "two", "best"]
    assert theirs.sampling_ops[1].strategy == sampling_spec_pb2.RANDOM_WEIGHTED
    schema = tfgnn.GraphSchema()
    schema.node_sets["paper"].SetInParent()
    schema.edge_sets["cites"].source = schema.edge_sets["cites"].target = "paper"
    builder = sampling_spec_builder.SamplingSpecBuilder(schema)
    built = builder.seed("paper").sample([3, 2], "cites").build()
    plan = plan_from_spec(built, top_k="uniform")
    assert [(op.fanout, op.edge_set) for op in plan.ops] == [(3, "cites"), (2, "cites")]
    assert plan.ops[1].inputs == (plan.ops[0].name,)
    plan.validate({"cites": ("paper", "paper")})
