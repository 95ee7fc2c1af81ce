from __future__ import annotations

import pytest

from data_schemas.errors import ConfigurationError
from serving.server.monitoring import read_metrics_path


def read(folder, text):
    path = folder / "monitoring.config"
    path.write_text(text)
    return read_metrics_path(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ('prometheus_config { path: "/metrics" }', None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
    ],
)
def test_where_prometheus_finds_its_page(tmp_path, text, expected):
    assert read(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [('prometheus_config { enable: true path: "metrics" }', "begin with a slash"), ("x", "MonitoringConfig as text")],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, text, says):
    with pytest.raises(ConfigurationError, match=says):
        read(tmp_path, text)
