"""Trains the toy problem in a process of its own: ``run_toy.py DIRECTORY OUT [OPTION ...]``.

Options: ``kill=STEP`` kills the process with SIGKILL in that step, ``term=STEP`` sends SIGTERM,
``forget=dropout`` and ``forget=metrics`` leave that state out of what is resumed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings

import numpy as np
import tensorflow as tf

from tests.training.toy import ToySource, toy_model, toy_seeds
from tfgnn_ext import training
from tfgnn_ext.training import resumable


class _Kill(tf.keras.callbacks.Callback):
    def __init__(self, step: int, number: int) -> None:
        super().__init__()
        self._step, self._number = step, number

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if int(self.model.optimizer.iterations) == self._step:
            os.kill(os.getpid(), self._number)


class _ForgetMetrics(tf.keras.callbacks.Callback):
    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        if not hasattr(self, "done"):
            self.done = True
            self.model.reset_metrics()


def main(directory: str, out: str, options: dict[str, str]) -> None:
    callbacks: list[tf.keras.callbacks.Callback] = []
    if "kill" in options:
        callbacks.append(_Kill(int(options["kill"]), signal.SIGKILL))
    if "term" in options:
        callbacks.append(_Kill(int(options["term"]), signal.SIGTERM))
    if options.get("forget") == "metrics":
        callbacks.append(_ForgetMetrics())
    if options.get("forget") == "dropout":
        resumable.random_generators = lambda model: []
    seeds, features = toy_seeds(101)
    validation = ToySource(*toy_seeds(37, seed=1), batch_size=10)
    trainer = training.Trainer(
        directory,
        epochs=3,
        optimizer=training.Optimizer(
            learning_rate=0.01,
            schedule="cosine",
            warmup=0.1,
            weight_decay=0.1,
            clip_norm=1.0,
            ema_momentum=0.9,
        ),
        steps_per_execution=int(options.get("steps_per_execution", 1)),
        checkpoint_every=5,
        validate_every=7,
        callbacks=callbacks,
        trackers=[training.TensorBoard(os.path.join(directory, "logs"))],
        seed=4,
    )
    fitted = training.fit(
        training.NodeClassification("item", num_classes=2, l2=0.001),
        toy_model,
        training.SampledProvider(
            ToySource(seeds, features, 8), seed=1, class_weights="balanced", partial="wrap"
        ),
        trainer,
        validation=validation,
    )
    assert fitted.best is not None
    np.savez(f"{out}.npz", *fitted.model.get_weights())
    with open(f"{out}.json", "w") as file:
        json.dump(
            {
                "history": fitted.history,
                "validations": fitted.validations,
                "best": [fitted.best.step, fitted.best.value, fitted.best.waited],
            },
            file,
        )


if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    main(sys.argv[1], sys.argv[2], dict(option.split("=") for option in sys.argv[3:]))
