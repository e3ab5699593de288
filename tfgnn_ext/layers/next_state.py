"""A node's next state from its old one and the messages of its edge sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgnn_ext.layers.activation_block import ActivationBlock

RESIDUALS = ("none", "linear", "identity")
_COMBINES = ("concat", "sum")


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class NextState(tf.keras.layers.Layer):
    """``h' = dropout(activation(norm(z))) [+ h]``, the next state of `tfgnn` node set updates.

    With the old state h, the messages m_1, m_2, ... of the edge sets, and a context c if the update
    has one,

    * "concat": ``z = W [h, m_1, m_2, ..., c] + b``, for messages that no kernel has seen;
    * "sum": ``z = S h + m_1 + m_2 + ... + C c + b``, for messages of `units` columns.

    Args:
      units: The width of states.
      combine: "concat" or "sum".
      use_self: Whether z reads h.
      residual: "none"; "linear": z reads h in any case; "identity": h is added to the result, by a
        projection where its width differs (He et al., "Deep Residual Learning", CVPR 2016). Tuned
        local models are linear in h (Luo et al., "Classic GNNs are Strong Baselines", NeurIPS
        2024); the identity keeps deep ones trainable.
      activation, normalization, dropout: As for `ActivationBlock`.
      l2: The weight of the squared kernels in the loss.
      seed: Of the initial weights and of dropout.

    Call:
      inputs: ``(h [num_nodes, width], {edge set: m [num_nodes, width]})``, and maybe c.
      Returns ``[num_nodes, units]``.

    >>> layer = NextState(units=3)
    >>> layer((tf.ones([2, 5]), {"cites": tf.ones([2, 7])})).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        *,
        units: int,
        combine: str = "concat",
        use_self: bool = True,
        residual: str = "none",
        activation: str | None = "relu",
        normalization: str = "none",
        dropout: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, known in (
            ("combine", combine, _COMBINES),
            ("residual", residual, RESIDUALS),
        ):
            if value not in known:
                raise ValueError(
                    f"`{name}` of `NextState` must be one of {', '.join(known)}. Got {value!r}."
                )
        self.units = units
        self.combine = combine
        self.use_self = use_self
        self.residual = residual
        self.l2 = l2
        self.seed = seed
        self._block = ActivationBlock(
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            seed=seed,
            name="block",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Any) -> None:
        state, _, *context = input_shape
        context = tf.nest.flatten(context)
        width = state[-1]
        # A state of no columns, of a node set without features, adds nothing.
        self._reads_self = bool(width) and (self.use_self or self.residual == "linear")

        def dense(index: int, name: str, *, use_bias: bool = False) -> tf.keras.layers.Dense:
            return tf.keras.layers.Dense(
                self.units,
                use_bias=use_bias,
                kernel_initializer=tf.keras.initializers.GlorotUniform(
                    self.seed + index * 1_000_003  # Far from the seeds of other layers.
                ),
                kernel_regularizer=tf.keras.regularizers.L2(self.l2) if self.l2 else None,
                name=name,
                dtype=self.dtype_policy,
            )

        self._dense = self._bias = self._of_context = self._of_self = self._skip = None
        if self.combine == "concat":
            self._dense = dense(0, "dense", use_bias=True)
        else:
            self._bias = self.add_weight(name="bias", shape=[self.units], initializer="zeros")
            if context:
                self._of_context = dense(1, "context")
            if self._reads_self:
                self._of_self = dense(2, "self")
        if self.residual == "identity" and width not in (0, self.units):
            self._skip = dense(3, "skip")
        super().build(input_shape)

    def call(self, inputs: tuple[Any, ...]) -> tf.Tensor:
        state, messages, *context = inputs
        context = tf.nest.flatten(context)  # TF-GNN passes {} for none.
        found = [messages[name] for name in sorted(messages)]
        if self._dense is not None:
            parts = [state, *found] if self._reads_self else found
            # [num_nodes, units]
            z = self._dense(tf.concat([*parts, *context], axis=-1))
        else:
            z = tf.add_n(found) + tf.cast(self._bias, found[0].dtype)
            if self._of_context is not None:
                z += self._of_context(context[0])
            if self._of_self is not None:
                z += self._of_self(state)
        result = self._block(z)
        if self.residual == "identity" and state.shape[-1]:
            result += state if self._skip is None else self._skip(state)
        return result

    def get_config(self) -> dict[str, Any]:
        block: Mapping[str, Any] = self._block.get_config()
        return {
            **super().get_config(),
            "units": self.units,
            "combine": self.combine,
            "use_self": self.use_self,
            "residual": self.residual,
            **{key: block[key] for key in ("activation", "normalization", "dropout")},
            "l2": self.l2,
            "seed": self.seed,
        }
