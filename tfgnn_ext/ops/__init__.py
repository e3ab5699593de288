"""Attention as pure functions of tensors: exact, sketched, hashed, and inside graph components."""

from __future__ import annotations

from tfgnn_ext.ops.attention_diagnostics import AttentionDiagnostics, attention_diagnostics
from tfgnn_ext.ops.component_attention import component_attention
from tfgnn_ext.ops.hyper_attention import hyper_attention
from tfgnn_ext.ops.polynomial_attention import polynomial_attention
from tfgnn_ext.ops.polysketch_attention import polysketch_attention
from tfgnn_ext.ops.sketch import sketch_features, sketch_matrices
from tfgnn_ext.ops.softmax_attention import softmax_attention

__all__ = [
    "AttentionDiagnostics",
    "attention_diagnostics",
    "component_attention",
    "hyper_attention",
    "polynomial_attention",
    "polysketch_attention",
    "sketch_features",
    "sketch_matrices",
    "softmax_attention",
]
