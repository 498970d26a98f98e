"""Bearer tokens for service accounts: a key file as Google writes it, and the address that gives tokens for it.

Source: OAuth 2.0 JWT profile (RFC 7523) as google-auth speaks it.
"""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from trafficfed.testing.google_dns.refusals import ApiRefusal

LIFETIME_S = 3600


class Tokens:
    """One service account. ``denied``: it is known no more, and gets no token."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.given = 0
        self.denied = False
        self._now_s = now_s
        self._key: rsa.RSAPrivateKey | None = None
        self._valid: set[str] = set()

    def key_file(self, project: str, url: str) -> str:
        """The content of a credentials file whose token address is at this server."""
        self._key = self._key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": f"dns@{project}.iam.gserviceaccount.com",
            "token_uri": f"{url}/token",
        }
        return json.dumps(account)

    def revoke(self) -> None:
        """Tokens given out so far are good no more."""
        self._valid.clear()

    def answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Trade a signed claim for a token."""
        claim = parse_qs(body.decode()).get("assertion", [""])[0]
        if self.denied or not self._is_signed(claim):
            error = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return 400, {}, json.dumps(error).encode()
        self.given += 1
        token = f"token-{self.given}"
        self._valid.add(token)
        return 200, {}, json.dumps({"access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer"}).encode()

    def require(self, token: str) -> None:
        """Raises ApiRefusal where a request does not carry a token that is valid."""
        if token not in self._valid:
            raise ApiRefusal(401, "authError", "Request had invalid authentication credentials.")

    def _is_signed(self, claim: str) -> bool:
        parts = claim.split(".")
        if self._key is None or len(parts) != 3:
            return False
        signed = f"{parts[0]}.{parts[1]}".encode()
        try:
            self._key.public_key().verify(_decoded(parts[2]), signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        claims: dict[str, Any] = json.loads(_decoded(parts[1]))
        return "clouddns" in str(claims.get("scope", ""))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
