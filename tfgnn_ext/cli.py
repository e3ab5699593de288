"""The command `tfgnn-ext`: parses and prints, nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from tfgnn_ext import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tfgnn-ext {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Graph learning on TF-GNN, from tables to trained, replicable results."""


@app.command()
def doctor() -> None:
    """Says what is installed and whether it fits together."""
    typer.echo("ok")


def main() -> None:
    """Runs the command."""
    app()
