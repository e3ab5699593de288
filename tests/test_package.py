from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import tfgnn_ext
from tfgnn_ext.graph.datasets.load import FORMATS, NAMES
from tfgnn_ext.runner.config import DataConfig
from tfgnn_ext.runner.template_parameters import template_names, template_parameters


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", tfgnn_ext.__version__)


def _run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, tfgnn_ext; "
        "sys.exit(bool({'numpy', 'tensorflow', 'pyarrow', 'numba'} & set(sys.modules)))"
    )
    assert _run(program).returncode == 0


@pytest.mark.parametrize(
    "program",
    [
        "import tfgnn_ext; tfgnn_ext.require_keras_2()",
        "import tensorflow as tf; import tfgnn_ext; tfgnn_ext.require_keras_2()",
    ],
)
def test_keras_2_is_what_comes(program: str) -> None:
    pytest.importorskip("tensorflow")
    environment = {**os.environ}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_keras_3_is_refused_in_one_line() -> None:
    pytest.importorskip("tensorflow")
    done = _run("import tfgnn_ext; tfgnn_ext.require_keras_2()", TF_USE_LEGACY_KERAS="0")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: `tf.keras` must be Keras 2: import tfgnn_ext before")


def test_every_data_set_can_be_named() -> None:
    for name in NAMES:
        path = "a" if name in FORMATS else None
        assert DataConfig(dataset=name, path=path).dataset == name


def test_templates_are_those_that_models_registers() -> None:
    models = pytest.importorskip("tfgnn_ext.models")
    assert sorted(template_names()) == sorted(models.TEMPLATES)
    for name in template_names():
        parameters = template_parameters(name)()
        assert parameters.model_dump()["seed"] == 0
