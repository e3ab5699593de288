"""Prints what two replicas keep of ones, step by step, and the counter: run by a test."""

import tfgnn_ext  # noqa: F401, I001

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

from tfgnn_ext.layers import StepDropout  # noqa: E402

with strategy.scope():
    layer = StepDropout(rate=0.5, seed=3)
    layer.build([64])


@tf.function
def step() -> list[tf.Tensor]:
    return strategy.run(lambda: layer(tf.ones([64]), training=True))


for _ in range(2):
    for kept in strategy.experimental_local_results(step()):
        print("".join("1" if value else "0" for value in kept.numpy()))
print(int(layer.get_weights()[0]))
