"""What follows a run."""

from tfgnn_ext.training.trackers.progress import Progress
from tfgnn_ext.training.trackers.tensorboard import TensorBoard
from tfgnn_ext.training.trackers.tracker import Tracker

__all__ = ["Progress", "TensorBoard", "Tracker"]
