"""The file of `--monitoring_config_file`: TensorFlow Serving's MonitoringConfig in protobuf text format."""

from __future__ import annotations

from pathlib import Path

from data_schemas.errors import ConfigurationError
from serving.server.metrics import DEFAULT_PATH
from serving.server.text_files import new_message, parse_text

_FLAG = "--monitoring_config_file"


def read_metrics_path(path: Path) -> str | None:
    """Returns where Prometheus finds its page, or None where the file does not enable it.

    Raises:
        ConfigurationError: the file cannot be read, or names a path without a leading slash.
    """
    prometheus = parse_text(path, new_message("MonitoringConfig"), flag=_FLAG).prometheus_config
    if not prometheus.enable:
        return None
    where = str(prometheus.path) or DEFAULT_PATH
    if not where.startswith("/"):
        raise ConfigurationError(f"{_FLAG} {path}: the path {where!r} must begin with a slash")
    return where
