"""A server of S3's interface on this machine, and a bucket on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import fsspec
import pytest


@contextmanager
def s3_bucket() -> Iterator[str]:
    """Yields the URL of an empty bucket; within the block, this process and those that it starts reach its server."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "radflow")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "radflow")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        store = fsspec.get_filesystem_class("s3")
        store.clear_instance_cache()  # its instances remember a former server
        url = f"s3://hospital-{uuid4().hex}"
        store().mkdir(url)
        try:
            yield url
        finally:
            store.clear_instance_cache()
            server.stop()


def objects(url: str) -> dict[str, bytes]:
    """Returns what lies below a URL, by what follows it; without files that mark folders."""
    files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    found = [name for name in files.find(root) if "/.radflow-" not in name]
    return {name[len(root) :].lstrip("/"): files.cat_file(name) for name in found}
