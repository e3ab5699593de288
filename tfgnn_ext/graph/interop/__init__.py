"""Graphs from and to other libraries; each is imported when its function is called."""

from tfgnn_ext.graph.interop.data_frames import from_data_frames, to_data_frames
from tfgnn_ext.graph.interop.hetero_data import from_hetero_data, to_hetero_data
from tfgnn_ext.graph.interop.networkx_graphs import from_networkx, to_networkx
from tfgnn_ext.graph.interop.scipy_matrices import from_scipy, to_scipy

__all__ = [
    "from_data_frames",
    "from_hetero_data",
    "from_networkx",
    "from_scipy",
    "to_data_frames",
    "to_hetero_data",
    "to_networkx",
    "to_scipy",
]
