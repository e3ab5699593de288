"""TF-GNN's SamplingSpec as a plan, and back.

What one side cannot say is refused by name. A SamplingSpec has no seed, no latest-k, no full
neighbourhood, and no name for the edge feature that its strategies read: TF-GNN's convention for
that is ``#weight``. A plan has no link seeds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from google.protobuf.unknown_fields import UnknownFieldSet

from tfgnn_ext.graph import SamplingSpec, parse_message, write_message
from tfgnn_ext.sampling.plan import SamplingOp, SamplingPlan, Strategy

_WEIGHT = "#weight"
_TOP_K, _UNIFORM, _WEIGHTED = 0, 1, 2  # Of the enum SamplingStrategy.
_STRATEGIES: dict[int, Strategy] = {_TOP_K: "top_k", _UNIFORM: "uniform", _WEIGHTED: "weighted"}


def plan_from_spec(
    spec: Any,
    *,
    seed: int = 0,
    by: str = _WEIGHT,
    top_k: Literal["top_k", "uniform"] = "top_k",
) -> SamplingPlan:
    """A plan that draws what a SamplingSpec says.

    Args:
      spec: The message, TF-GNN's own or `graph.SamplingSpec`.
      seed: Of the plan.
      by: The edge feature that TOP_K and RANDOM_WEIGHTED read.
      top_k: What TOP_K means. It is the default of TF-GNN's builder, and TF-GNN's samplers read no
        strategy but draw uniformly: "uniform" draws as they do, "top_k" as the spec says.

    Returns:
      Operations in an order in which each follows its inputs.

    Raises:
      ValueError: The spec is incomplete, or says what a plan cannot: link seeds, fields of a later
        version, a cycle.

    >>> spec = parse_sampling_spec('''
    ...   seed_op { op_name: "start" node_set_name: "paper" }
    ...   sampling_ops { op_name: "hop" input_op_names: "start" edge_set_name: "cites"
    ...                  sample_size: 3 strategy: RANDOM_UNIFORM }
    ... ''')
    >>> plan_from_spec(spec).ops[0].fanout
    3
    """
    message = SamplingSpec.FromString(spec.SerializeToString())
    if message.HasField("symmetric_link_seed_op"):
        raise ValueError(
            "`symmetric_link_seed_op` of a SamplingSpec must not be set: a plan starts at nodes. "
            f"Got {message.symmetric_link_seed_op.op_name!r}."
        )
    for part in (message, message.seed_op, *message.sampling_ops):
        unknown: Any = UnknownFieldSet(part)
        for field in unknown:
            raise ValueError(
                f"a {part.DESCRIPTOR.name} must have the fields of TF-GNN 1.0 only. "
                f"Got field number {field.field_number}."
            )
    if not message.seed_op.op_name or not message.seed_op.node_set_name:
        raise ValueError(
            "`seed_op` of a SamplingSpec must have an `op_name` and a `node_set_name`. "
            f"Got {message.seed_op.op_name!r} and {message.seed_op.node_set_name!r}."
        )
    if top_k not in ("top_k", "uniform"):
        raise ValueError(
            f"`top_k` of `plan_from_spec` must be one of top_k, uniform. Got {top_k!r}."
        )
    strategies = {**_STRATEGIES, _TOP_K: top_k}
    ops = []
    for op in _sorted(message.sampling_ops, message.seed_op.op_name):
        strategy = strategies.get(op.strategy)
        if strategy is None:
            raise ValueError(
                f"`strategy` of sampling op {op.op_name!r} must be TOP_K, RANDOM_UNIFORM or "
                f"RANDOM_WEIGHTED. Got {op.strategy}."
            )
        ops.append(
            SamplingOp(
                name=op.op_name,
                edge_set=op.edge_set_name,
                fanout=op.sample_size,
                strategy=strategy,
                inputs=tuple(op.input_op_names),
                by=None if strategy == "uniform" else by,
            )
        )
    return SamplingPlan(
        seed_node_set=message.seed_op.node_set_name,
        ops=tuple(ops),
        seed=seed,
        seed_op=message.seed_op.op_name,
    )


def plan_to_spec(plan: SamplingPlan) -> Any:
    """The SamplingSpec of a plan; its seed is left out, since a SamplingSpec has none.

    Returns:
      A `graph.SamplingSpec`, of which TF-GNN reads the bytes and the text.

    Raises:
      ValueError: An operation says what a SamplingSpec cannot: "latest_k", "full", or a feature
        other than ``#weight``; or seeds are pairs.
    """
    if plan.link is not None:
        raise ValueError(
            "`link` of `SamplingPlan` must be None in a SamplingSpec, which says not what a pair's "
            f"sample leaves out. Got {plan.link}."
        )
    numbers = {name: number for number, name in _STRATEGIES.items()}
    spec = SamplingSpec()
    spec.seed_op.op_name = plan.seed_op
    spec.seed_op.node_set_name = plan.seed_node_set
    for op in plan.ops:
        if op.strategy not in numbers:
            raise ValueError(
                f"`strategy` of `SamplingOp` {op.name!r} must be one of "
                f"{', '.join(numbers)} in a SamplingSpec. Got {op.strategy!r}."
            )
        if op.by not in (None, _WEIGHT):
            raise ValueError(
                f"`by` of `SamplingOp` {op.name!r} must be {_WEIGHT!r} in a SamplingSpec, which "
                f"names no feature. Got {op.by!r}."
            )
        spec.sampling_ops.add(
            op_name=op.name,
            input_op_names=op.inputs,
            edge_set_name=op.edge_set,
            sample_size=op.fanout,
            strategy=numbers[op.strategy],
        )
    return spec


def parse_sampling_spec(text: str, name: str = "spec") -> Any:
    """Parses a SamplingSpec in text format.

    Raises:
      ValueError: With the line and column of the mistake.
    """
    return parse_message(SamplingSpec, text, name)


def read_sampling_spec(path: str | os.PathLike[str]) -> Any:
    """Reads a SamplingSpec from a text file."""
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"`{file}` must be a SamplingSpec's file. Got no such file.")
    return parse_sampling_spec(file.read_text(encoding="utf-8"), str(file))


def write_sampling_spec(spec: Any, path: str | os.PathLike[str]) -> None:
    """Writes a SamplingSpec as text; the file appears whole or not at all."""
    write_message(spec, path)


def _sorted(ops: Iterable[Any], seed: str) -> list[Any]:
    """The operations, each after its inputs, else in the order of the spec."""
    left, done, ordered = list(ops), {seed}, []
    names = {op.op_name for op in left} | done
    for op in left:
        for name in op.input_op_names:
            if name not in names:
                raise ValueError(
                    f"`input_op_names` of sampling op {op.op_name!r} must name operations "
                    f"({', '.join(sorted(names))}). Got {name!r}."
                )
    while left:
        ready = next((op for op in left if set(op.input_op_names) <= done), None)
        if ready is None:
            raise ValueError(
                "`sampling_ops` of a SamplingSpec must have no cycle. "
                f"Got one among {', '.join(sorted(op.op_name for op in left))}."
            )
        left.remove(ready)
        ordered.append(ready)
        done.add(ready.op_name)
    return ordered
