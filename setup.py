"""Metadata is in pyproject.toml; this file is what Beam's --setup_file ships to workers."""

from setuptools import setup

setup()
