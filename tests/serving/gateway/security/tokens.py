"""An OpenID issuer of our own: keys, tokens, and a server of its key set."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://id.example"
AUDIENCE = "radflow"


class Issuer:
    """Signs tokens.

    Attributes:
        fetches: how often its keys were asked for.
        answers: whether it does.
    """

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.fetches = 0
        self.answers = True
        self.url = ""

    def key_set(self) -> dict[str, Any]:
        keys = [
            {**json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key())), "kid": "rsa", "use": "sig", "alg": "RS256"},
            {**json.loads(ECAlgorithm.to_jwk(self.ec.public_key())), "kid": "ec", "use": "sig", "alg": "ES256"},
        ]
        return {"keys": keys}

    def public_pem(self) -> bytes:
        return self.rsa.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 300,
            "roles": ["radflow-reader"], "group": "radiology",
        }  # fmt: skip
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def token(self, *, key: Any = None, algorithm: str = "RS256", kid: str | None = "rsa", **changed: Any) -> str:
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changed), key or self.rsa, algorithm=algorithm, headers=headers)


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Yields an issuer whose key set is served on a free port."""
    issuer = Issuer()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            self.send_response(200 if issuer.answers else 503)
            self.end_headers()
            self.wfile.write(json.dumps(issuer.key_set()).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        issuer.url = f"http://127.0.0.1:{server.server_port}/keys"
        yield issuer
        server.shutdown()
        thread.join()
