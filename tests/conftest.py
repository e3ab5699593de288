"""Shared by all rooms: TensorFlow's greetings stay out of the output."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
