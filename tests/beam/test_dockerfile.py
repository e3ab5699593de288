"""The worker's Dockerfile agrees with what the project says of itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import apache_beam
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with its argument in one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def test_versions_are_those_that_the_project_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    steps = instructions()
    arguments = dict(argument.split("=", 1) for name, argument in steps if name == "ARG")
    (base,) = (argument for name, argument in steps if name == "FROM")
    assert base == "apache/beam_python${PYTHON}_sdk:${BEAM}"
    (beam,) = (
        requirement
        for requirement in map(Requirement, project["optional-dependencies"]["beam"])
        if requirement.name == "apache-beam"
    )
    assert Version(arguments["BEAM"]) in beam.specifier
    # The newest that is allowed, which is what a plain installation submits with.
    newest = max(spec.version for spec in beam.specifier if spec.operator == "<")
    assert Version(arguments["BEAM"]).minor == Version(newest).minor - 1
    assert f"{arguments['PYTHON']}.0" in Requirement(f"x{project['requires-python']}").specifier
    assert Version(apache_beam.__version__) in beam.specifier


def test_what_is_copied_is_there_and_is_enough_to_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    copied = {
        source
        for name, argument in instructions()
        if name == "COPY"
        for source in argument.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    assert {"pyproject.toml", "setup.py", "tfgnn_ext"} <= copied
    assert {project["readme"], *project["license-files"]} <= copied


def test_commands_name_extras_and_modules_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (command,) = (argument for name, argument in instructions() if name == "RUN")
    assert 'pip install --no-cache-dir ".${EXTRAS:+[$EXTRAS]}"' in command
    (module,) = re.findall(r'python -c "import ([\w.]+)"', command)
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    named = re.findall(r"--build-arg EXTRAS=(\w+)", (ROOT / "Dockerfile").read_text())
    assert named
    assert set(named) <= set(project["optional-dependencies"])
    # The image's own entry point starts the worker.
    assert not {"CMD", "ENTRYPOINT"} & {name for name, _ in instructions()}
