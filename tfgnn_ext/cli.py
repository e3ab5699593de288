"""The command `tfgnn-ext`: parses and prints, nothing else."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from tfgnn_ext import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
schema_app = typer.Typer(no_args_is_help=True, help="Works on graph schemas.")
app.add_typer(schema_app, name="schema")

ConfigArgument = Annotated[Path, typer.Argument(help="A YAML file, or the directory of a run.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="The run directory.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="In place of what the config says."),
]
ExactOption = Annotated[
    bool,
    typer.Option("--exact", help="From whole neighbourhoods, layer by layer, instead of samples."),
]
RedoOption = Annotated[
    bool, typer.Option("--redo", help="Remove and do again what was made from other inputs.")
]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tfgnn-ext {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Graph learning on TF-GNN, from tables to trained, replicable results."""


@app.command()
def check(
    config: ConfigArgument,
    set_: SetOption = None,
    tables: Annotated[bool, typer.Option(help="Whether to read the tables too.")] = True,
) -> None:
    """Checks a config, the schema, and the tables."""
    from tfgnn_ext.runner import check_run

    typer.echo(check_run(config, overrides=set_ or [], tables=tables))


def _run(
    config: Path, out: Path | None, set_: list[str] | None, redo: bool, until: str | None
) -> Path:
    from tfgnn_ext.runner import run

    return run(config, out=out, overrides=set_ or [], until=until, redo=redo)


@app.command("run")
def run_command(
    config: ConfigArgument,
    out: OutOption = None,
    set_: SetOption = None,
    redo: RedoOption = False,
) -> None:
    """Does all stages: from the tables to the model, its metrics and the report."""
    path = _run(config, out, set_, redo, None)
    typer.echo(f"{path / 'report.html'}")


@app.command()
def train(
    config: ConfigArgument,
    out: OutOption = None,
    set_: SetOption = None,
    redo: RedoOption = False,
) -> None:
    """Does the stages up to the trained weights."""
    path = _run(config, out, set_, redo, "train")
    typer.echo(f"{path / 'training.json'}")


@app.command()
def evaluate(
    config: ConfigArgument,
    out: OutOption = None,
    set_: SetOption = None,
    redo: RedoOption = False,
    exact: ExactOption = False,
) -> None:
    """Does the stages up to predictions and metrics."""
    set_ = [*(set_ or []), *(["evaluation.exact=true"] if exact else [])]
    path = _run(config, out, set_, redo, "evaluate")
    typer.echo(f"{path / 'metrics.json'}")


@app.command()
def sample(
    config: ConfigArgument,
    out: Annotated[Path, typer.Option("--out", help="Where to write; must not exist.")],
    set_: SetOption = None,
    split: Annotated[
        str, typer.Option(help="Which seeds: train, validation, test or all.")
    ] = "all",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many seeds.")] = None,
    shards: Annotated[int, typer.Option(min=1, help="Files a split.")] = 1,
    engine: Annotated[str, typer.Option(help="memory, or beam for graphs of any size.")] = "memory",
    policy: Annotated[
        str, typer.Option(help="With beam, invalid rows: an error, or drop them and count them.")
    ] = "error",
    features: Annotated[
        str, typer.Option(help="With beam: inline in every sample, or once, beside samples of ids.")
    ] = "inline",
    beam_options: Annotated[
        str, typer.Option(help="Beam's own options, such as '--runner=FlinkRunner'.")
    ] = "",
) -> None:
    """Writes samples as TFRecords of tf.Example, which TF-GNN reads."""
    from tfgnn_ext.runner import sample_with, write_samples

    if engine == "memory" and (policy, features, beam_options) == ("error", "inline", ""):
        count: int | None = write_samples(
            config, out, overrides=set_ or [], split=split, limit=limit, shards=shards
        )
    else:
        count = sample_with(
            engine,
            config,
            out,
            overrides=set_ or [],
            split=split,
            limit=limit,
            shards=shards,
            policy=policy,
            features=features,
            beam_options=beam_options,
        )
    typer.echo(f"{'' if count is None else f'{count:,} '}samples in {out}")


@app.command()
def embed(
    run_directory: Annotated[Path, typer.Argument(help="The directory of a trained run.")],
    nodes: Annotated[
        Path, typer.Option(help="A table with the ids, and times where the run has them.")
    ],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    id_: Annotated[str, typer.Option("--id", help="The column of the ids.")] = "id",
    time: Annotated[str, typer.Option(help="The column of the times.")] = "time",
    exact: ExactOption = False,
) -> None:
    """Embeds nodes with a trained model."""
    from tfgnn_ext.runner import embed_nodes

    count = embed_nodes(run_directory, nodes, out, id_column=id_, time_column=time, exact=exact)
    typer.echo(f"{count:,} embeddings in {out}")


@schema_app.command("infer")
def infer(
    nodes: Annotated[
        list[str], typer.Option(metavar="SET=FILE", help="A node set's table; may be repeated.")
    ],
    edges: Annotated[
        list[str] | None,
        typer.Option(metavar="SET=SOURCE:TARGET:FILE", help="An edge set's ends and table."),
    ] = None,
    id_: Annotated[str, typer.Option("--id", help="The id column of the node tables.")] = "id",
    out: Annotated[
        Path | None, typer.Option(help="Where to write; default: standard output.")
    ] = None,
) -> None:
    """Writes a first schema from tables."""
    from tfgnn_ext.runner import infer_schema_text

    text = infer_schema_text(nodes, edges or [], id_column=id_, out=out)
    typer.echo(text if out is None else f"{out}")


@app.command()
def doctor() -> None:
    """Says what is installed, and whether it fits together."""
    from tfgnn_ext.runner.doctor import examine, verdict

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        typer.echo(f"{finding.state:>7}  {finding.name:<{width}}  {finding.detail}")
    typer.echo(verdict(findings))
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Runs the command; an error is one line, or one line a problem, on standard error."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Threads of scikit-learn that wait by spinning are slow beside any other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:  # Wherever it stands.
        arguments = ["--debug", *(word for word in arguments if word != "--debug")]
    # A polite end is an end by Ctrl-C.
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = app(arguments, prog_name="tfgnn-ext", standalone_mode=False) or 0
    except (KeyboardInterrupt, typer.Abort, SystemExit) as error:
        code = _interrupted(error)
    except Exception as error:
        if debug:
            raise
        code = _explain(error)
    sys.exit(code)


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def _stop(number: int, frame: object) -> None:
    raise _Terminated


def _say(text: str, code: int) -> int:
    for line in text.splitlines():
        typer.echo(f"error: {line}", err=True)
    return code


def _interrupted(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    typer.echo(f"interrupted: go on with `{_command()}`", err=True)
    return 143 if isinstance(error, _Terminated) else 130


def _command() -> str:
    import shlex

    return shlex.join(["tfgnn-ext", *(word for word in sys.argv[1:] if word != "--redo")])


def _explain(error: Exception) -> int:
    from tfgnn_ext.runner.input_error import InputError

    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # Of a wrong option.
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message(), err=True)
            return 2
        return _say(" ".join(error.format_message().split()), 2)

    if isinstance(error, InputError):
        return _say(str(error), 2)
    number = getattr(error, "signal", None)  # training.Interrupted, without loading TensorFlow
    if type(error).__name__ == "Interrupted" and number is not None:
        typer.echo(f"interrupted at step {error.step}: go on with `{_command()}`", err=True)  # type: ignore[attr-defined]
        return 128 + int(number)
    first = (str(error).strip() or repr(error)).splitlines()[0]
    return _say(f"{type(error).__name__}: {first} (--debug shows where)", 1)
