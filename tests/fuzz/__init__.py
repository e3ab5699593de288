import tfgnn_ext  # noqa: F401  Says which Keras `tf.keras` is, before TensorFlow is imported.
