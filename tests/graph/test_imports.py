"""The room is light: no TensorFlow, no Beam, no pandas."""

from __future__ import annotations

import subprocess
import sys


def test_heavy_packages_stay_out():
    code = (
        "import sys, tfgnn_ext.graph\n"
        "heavy = ('tensorflow', 'tensorflow_gnn', 'apache_beam', 'pandas', 'numba', 'sklearn')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
