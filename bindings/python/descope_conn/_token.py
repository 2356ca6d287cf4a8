"""What a token can do besides holding its members."""

from __future__ import annotations

import hashlib


class HashedToken:
    """A base of ``Token``. By hand, since it is made from a member, and not one."""

    access_token: str

    @property
    def token_hash(self) -> str:
        """What ``report_rejected`` takes: SHA-256 of the access token in lower-case hexadecimal."""
        return hashlib.sha256(self.access_token.encode()).hexdigest()
