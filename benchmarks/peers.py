"""Where the peers (DGL, PyG) are: an interpreter of their own, named by an environment variable."""

from __future__ import annotations

import os
import sys

VARIABLE = "TFGNN_EXT_PEERS"


def peers_python() -> str:
    """The interpreter of `scripts/peers.sh`, else this one, which may have them or not."""
    return os.environ.get(VARIABLE, sys.executable)
