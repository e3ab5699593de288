"""PolySketchFormer's attention as a Keras layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.sequence_attention import SequenceAttention
from tfgnn_ext.layers.sketch_features import SketchFeatures
from tfgnn_ext.ops.polynomial_attention import polynomial_attention
from tfgnn_ext.ops.polysketch_attention import polysketch_attention
from tfgnn_ext.ops.polysketch_decoding import DecodingState, decode, start_decoding


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class PolySketchAttention(SequenceAttention):
    """Polynomial attention in linear time; the call is that of `MultiHeadAttention`.

    Queries and keys pass one LayerNorm over the width of a head, shared by both and by heads. See
    `ops.polysketch_attention` for the formulas. A learned sketch is the default; "exact2" needs no
    sketch and is closer to exact degree 4 than any random sketch of moderate size.

    Args:
      sketch: "learned", "orthogonal", "srht", "gaussian", "exact2", or "none": the exact
        polynomial, in quadratic time.
      degree: p: 2, 4 or 8; None: 2 for "exact2", else 4.
      r: The size of the sketch.
      local_exact: Whether causal weights inside a block of `block_size` tokens are exact.
      block_size: Tokens of a block of causal attention.
      offset: c > 0, in the denominator.
      **kwargs: Of `SequenceAttention`: num_heads, key_dim, value_dim, use_bias, output_shape, seed,
        which draws random sketches too.

    Call:
      As `tf.keras.layers.MultiHeadAttention`: ``(query [B, T, D], value [B, S, D'], key=None,
      attention_mask=None, return_attention_scores=False, training=None, use_causal_mask=False)``.
      Honoured: Keras' padding masks of query, value and key, an `attention_mask` ``[B, 1, S]``, and
      `use_causal_mask` with T = S. Outputs of masked queries are those of zeros.
      Returns ``[B, T, D]``.

    Raises:
      ValueError: Another mask, or `return_attention_scores`.

    >>> layer = PolySketchAttention(num_heads=2, key_dim=4, r=8)
    >>> layer(tf.ones([3, 5, 7]), tf.ones([3, 5, 7]), use_causal_mask=True).shape
    TensorShape([3, 5, 7])
    """

    def __init__(
        self,
        *,
        sketch: str = "learned",
        degree: int | None = None,
        r: int = 32,
        local_exact: bool = False,
        block_size: int = 512,
        offset: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if offset <= 0:
            raise ValueError(f"`offset` of `PolySketchAttention` must be > 0. Got {offset}.")
        if block_size < 1:
            raise ValueError(
                f"`block_size` of `PolySketchAttention` must be an int >= 1. Got {block_size}."
            )
        self.sketch = sketch
        self.r = r
        self.local_exact = local_exact
        self.block_size = block_size
        self.offset = offset
        self._features = SketchFeatures(
            # What has no sketch has the LayerNorm all the same.
            sketch="exact2" if sketch == "none" else sketch,
            degree=None if sketch == "none" else degree,
            r=r,
            normalize=local_exact,
            seed=self.seed,
            name="features",
            dtype=self.dtype_policy,
        )
        self.degree = (degree or 4) if sketch == "none" else self._features.degree

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
        (normal_q, phi_q), (normal_k, phi_k) = self._features(q), self._features(k)
        if self.sketch == "none":
            return polynomial_attention(
                normal_q,
                normal_k,
                v,
                degree=self.degree,
                offset=self.offset,
                causal=causal,
                query_mask=query_mask,
                key_mask=key_mask,
            )
        return polysketch_attention(
            q if normal_q is None else normal_q,
            k if normal_k is None else normal_k,
            v,
            sketch=self.sketch,
            degree=self.degree,
            features=(phi_q, phi_k),
            offset=self.offset,
            causal=causal,
            local_exact=self.local_exact and causal,
            block_size=self.block_size,
            query_mask=query_mask,
            key_mask=key_mask,
        )

    def start_decoding(self, batch_size: int | tf.Tensor) -> DecodingState:
        """The state of causal decoding before the first token."""
        if self.sketch == "none":
            raise ValueError(
                "`sketch` of `PolySketchAttention` must not be 'none' for decoding: the exact "
                "polynomial has no state of constant size. Got 'none'."
            )
        r = self.key_dim if self.sketch == "exact2" or self.degree == 2 else self.r
        if self.sketch == "learned":
            r = self.r
        return start_decoding(
            batch_size * self.num_heads,
            r=r,
            width=self.key_dim if self.local_exact else r,
            d=self.value_dim,
            block=self.block_size,
        )

    def decode(self, token: tf.Tensor, state: DecodingState) -> tuple[tf.Tensor, DecodingState]:
        """One step of causal self-attention; time and state do not grow with the sequence.

        Args:
          token: ``[batch, D]``.
          state: Of the tokens before.

        Returns:
          The output ``[batch, D]`` of the token, as the call on the whole sequence gives it, and
          the state after it.
        """
        token = token[:, None]
        q, k, v = (self.heads(each(token)) for each in (self._query, self._key, self._value))
        (normal_q, phi_q), (normal_k, phi_k) = self._features(q), self._features(k)
        local = (normal_q, normal_k) if self.local_exact else (phi_q, phi_k)

        def rows(x: tf.Tensor) -> tf.Tensor:
            # [batch * num_heads, width]
            return tf.reshape(x, [-1, x.shape[-1]])

        outputs, state = decode(
            state,
            rows(phi_q),
            rows(phi_k),
            rows(v),
            local=(rows(local[0]), rows(local[1])),
            degree=self.degree if self.local_exact else 2,
            scale=self.key_dim**-0.5 if self.local_exact else 1.0,
            offset=self.offset,
        )
        flat = tf.reshape(outputs, [-1, self.num_heads * self.value_dim])
        return self._output(tf.cast(flat, self.compute_dtype)), state

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sketch": self.sketch,
            "degree": self.degree,
            "r": self.r,
            "local_exact": self.local_exact,
            "block_size": self.block_size,
            "offset": self.offset,
        }
