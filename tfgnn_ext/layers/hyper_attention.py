"""HyperAttention as a Keras layer."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.layers.sequence_attention import SequenceAttention
from tfgnn_ext.ops.hyper_attention import hyper_attention
from tfgnn_ext.ops.lsh_order import random_hyperplanes


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class HyperAttention(SequenceAttention):
    """Softmax attention in near-linear time; the call is that of `MultiHeadAttention`.

    See `ops.hyper_attention` for the formulas. It has the weights of softmax attention, so that it
    can take the place of a trained layer. Hyperplanes are weights that are not trained.

    Args:
      num_hashes: Hyperplanes.
      bucket_size: Keys of a block that are met exactly.
      num_samples: Keys sampled for the rest.
      sampling: "uniform" or "v_norm".
      min_seq_len: The most keys to attend to exactly.
      **kwargs: Of `SequenceAttention`: num_heads, key_dim, value_dim, use_bias, output_shape, seed,
        which draws hyperplanes and samples too.

    Call:
      As `PolySketchAttention`.

    >>> layer = HyperAttention(num_heads=2, key_dim=4)
    >>> layer(tf.ones([3, 5, 7]), tf.ones([3, 6, 8])).shape
    TensorShape([3, 5, 7])
    """

    def __init__(
        self,
        *,
        num_hashes: int = 7,
        bucket_size: int = 256,
        num_samples: int = 256,
        sampling: Literal["uniform", "v_norm"] = "uniform",
        min_seq_len: int = 4096,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_hashes = num_hashes
        self.bucket_size = bucket_size
        self.num_samples = num_samples
        self.sampling = sampling
        self.min_seq_len = min_seq_len

    def build(self, input_shape: Any) -> None:
        planes = random_hyperplanes(self.key_dim, self.num_hashes, self.seed)
        self._hyperplanes = self.add_weight(
            name="hyperplanes",
            shape=planes.shape,
            initializer=tf.constant_initializer(planes),
            trainable=False,
        )
        super().build(input_shape)

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
        return hyper_attention(
            q,
            k,
            v,
            causal=causal,
            query_mask=query_mask,
            key_mask=key_mask,
            hyperplanes=self._hyperplanes,
            block_size=self.bucket_size,
            num_samples=self.num_samples,
            sampling=self.sampling,
            min_seq_len=self.min_seq_len,
            seed=self.seed,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_hashes": self.num_hashes,
            "bucket_size": self.bucket_size,
            "num_samples": self.num_samples,
            "sampling": self.sampling,
            "min_seq_len": self.min_seq_len,
        }
