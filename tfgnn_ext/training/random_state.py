"""The generators in a model's layers, which Keras leaves out of its checkpoints."""

from __future__ import annotations

import warnings

import tensorflow as tf


def random_generators(model: tf.keras.Model) -> list[tf.random.Generator]:
    """Every `tf.random.Generator` that a layer of `model` holds, in a fixed order.

    Those of Keras' own random layers count too, as far as they exist: they do if
    ``tf.keras.backend.experimental.enable_tf_random_generator()`` was called before the layers were
    made, as `fit` does. A random layer without one keeps its state where no checkpoint reaches it;
    that is worth a warning, as a resumed run then differs from an unbroken one.

    >>> random_generators(tf.keras.Sequential([tf.keras.layers.Dense(1)]))
    []
    """
    found: dict[int, tf.random.Generator] = {}
    hidden = []
    for layer in (model, *model.submodules):
        for value in vars(layer).values():
            inner = getattr(value, "_generator", None)
            for generator in (value, inner):
                if isinstance(generator, tf.random.Generator):
                    found[id(generator)] = generator
            legacy = getattr(value, "_rng_type", None) == "legacy_stateful"
            if legacy and getattr(layer, "rate", 1.0):
                hidden.append(layer.name)
    if hidden:
        warnings.warn(
            f"Layers {', '.join(sorted(set(hidden)))} keep random state that no checkpoint holds: "
            "a resumed run will differ from an unbroken one. Call tf.keras.backend.experimental."
            "enable_tf_random_generator() before making them.",
            stacklevel=2,
        )
    return list(found.values())
