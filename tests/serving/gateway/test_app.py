from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from serving.gateway.app import create_app
from serving.gateway.routes import page
from serving.gateway.settings import GatewaySettings

ROOT = Path(__file__).parents[3]
START = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras", "tfx", "apache_beam", "models", "components"}:
            raise ImportError(f"{name} is no part of the gateway")

sys.meta_path.insert(0, Blocked())
import uvicorn
from uvicorn.config import Config
config = Config("serving.gateway.app:app")
config.load()
assert config.loaded
print(*(name for name in ("cv2", "pydicom", "imagecodecs", "nibabel", "scipy", "sklearn") if name in sys.modules))
"""


def test_it_starts_without_tensorflow_and_decodes_nothing_itself(tmp_path):
    """How long that takes is a test of `security/test_process.py`."""
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), "RADFLOW_GATEWAY_DATA_FOLDER": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_importing_the_module_makes_nothing(tmp_path):
    code = "import serving.gateway.app, os; print(os.listdir())"
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), "RADFLOW_GATEWAY_DATA_FOLDER": "data"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_there_is_no_other_attribute():
    import serving.gateway.app

    with pytest.raises(AttributeError):
        _ = serving.gateway.app.application


def test_work_that_a_killed_process_left_is_removed_after_hours(tmp_path):
    gateway = create_app(GatewaySettings(data_folder=tmp_path)).state.gateway
    with gateway.folders.folder():
        (tmp_path / "work" / "old").mkdir()
        gateway.folders.remove_left_over(now=(tmp_path / "work" / "old").stat().st_mtime + 5 * 3600)
        assert (tmp_path / "work" / "old").exists()
        gateway.folders.remove_left_over(now=(tmp_path / "work" / "old").stat().st_mtime + 7 * 3600)
        assert not (tmp_path / "work" / "old").exists()
    gateway.store.close()


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "%2e%2e/app.py", "absent.js", "."])
def test_the_page_gives_nothing_but_its_own_files(gateway, name):
    assert gateway.get(f"/assets/{name}").status_code == 404


def test_the_page_comes_from_its_bundle(gateway, tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "page-1a2b.js").write_text("1;")
    monkeypatch.setattr(page, "DIST", tmp_path)
    assert gateway.get("/").headers["content-type"].startswith("text/html")
    script = gateway.get("/assets/page-1a2b.js")
    assert script.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert "immutable" in script.headers["cache-control"]


def test_samples_come_one_after_the_other_and_begin_again(judge_server, serve_gateway, tmp_path, make_film):
    folder = tmp_path / "samples"
    folder.mkdir()
    for name, age in (("a", "030Y"), ("b", "040Y")):
        (folder / f"{name}.dcm").write_bytes(make_film(PatientAge=age))
    (folder / "manifest.csv").write_text("file")
    told = GatewaySettings(model_server=judge_server, models=("judge",), data_folder=tmp_path / "data", samples=folder)
    with serve_gateway(told) as client:
        assert client.get("/api/v1/session").json()["samples"] == 2
        cases = [client.post("/api/v1/samples").json() for _ in range(3)]
    assert [case["image_list"][0]["age_years"] for case in cases] == [30, 40, 30]
    assert [(case["status"], case["sample"]) for case in cases] == [("predicted", True)] * 3
