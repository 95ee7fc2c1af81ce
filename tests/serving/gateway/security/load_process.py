"""Puts a gateway under load from processes of its own, so that what is measured is the gateway and not the test.

`python load_process.py health URL SECONDS` asks /healthz ten times a second and prints the milliseconds, as JSON;
`python load_process.py upload URL FILE COUNT` uploads a file so often at once, again while it is answered 429.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

BOUNDARY = "load"


def health(url: str, seconds: float) -> None:
    parts = urlsplit(url)
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        # A connection each: a probe's way, and the accept queue is measured too.
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"alive"}'
        connection.close()
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(max(0.0, 0.1 - (time.perf_counter() - began)))
    print(json.dumps(took))


def upload(url: str, file: Path, count: int) -> None:
    content = file.read_bytes()
    with ThreadPoolExecutor(count) as threads:
        answers = list(threads.map(lambda _: _one(url, content), range(count)))
    seen = Counter(status for one in answers for status in one)
    last = Counter(one[-1] for one in answers)
    print(json.dumps({"seen": seen, "last": last}))


def _one(url: str, content: bytes) -> list[int]:
    """Returns the statuses that one upload was answered until it was not told to come again."""
    parts = urlsplit(url)
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="predict"\r\n\r\nfalse\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    ).encode()
    body = b"".join([head, content, f"\r\n--{BOUNDARY}--\r\n".encode()])
    statuses: list[int] = []
    while True:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
        try:
            connection.request(
                "POST", "/api/v1/studies", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
            )
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            wait = float(answer.headers.get("retry-after", 0))
        except (BrokenPipeError, ConnectionResetError):
            statuses.append(0)
            wait = 5.0
        finally:
            connection.close()
        if statuses[-1] not in (0, 429):
            return statuses
        time.sleep(wait)


if __name__ == "__main__":
    if sys.argv[1] == "health":
        health(sys.argv[2], float(sys.argv[3]))
    else:
        upload(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
