"""Checks a config's plan against a schema, with the places of mistakes."""

from __future__ import annotations

from typing import Any

from tfgnn_ext.graph import GraphSchema
from tfgnn_ext.runner.config_lines import blamed, complaint
from tfgnn_ext.runner.loaded_config import LoadedConfig
from tfgnn_ext.runner.nearest import did_you_mean


def check_plan(loaded: LoadedConfig, schema: GraphSchema, seed_node_set: str) -> list[str]:
    """Finds operations that do not fit the graph.

    Args:
      loaded: The config.
      schema: The graph's.
      seed_node_set: Where the plan starts.

    Returns:
      One line a mistake.
    """
    source, sampling = loaded.source, loaded.config.sampling
    edge_sets = sorted(schema.edge_sets)
    of_graphs = loaded.config.task.of_graphs
    problems: list[str] = []
    if sampling is None:
        return problems
    for index, op in enumerate(sampling.ops):
        path = ("sampling", "ops", index)
        if of_graphs and op.strategy != "full":
            problems.append(
                f"{source.where((*path, 'strategy'))}: `sampling.ops.{index}.strategy` must be "
                f"full with task {loaded.config.task.type}: a graph is sampled whole. "
                f"Got {op.strategy!r}."
            )
        if op.edge_set not in edge_sets:
            problems.append(
                f"{source.where((*path, 'edge_set'))}: `sampling.ops.{index}.edge_set` must be one "
                f"of {', '.join(edge_sets) or 'none'}. Got {op.edge_set!r}."
                f"{did_you_mean(op.edge_set, edge_sets)}"
            )
        elif op.by is not None and op.by not in schema.edge_sets[op.edge_set].features:
            known = sorted(schema.edge_sets[op.edge_set].features)
            problems.append(
                f"{source.where((*path, 'by'))}: `sampling.ops.{index}.by` must be a feature of "
                f"{op.edge_set} ({', '.join(known) or 'none'}). Got {op.by!r}."
                f"{did_you_mean(op.by, known)}"
            )
    if not problems:
        try:
            link = loaded.config.link
            plan = sampling.build(seed_node_set, None if link is None else link.build())
            plan.validate(endpoints(schema))
        except ValueError as error:
            where = blamed(source.data, ("sampling",), str(error))
            problems.append(complaint(source, where, str(error)))
    return problems


def endpoints(schema: Any) -> dict[str, tuple[str, str]]:
    """The source and target node set of each edge set."""
    return {name: (part.source, part.target) for name, part in schema.edge_sets.items()}
