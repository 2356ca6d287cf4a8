"""Who signs users in: JWTs as Descope issues them, and the keys to verify them by."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Issuer:
    """A WSGI application with the keys of a project, and the JWTs that they sign."""

    def __init__(self, project: str) -> None:
        self.url = ""
        self.project = project
        self.readings = 0
        self.traces: list[str | None] = []  # of the readings
        self.rotate("SK1")

    def rotate(self, kid: str) -> None:
        """From now on another key signs, and the one before is no key any more."""
        self._kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwt(self, **claims: Any) -> str:
        now = int(time.time())
        # As Descope has them: iss is the project's URL, and aud the project.
        given = {
            "iss": f"{self.url}/v1/apps/{self.project}",
            "aud": self.project,
            "iat": now,
            "exp": now + 600,
            **claims,
        }
        return jwt.encode(given, self._key, algorithm="RS256", headers={"kid": self._kid})

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != f"/v2/keys/{self.project}":
            start_response("404 Not Found", [])
            return [b"{}"]
        self.readings += 1
        self.traces.append(environ.get("HTTP_TRACEPARENT"))
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        start_response("200 OK", [("content-type", "application/json")])
        return [json.dumps({"keys": [{**public, "kid": self._kid, "alg": "RS256", "use": "sig"}]}).encode()]
