"""A browser, a gateway that tests hold in their hands, and a page that reads from it."""

from __future__ import annotations

import shutil
import socket
import threading
import time

import pytest
import uvicorn

from imaging.synthetic import write_sample
from serving.gateway.schemas.predictions import Withheld
from tests.serving.gateway.page.fake_cases import Picture, ramp
from tests.serving.gateway.page.fake_gateway import FakeGateway
from tests.serving.gateway.page.reader import Reader

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Served:
    """An ASGI application behind a real socket, in a thread."""

    def __init__(self, app):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        )
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)

    def __enter__(self):
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started and time.monotonic() < until:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, without a window, for one file.

    As long as Playwright is open, its event loop counts as running, and `asyncio.run` refuses in other tests.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def gateway():
    return FakeGateway()


@pytest.fixture
def served(gateway):
    with Served(gateway.app()) as served:
        yield served


class Refusals(list):
    """What the browser complained of: errors of scripts, and what the Content-Security-Policy stopped."""


@pytest.fixture
def context(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context, served):
    """A page at 1280 x 800 that fails its test where a script failed or the policy refused something."""
    refused = Refusals()
    page = context.new_page()
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    page.base = served.address
    yield page
    assert not refused


@pytest.fixture
def reader(page, served):
    return Reader(page, served.address)


@pytest.fixture(scope="session")
def dicom(tmp_path_factory):
    """A file to upload."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, studies=1, seed=1)
    return next((folder / "dicom").glob("*.dcm"))


@pytest.fixture
def withheld_case(gateway):
    """A case that has no scores until its view and age are stated."""
    withheld = Withheld(
        codes=["view_unknown", "age_unknown"], message="The file does not say its view and age.",
        declare=["view", "age_years"],
    )  # fmt: skip
    return gateway.add(Picture(ramp(), view="", age_years=None), withheld=withheld)
