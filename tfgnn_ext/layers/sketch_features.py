"""The features of sketched attention as a layer: normalised inputs and their phi."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.learned_sketch import LearnedSketch
from tfgnn_ext.ops.polysketch_attention import check_sketch
from tfgnn_ext.ops.sketch import check_size, sketch_features, sketch_matrices


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class SketchFeatures(tf.keras.layers.Layer):
    """LayerNorm over the width of heads, then phi of queries and keys.

    The matrices of a random sketch are weights that are not trained: saved with the model, and the
    same on every replica. A learned sketch sees its inputs before the LayerNorm, as it has its own.

    Args:
      sketch: "learned", "orthogonal", "srht", "gaussian" or "exact2".
      degree: p; None: 2 for "exact2", else 4.
      r: The size of the sketch.
      normalize: Whether the normalised inputs are needed too, beside a learned sketch.
      seed: Of the sketch.

    Call:
      inputs: ``[..., width]``.
      Returns (normalised inputs or None ``[..., width]``, phi ``[..., r]``).

    >>> normal, phi = SketchFeatures(sketch="srht", r=8)(tf.ones([2, 3, 5]))
    >>> normal.shape, phi.shape
    (TensorShape([2, 3, 5]), TensorShape([2, 3, 8]))
    """

    def __init__(
        self,
        *,
        sketch: str = "learned",
        degree: int | None = None,
        r: int = 32,
        normalize: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.degree = check_sketch(sketch, degree, "SketchFeatures")
        check_size(r, "SketchFeatures")
        self.sketch = sketch
        self.r = r
        self.normalize = normalize
        self.seed = seed
        learned = sketch == "learned"
        self._learned = None
        if learned:
            self._learned = LearnedSketch(r=r, seed=seed, name="learned", dtype=self.dtype_policy)
        self._norm = None
        if normalize or not learned:
            wide = "float64" if self.compute_dtype == "float64" else "float32"
            self._norm = tf.keras.layers.LayerNormalization(epsilon=1e-5, dtype=wide, name="norm")
        self._matrices: list[tf.Variable] = []

    def build(self, input_shape: Any) -> None:
        width = int(input_shape[-1])
        if self.sketch not in ("learned", "exact2"):
            drawn = sketch_matrices(
                self.sketch, width, r=self.r, degree=self.degree, seed=self.seed
            )
            self._matrices = [
                self.add_weight(
                    name=f"matrix_{index}",
                    shape=matrix.shape,
                    initializer=tf.constant_initializer(matrix),
                    trainable=False,
                )
                for index, matrix in enumerate(drawn)
            ]
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor | None, tf.Tensor]:
        normal = None if self._norm is None else self._norm(inputs)
        if self._learned is not None:
            return normal, self._learned(inputs)
        # beta = width^-1/2 is split between queries and keys.
        scaled = normal * inputs.shape[-1] ** -0.25
        return normal, sketch_features(scaled, self._matrices, degree=self.degree)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sketch": self.sketch,
            "degree": self.degree,
            "r": self.r,
            "normalize": self.normalize,
            "seed": self.seed,
        }
