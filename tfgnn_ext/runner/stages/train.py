"""Stage: trains each network, from the first step or from its latest checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.progress import Advance
from tfgnn_ext.runner.start_tensorflow import start_tensorflow
from tfgnn_ext.training.score_names import headline

if TYPE_CHECKING:
    import tensorflow as tf

    from tfgnn_ext.training import Fitted


def train(context: Context) -> dict[str, Any]:
    """Fits the networks, one after another.

    Writes ``weights.npz``, ``training.json`` and all that a resume needs.
    """
    start_tensorflow(context.directory)
    from tfgnn_ext import training
    from tfgnn_ext.runner.stages import learning

    config, directory = context.config.training, context.directory
    if not directory.has("inputs.json"):
        directory.write_json("inputs.json", learning.input_statistics(context))
    provider = learning.provider(context, padded=config.jit_compile)
    epochs = 1 if context.full_graph else config.epochs
    total = config.members * epochs * provider.steps_per_epoch() * provider.seeds_per_step()
    with context.progress.counting("seeds", total) as advance:
        fitted = [_fit(context, member, advance) for member in range(config.members)]
    model = training.ensemble(
        learning.make_task(context),
        learning.members(context),
        [network.model for network in fitted],
        learning.any_size(context),
    )
    temperature = None
    if context.config.task.calibration == "temperature":
        temperature = _calibrate(context, model)
    with directory.replacing("weights.npz") as partial, open(partial, "wb") as file:
        np.savez(file, *model.get_weights())
    networks = [
        {
            "best_step": None if network.best is None else network.best.step,
            context.config.monitor: None if network.best is None else network.best.value,
            "history": network.history,
            "validations": network.validations,
        }
        for network in fitted
    ]
    found: dict[str, Any] = {
        "parameters": model.count_params(),
        "steps": sum(
            int((network.history + network.validations)[-1]["step"]) for network in fitted
        ),
    }
    if temperature is not None:
        found["temperature"] = temperature
    directory.write_json("training.json", {**found, "members": networks})
    return {**found, "best_steps": [network["best_step"] for network in networks]}


def _calibrate(context: Context, model: tf.keras.Model) -> float:
    """Fits a temperature on the validation seeds, and puts it into the model's head."""
    from tfgnn_ext import training
    from tfgnn_ext.runner.stages import learning

    task, validation = learning.make_task(context), context.data.seeds.split("validation")
    logits = learning.predict(context, model, validation).logits
    temperature = training.fit_temperature(task, validation.labels, logits)
    training.calibrate(task, model, temperature)
    context.progress.line(f"  temperature {temperature:.3f}")
    return temperature


def _fit(context: Context, member: int, advance: Advance) -> Fitted:
    """Trains one network."""
    from tfgnn_ext import training
    from tfgnn_ext.runner.stages import learning
    from tfgnn_ext.runner.stages.train_tracker import RunTracker

    config, directory = context.config.training, context.directory
    path = directory.path
    if config.members > 1:
        context.progress.line(f"  network {member + 1} of {config.members}")
        path = path / "members" / str(member)
    validation = context.data.seeds.split("validation")
    provider = learning.provider(context, padded=config.jit_compile, member=member)
    trainer = training.Trainer(
        path,
        epochs=1 if context.full_graph else config.epochs,
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
        monitor=context.config.monitor,
        patience=config.patience,
        validate_every=config.validate_every or (1 if context.full_graph else None),
        checkpoint_every=config.checkpoint_every,
        trackers=[
            RunTracker(
                directory,
                context.progress,
                advance,
                batch_size=provider.seeds_per_step(),
                shown=[
                    context.config.monitor,
                    *headline(context.config.task.target, ranked=context.config.ranked),
                ],
                member=member,
            ),
            training.TensorBoard(path / "logs"),
        ],
        seed=config.seed + member,
    )
    return training.fit(
        learning.make_task(context, member=member),
        learning.model_function(context, member=member),
        provider,
        trainer,
        validation=learning.batches(context, validation, padded=config.jit_compile)
        if len(validation)
        else None,
    )
