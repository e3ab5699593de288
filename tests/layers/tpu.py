"""What can be checked of a step for TPUs without one: shapes, traces, dimensions, operations.

It does not prove kernels, memory or bfloat16 numerics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import tensorflow as tf

# Of the graph operators that Cloud TPU's documentation lists
# (https://cloud.google.com/tpu/docs/tensorflow-ops), those that layers here may use.
ALLOWED = set(
    """
    AddN Add All Any ArgMax Assert BatchMatMul BiasAdd BiasAddGrad BitwiseAnd BitwiseOr BitwiseXor
    BroadcastGradientArgs BroadcastTo Cast Concat ConcatOffset Const Cumsum Div DivNoNan Equal Erf
    Erfc Exp ExpandDims Fill Floor FloorDiv FloorMod Gather GatherNd Greater GreaterEqual Identity
    IdentityN If InvertPermutation LeftShift Less LessEqual Log LogSoftmax LogicalAnd LogicalNot
    LogicalOr MatMul MatrixBandPart Max Maximum Mean Min Minimum Mul Neg NoOp NotEqual OnesLike Pack
    Pad Pow PreventGradient Prod Range Rank ReadVariableOp RealDiv Reciprocal Relu ReluGrad Reshape
    ReverseV2 RightShift Rsqrt RsqrtGrad ScatterNd Select Shape Sigmoid SigmoidGrad Sign Size Slice
    Softmax Softplus SoftplusGrad Split SplitV Sqrt SqrtGrad Square SquaredDifference Squeeze
    StatelessIf StatelessRandomUniform StatelessRandomUniformInt StatelessWhile StopGradient
    StridedSlice StridedSliceGrad Sub Sum Tanh TanhGrad TensorListElementShape TensorListReserve
    Tile TopKV2 Transpose Unpack UnsortedSegmentMax UnsortedSegmentSum While ZerosLike
    """.split()  # noqa: SIM905
)
# Later versions of listed operators: a list written and stacked is what a TensorArray became,
# EnsureShape is the identity where shapes are static, and calls of functions are inlined.
ALLOWED |= {
    *("AddV2", "BatchMatMulV2", "BatchMatMulV3", "ConcatV2", "EnsureShape", "GatherV2", "SelectV2"),
    *("StatelessRandomUniformV2", "StatelessRandomUniformFullIntV2", "TensorScatterAdd"),
    *("TensorListFromTensor", "TensorListGetItem", "TensorListSetItem", "TensorListStack"),
    *("TensorScatterUpdate", "PartitionedCall", "Placeholder", "StatefulPartitionedCall"),
}


def check_tpu_ready(
    step: Callable[..., Any],
    batches: Sequence[Sequence[Any]],
    *,
    allowed: Collection[str] = frozenset(ALLOWED),
) -> None:
    """Raises an AssertionError that says what in a step is not for TPUs.

    Args:
      step: Of tensors, or of tensors in structures.
      batches: Its arguments, for several batches of different content.
      allowed: The operations that may occur.
    """
    traces = []

    def counted(*inputs: Any) -> Any:
        traces.append(1)
        return step(*inputs)

    run = tf.function(counted, jit_compile=True, autograph=False)
    for batch in batches:
        for leaf in tf.nest.flatten(batch, expand_composites=True):
            assert leaf.dtype in (tf.int32, tf.float32, tf.bool), f"an input is {leaf.dtype}"
        specs = tf.nest.map_structure(tf.type_spec_from_value, list(batch))
        for spec in tf.nest.flatten(specs, expand_composites=True):
            assert spec.shape.is_fully_defined(), f"an input has the shape {spec.shape}"
        concrete = run.get_concrete_function(*specs)
    assert len(traces) == 1, f"traced {len(traces)} times for {len(batches)} batches"
    # The graph's own nodes, and those of the functions that it calls.
    parts = {field.name: part for field, part in concrete.graph.as_graph_def().ListFields()}
    functions = parts["library"].function if "library" in parts else ()
    nodes = [*parts["node"], *(node for function in functions for node in function.node_def)]
    unknown = {node.op for node in nodes} - set(allowed)
    assert not unknown, f"not listed for TPUs: {sorted(unknown)}"
    hlo = run.experimental_get_compiler_ir(*batches[0])(stage="hlo")
    dynamic = re.findall(r"\[[^\]]*<=\d+[^\]]*\]", hlo)
    assert not dynamic, f"{len(dynamic)} dynamic dimensions, such as {dynamic[0]}"


def gradients(layer: tf.keras.layers.Layer, call: Callable[..., tf.Tensor]) -> Callable[..., Any]:
    """The step of training that layers share: a loss of `call`, and the gradients of weights."""

    def step(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(call(*inputs)))
        return loss, tape.gradient(loss, layer.trainable_weights)

    return step
