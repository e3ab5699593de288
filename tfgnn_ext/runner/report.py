"""The report: one HTML file that needs no other."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfgnn_ext import __version__
from tfgnn_ext.graph.labels import Target
from tfgnn_ext.runner.figures import (
    calibration_figure,
    curve_figure,
    line_figure,
    scatter_figure,
)
from tfgnn_ext.training.metrics import is_better, mode_of
from tfgnn_ext.training.score_names import RANKS, SCORES, headline

_TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "calibration_error": "Calibration error",
    "log_loss": "Log loss",
    "micro_f1": "Micro F1",
    "subset_accuracy": "Subset accuracy",
    "mean_squared_error": "Mean squared error",
    "root_mean_squared_error": "Root mean squared error",
    "mean_absolute_error": "Mean absolute error",
    "r2": "R²",
    "mrr": "MRR",
    "hits@1": "Hits@1",
    "hits@3": "Hits@3",
    "hits@10": "Hits@10",
}
_TABLED: Mapping[Target, tuple[str, ...]] = {
    **SCORES,
    # Micro F1 is accuracy where every seed has one class.
    "class": tuple(_TITLES)[:6],
}
_CAPTIONS: Mapping[Target, str] = {
    "class": "Higher is better, except for calibration error and log loss. Micro F1 equals "
    "accuracy: every seed has one class.",
    "classes": "Higher is better, except for log loss. A class is predicted where its probability "
    "is above one half.",
    "values": "Lower is better, except for R², the share of the variance that is explained.",
}
_SPLITS = ("test", "validation", "train")
Answer = tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.floating[Any]]]


def render_report(
    directory: Path, *, title: str, config: str, class_names: Sequence[str] | None = None
) -> str:
    """Renders what a run directory holds.

    Args:
      directory: With the outputs of all stages before the report.
      title: The headline.
      config: The whole config, as text.
      class_names: What the classes are called; default: their labels.

    Returns:
      HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfgnn_ext.runner"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2")
    return page.render(title=title, config=config, **report_values(directory, class_names))


def report_values(directory: Path, class_names: Sequence[str] | None = None) -> dict[str, Any]:
    """What the template shows, as plain values."""
    graph, metrics = _json(directory, "graph.json"), _json(directory, "metrics.json")
    training = _json(directory, "training.json")
    baseline = _json(directory, "baseline/metrics.json", {})
    samples = _json(directory, "samples/statistics.json", {"nodes": {}, "edges": {}})
    stages = _json(directory, "stages.json")
    judged = next(name for name in _SPLITS if name in metrics)
    seeds = graph["seeds"]
    target: Target = seeds["target"]
    names = list(class_names or seeds["classes"])
    tabled = [*_TABLED[target], *(name for name in RANKS if name in metrics[judged])]
    timed = any(split["first_time"] is not None for split in seeds["splits"].values())
    return {
        "version": __version__,
        "class_names": names,
        "graph": graph,
        "timed": timed,
        "summary": _summary(graph, names, training),
        "cards": _cards(target, judged, metrics[judged], baseline.get(judged, {}), training),
        "metric_names": [_TITLES[name] for name in tabled],
        "metrics_caption": _CAPTIONS[target],
        "metric_rows": [
            {"split": name, "who": who, "model": who == "model", "values": _values(tabled, values)}
            for name in _SPLITS
            for who, values in (("model", metrics.get(name)), ("baseline", baseline.get(name)))
            if values
        ],
        "figures": _figures(directory, target, judged, seeds["classes"], names, training),
        "seed_rows": [
            {
                "split": name,
                "seeds": f"{split['seeds']:,}",
                "classes": _labels(split),
                "first": _moment(split["first_time"]),
                "last": _moment(split["last_time"]),
            }
            for name, split in seeds["splits"].items()
        ],
        "node_rows": [
            {"name": name, "count": f"{part['nodes']:,}", "sampled": _mean(samples["nodes"], name)}
            for name, part in graph["node_sets"].items()
        ],
        "edge_rows": [
            {
                "name": name,
                "source": part["source"],
                "target": part["target"],
                "count": f"{part['edges']:,}",
                "sampled": _mean(samples["edges"], name),
            }
            for name, part in graph["edge_sets"].items()
        ],
        "stage_rows": _stage_rows(stages),
        "environment": json.dumps(_json(directory, "environment.json", {}), indent=2),
    }


def _stage_rows(stages: Mapping[str, Any]) -> list[dict[str, str]]:
    seconds = {name: record["seconds"] for name, record in stages.items() if record.get("done")}
    seconds["all"] = sum(seconds.values())
    return [{"name": name, "seconds": f"{value:,.1f}"} for name, value in seconds.items()]


def _json(directory: Path, name: str, default: Any = None) -> Any:
    path = directory / name
    if default is not None and not path.exists():
        return default
    return json.loads(path.read_text(encoding="utf-8"))


def _summary(graph: Mapping[str, Any], names: Sequence[str], training: Mapping[str, Any]) -> str:
    nodes = sum(part["nodes"] for part in graph["node_sets"].values())
    edges = sum(part["edges"] for part in graph["edge_sets"].values())
    seeds = graph["seeds"]
    of = f"nodes of {seeds['node_set']!r}"
    if seeds.get("second_node_set") is not None:
        of = f"pairs of {seeds['node_set']!r} and {seeds['second_node_set']!r}"
    what = {
        "class": f"Classifies {of} as {' or '.join(names)}",
        "classes": f"Says which of {', '.join(names)} {of} are",
        "values": f"Predicts {', '.join(names)} of {of}",
    }[seeds["target"]]
    return (
        f"{what}, in a graph of {nodes:,} nodes and {edges:,} edges. The model"
        f"{_of_networks(training)} has {training['parameters']:,} parameters and was trained for "
        f"{training['steps']:,} steps."
    )


def _of_networks(training: Mapping[str, Any]) -> str:
    number = len(training["members"])
    return f", the mean of {number} networks," if number > 1 else ""


def _labels(split: Mapping[str, Any]) -> list[str]:
    """What a column of the table of seeds says of each class, or of each number."""
    if "values" in split:
        rows = split["values"].values()
        return [f"mean {row['mean']:.4g}, deviation {row['deviation']:.4g}" for row in rows]
    return [f"{count:,} ({count / split['seeds']:.1%})" for count in split["classes"].values()]


def _cards(
    target: Target,
    judged: str,
    model: Mapping[str, float],
    baseline: Mapping[str, float],
    training: Mapping[str, Any],
) -> list[dict[str, Any]]:
    cards: list[dict[str, Any]] = []
    fourth = {"class": "calibration_error", "classes": "log_loss", "values": "mean_squared_error"}
    for name in (*headline(target), fourth[target]):
        other = baseline.get(name)
        note = "" if other is None else f"baseline {_number(other)}"
        better = (
            other is not None
            and model[name] is not None
            and is_better(model[name], other, mode_of(name))
        )
        title = f"{_TITLES[name]}, {judged}"
        cards.append({"name": title, "value": _number(model[name]), "note": note, "better": better})
    networks = training["members"]
    steps = sorted({network["best_step"] or 0 for network in networks})
    if all(steps):
        cards.append(
            {"name": "Best step", "value": ", ".join(f"{step:,}" for step in steps),
             "note": f"of {training['steps'] // len(networks):,}", "better": False}
        )  # fmt: skip
    return cards


def _values(tabled: Sequence[str], metrics: Mapping[str, float | None]) -> list[str]:
    return [_number(metrics.get(name)) for name in tabled]


def _number(value: float | None) -> str:
    """Of any size: a mean squared error is in squares of the labels' unit.

    >>> _number(0.91234), _number(1234567.0), _number(1.25e-12), _number(3e18), _number(None)
    ('0.9123', '1,234,567', '1.25e-12', '3e+18', '–')
    """
    if value is None:
        return "–"
    size = abs(value)
    if size and not 1e-3 <= size < 1e9:
        return f"{value:.4g}"
    return f"{value:.4f}" if size < 1000 else f"{value:,.0f}"


def _mean(counts: Mapping[str, Any], name: str) -> str:
    return f"{counts[name]['mean']:.1f}" if name in counts else "–"


def _moment(time: int | None) -> str:
    """A time as a date if it looks like one."""
    if time is None:
        return "–"
    if 0 < time < 1 << 33 and time > 10**8:
        return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d %H:%M")
    return f"{time:,}"


def _figures(
    directory: Path,
    target: Target,
    judged: str,
    classes: Sequence[str],
    names: Sequence[str],
    training: Mapping[str, Any],
) -> list[dict[str, str]]:
    figures = _training_figures(directory, target, training)
    table = _predictions(directory / "predictions.parquet", judged)
    if target == "values":
        return figures + [
            {
                "title": f"{name}, {judged}",
                "alt": f"Predicted against true {name}.",
                "svg": scatter_figure(true, said),
            }
            for name, true, said in zip(
                names[:8], _columns(table["label"]), _columns(table["prediction"]), strict=False
            )
        ]
    # [num_items, num_classes]
    truth, model = _truth(table, target, classes), np.stack(table["probabilities"].to_numpy())
    answers: list[Answer] = []
    if target == "class" and len(classes) == 2:
        answers.append(("model", truth[:, 1], model[:, 1]))
        path = directory / "baseline/predictions.parquet"
        if path.exists():
            scores = np.stack(_predictions(path, judged)["probabilities"].to_numpy())[:, 1]
            if len(scores) == len(truth):
                answers.append(("baseline", truth[:, 1], scores))
    else:
        answers += [
            (name, truth[:, index], model[:, index]) for index, name in enumerate(names[:8])
        ]
    answers = [item for item in answers if 0 < item[1].sum() < len(item[1])]
    if not answers:
        return figures
    what = "each class against the rest"
    if target == "class" and len(classes) == 2:
        what = f"class {names[1]!r}"
    figures.append(
        {
            "title": f"ROC curve, {judged}",
            "alt": f"True against false positive rate for {what}.",
            "svg": curve_figure("roc", answers),
        }
    )
    figures.append(
        {
            "title": f"Precision and recall, {judged}",
            "alt": f"Precision against recall for {what}.",
            "svg": curve_figure("precision_recall", answers),
        }
    )
    figures.append(
        {
            "title": f"Calibration, {judged}",
            "alt": f"Observed share against predicted probability for {what}.",
            "svg": calibration_figure(answers),
        }
    )
    return figures


def _predictions(path: Path, split: str) -> pa.Table:
    table = pq.read_table(path)
    return table.filter(pc.equal(table["split"], split))


def _truth(table: pa.Table, target: Target, classes: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each item has each class, ``[num_items, num_classes]``."""
    truth = np.zeros((len(table), len(classes)), np.bool_)
    numbers = {name: index for index, name in enumerate(classes)}
    for row, label in enumerate(table["label"].to_pylist()):
        truth[row, [numbers[name] for name in ([label] if target == "class" else label)]] = True
    return truth


def _columns(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """The numbers of all items, ``[num_values, num_items]``."""
    return np.array(column.to_pylist(), np.float64).reshape(len(column), -1).T


def _training_figures(
    directory: Path, target: Target, training: Mapping[str, Any]
) -> list[dict[str, str]]:
    # By step, then by network: steps that a resumed run did again are told again, and the last
    # word counts.
    losses: dict[int, dict[int, float]] = {}
    log = directory / "log.jsonl"
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        event = json.loads(line)
        if event["event"] == "training" and event.get("train/loss") is not None:
            losses.setdefault(event["step"], {})[event["member"]] = event["train/loss"]
    lines: dict[str, tuple[list[float], list[float]]] = {}
    if losses:
        rows = [
            {"step": step, "loss": value}
            for step, values in losses.items()
            for value in values.values()
        ]
        lines["training loss"] = _series(rows, "loss")
    networks = training["members"]
    mean = f", mean of {len(networks)} networks" if len(networks) > 1 else ""
    validations = [row for network in networks for row in network["validations"]]
    # A regression's loss is in other units than its scores.
    if validations and target != "values":
        lines["validation log loss"] = _series(validations, "log_loss")
    best = {network["best_step"] for network in networks}
    mark = (float(*best), "best") if len(best) == 1 and None not in best else None
    figures = []
    if lines:
        figures.append(
            {
                "title": f"Loss{mean}",
                "alt": "Loss of training and validation over the steps of training.",
                "svg": line_figure(lines, x="step", y="loss", mark=mark),
            }
        )
    if validations:
        names = headline(target)
        scores = {_TITLES[name]: _series(validations, name) for name in names}
        figures.append(
            {
                "title": f"Validation metrics{mean}",
                "alt": f"{', '.join(scores)} of the validation split over the steps of training.",
                "svg": line_figure(scores, x="step", y="value", mark=mark),
            }
        )
    return figures


def _series(rows: Sequence[Mapping[str, float]], name: str) -> tuple[list[float], list[float]]:
    """Steps, ascending, and the mean of a value at each."""
    values: dict[float, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            values.setdefault(row["step"], []).append(row[name])
    steps = sorted(values)
    return steps, [sum(values[step]) / len(values[step]) for step in steps]
