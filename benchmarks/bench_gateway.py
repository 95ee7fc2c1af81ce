"""Upload to result through the gateway, over decoding and Predict alone: `bench_gateway.py OUTPUT/serving/TASK FILE`.

Both sides use one model server and one file; each block has as many of one as of the other, in turn. Wanted: at most
1.5 at p50. Not met for small films: 4.2 (4.1 to 4.3), 48 ms over 11.5, with the demo's model and a film of 86 KB (2
CPUs, 24 November 2026)..
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))

from imaging.example import serving_examples
from serving.child_server import child_server
from serving.client import ModelClient
from serving.gateway.app import create_app
from serving.gateway.settings import GatewaySettings

BLOCKS, TIMES = 5, 20


def timed(function):
    """Returns the seconds that a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def main(model, file):
    """Serves a model, runs a gateway in front of it, and measures with one file."""
    data = file.read_bytes()
    with tempfile.TemporaryDirectory() as folder, child_server(model, name=model.name) as address:
        settings = GatewaySettings(
            model_server=address, models=(model.name,), data_folder=Path(folder), rate_per_minute=10**6
        )
        server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not (server.started and server.servers):
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(timeout=60) as http, ModelClient(address, model.name) as client:
            measure(http, client, f"http://127.0.0.1:{port}/api/v1/studies", data)
        server.should_exit = True
        thread.join()


def measure(http, client, url, data):
    """Prints the ratio of each block, and their median."""
    task = client.describe().task

    def upload():
        http.post(url, files=[("files", ("file", data))]).raise_for_status()

    def direct():
        client.predict([one.serialized for one in serving_examples(data, task=task)])

    for _ in range(5):
        upload(), direct()
    ratios = []
    for block in range(BLOCKS):
        pairs = [(timed(upload), timed(direct)) for _ in range(TIMES)]
        through, without = (median(side) for side in zip(*pairs, strict=True))
        ratios.append(through / without)
        print(f"block {block + 1}: {1000 * through:.1f} ms through, {1000 * without:.1f} ms without: {ratios[-1]:.2f}")
    print(f"p50 ratio: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); bound 1.5")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
