"""Stage: trains, from the first step or from the latest checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.start_tensorflow import start_tensorflow


def train(context: Context) -> dict[str, Any]:
    """Fits the model; writes ``weights.npz``, ``training.json`` and all that a resume needs."""
    start_tensorflow(context.directory)
    from tfgnn_ext import training
    from tfgnn_ext.runner.stages import learning
    from tfgnn_ext.runner.stages.train_tracker import RunTracker

    config, directory, seeds = context.config.training, context.directory, context.data.seeds
    if not directory.has("inputs.json"):
        directory.write_json("inputs.json", learning.input_statistics(context))
    provider = learning.provider(context, padded=config.jit_compile)
    validation = seeds.split("validation")
    source = None
    if len(validation):
        source = learning.batches(context, validation, padded=config.jit_compile)
    total = config.epochs * provider.steps_per_epoch() * config.batch_size
    with context.progress.counting("seeds", total) as advance:
        trainer = training.Trainer(
            directory.path,
            epochs=config.epochs,
            optimizer=training.Optimizer(
                name=config.optimizer,
                learning_rate=config.learning_rate,
                schedule=config.schedule,
                warmup=config.warmup,
                weight_decay=config.weight_decay,
                clip_norm=config.clip_norm,
                ema_momentum=config.ema_momentum,
            ),
            steps_per_execution=config.steps_per_execution,
            jit_compile=config.jit_compile,
            monitor=config.monitor,
            patience=config.patience,
            validate_every=config.validate_every,
            checkpoint_every=config.checkpoint_every,
            trackers=[
                RunTracker(
                    directory,
                    context.progress,
                    advance,
                    batch_size=config.batch_size,
                    monitor=config.monitor,
                ),
                training.TensorBoard(directory.path / "logs"),
            ],
            seed=config.seed,
        )
        fitted = training.fit(
            learning.make_task(context),
            learning.model_function(context),
            provider,
            trainer,
            validation=source,
        )
    with directory.replacing("weights.npz") as partial, open(partial, "wb") as file:
        np.savez(file, *fitted.model.get_weights())
    best = fitted.best
    found = {
        "parameters": fitted.model.count_params(),
        "steps": int(trainer.history[-1]["step"]),
        "best_step": None if best is None else best.step,
        config.monitor: None if best is None else best.value,
    }
    directory.write_json(
        "training.json",
        {**found, "history": fitted.history, "validations": fitted.validations},
    )
    return found
