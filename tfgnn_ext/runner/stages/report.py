"""Stage: writes ``report.html``."""

from __future__ import annotations

from typing import Any

import yaml

from tfgnn_ext.runner.context import Context


def report(context: Context) -> dict[str, Any]:
    """Renders the report."""
    from tfgnn_ext.runner.report import render_report

    loaded = context.loaded
    text = render_report(
        context.directory.path,
        title=loaded.title,
        config=yaml.safe_dump(loaded.resolved(), sort_keys=False),
        class_names=loaded.config.report.class_names,
    )
    context.directory.write_text("report.html", text)
    return {}
