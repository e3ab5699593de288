"""What attention layers on sequences share: projections, masks and the Keras call signature."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class HeadsGlorot(tf.keras.initializers.Initializer):
    """Uniform as `MultiHeadAttention` draws its kernels ``[width, heads, width of a head]``.

    The limit is ``sqrt(6 / (width (heads + width of a head)))``, several times smaller than that of
    the flat kernel: attention starts near the mean of all values, and learns much faster.

    >>> bool(tf.reduce_max(HeadsGlorot(heads=4, seed=1)([64, 64])) < 0.0685)
    True
    """

    def __init__(self, *, heads: int, seed: int) -> None:
        self._heads = heads
        self._seed = seed

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        fans = self._heads + shape[1] // self._heads if self._heads > 1 else 1 + shape[1] / shape[0]
        limit = (6 / (shape[0] * fans)) ** 0.5
        uniform = tf.keras.initializers.RandomUniform(-limit, limit, self._seed)
        return uniform(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"heads": self._heads, "seed": self._seed}


class _AbstractLayer(abc.ABCMeta, type(tf.keras.layers.Layer)):  # type: ignore[misc]
    """Lets a Keras layer have abstract methods."""


class SequenceAttention(tf.keras.layers.Layer, metaclass=_AbstractLayer):
    """Multi-head attention with the call signature of `tf.keras.layers.MultiHeadAttention`.

    Subclasses say how heads attend: `attend`.

    Args:
      num_heads: The number of heads.
      key_dim: h, the width of queries and keys of a head.
      value_dim: d, the width of values of a head; None: h.
      use_bias: Whether projections have biases.
      output_shape: The width of the output; None: that of the query.
      seed: Of initial weights and random features.
    """

    def __init__(
        self,
        *,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        use_bias: bool = True,
        output_shape: int | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (
            ("num_heads", num_heads),
            ("key_dim", key_dim),
            ("value_dim", value_dim),
            ("output_shape", output_shape),
        ):
            if value is not None and value < 1:
                raise ValueError(
                    f"`{name}` of `{type(self).__name__}` must be an int >= 1. Got {value}."
                )
        self.supports_masking = True
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.use_bias = use_bias
        self.output_width = output_shape
        self.seed = seed

        def project(
            width: int, name: str, number: int, heads: int = num_heads
        ) -> tf.keras.layers.Dense:
            return tf.keras.layers.Dense(
                width,
                use_bias=use_bias,
                kernel_initializer=HeadsGlorot(heads=heads, seed=4 * seed + number),
                name=name,
                dtype=self.dtype_policy,
            )

        self._query = project(num_heads * key_dim, "query", 0)
        self._key = project(num_heads * key_dim, "key", 1)
        self._value = project(num_heads * self.value_dim, "value", 2)
        self._project = project

    # The width of the output is the query's, which `build` is not told of where inputs are several.
    def build(self, input_shape: Any) -> None:
        width = self.output_width or tf.TensorShape(input_shape)[-1]
        self._output = self._project(width, "output", 3, 1)
        super().build(input_shape)

    @abc.abstractmethod
    def attend(
        self,
        q: tf.Tensor,
        k: tf.Tensor,
        v: tf.Tensor,
        *,
        query_mask: tf.Tensor | None,
        key_mask: tf.Tensor | None,
        causal: bool,
    ) -> tf.Tensor:
        """Attention of heads ``[batch, num_tokens, num_heads, width]``."""

    def call(
        self,
        query: tf.Tensor,
        value: tf.Tensor,
        key: tf.Tensor | None = None,
        attention_mask: tf.Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> tf.Tensor:
        name = type(self).__name__
        if return_attention_scores:
            raise ValueError(
                f"`return_attention_scores` of `{name}` must be False: its scores are never "
                "formed. Got True; take tf.keras.layers.MultiHeadAttention."
            )
        key_masks = [getattr(each, "_keras_mask", None) for each in (value, key)]
        if attention_mask is not None:
            if attention_mask.shape.rank != 3 or attention_mask.shape[1] != 1:
                raise ValueError(
                    f"`attention_mask` of `{name}` must have the shape [batch, 1, num_keys], a "
                    f"mask of keys. Got {attention_mask.shape}; for a mask of pairs take "
                    "tf.keras.layers.MultiHeadAttention."
                )
            key_masks.append(attention_mask[:, 0])
        found = [tf.cast(mask, tf.bool) for mask in key_masks if mask is not None]
        key_mask = None
        for mask in found:
            key_mask = mask if key_mask is None else key_mask & mask
        key = value if key is None else key
        if use_causal_mask and query.shape[1] != key.shape[1]:
            raise ValueError(
                f"`use_causal_mask` of `{name}` must be False unless queries and keys are equally "
                f"many. Got {query.shape[1]} and {key.shape[1]}; take "
                "tf.keras.layers.MultiHeadAttention."
            )
        outputs = self.attend(
            self.heads(self._query(query)),
            self.heads(self._key(key)),
            self.heads(self._value(value)),
            query_mask=getattr(query, "_keras_mask", None),
            key_mask=key_mask,
            causal=use_causal_mask,
        )
        # [batch, num_queries, num_heads * d]
        flat = tf.reshape(outputs, [*self._leading(outputs), self.num_heads * self.value_dim])
        return self._output(flat)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def heads(self, x: tf.Tensor) -> tf.Tensor:
        """``[batch, num_tokens, num_heads * width]`` to ``[..., num_heads, width]``."""
        return tf.reshape(x, [*self._leading(x), self.num_heads, x.shape[-1] // self.num_heads])

    @staticmethod
    def _leading(x: tf.Tensor) -> list[int | tf.Tensor]:
        """The first two sizes, static where they are known."""
        return [tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis] for axis in range(2)]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "use_bias": self.use_bias,
            "output_shape": self.output_width,
            "seed": self.seed,
        }
