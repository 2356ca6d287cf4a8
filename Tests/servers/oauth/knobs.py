"""What a test may change about the authorization server while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from oauth2_provider.settings import oauth2_settings


@dataclass
class Knobs:
    accessSeconds: int = 3600  # life of access tokens given out from now on
    rotate: bool = True  # a refresh gives a new refresh token and spends the old one
    reuseProtection: bool = True  # a spent refresh token that comes again kills its whole family (RFC 9700, 4.14.2)
    graceSeconds: int = 0  # a spent refresh token is answered with its successor for this long
    iss: str = "own"  # RFC 9207 parameter in redirects: "own" issuer, "none", or the text to send instead

    def turn(self, given: dict[str, Any]) -> None:
        kinds = {each.name: type(each.default) for each in fields(self)}
        for name, value in given.items():
            if name not in kinds or type(value) is not kinds[name]:
                raise ValueError(f"{name!r} is no setting, or its value has the wrong type")
        for name, value in given.items():
            setattr(self, name, value)
        self.apply()

    def apply(self) -> None:
        """django-oauth-toolkit reads these three at each request; the others are read from here."""
        oauth2_settings.ROTATE_REFRESH_TOKEN = self.rotate
        oauth2_settings.REFRESH_TOKEN_REUSE_PROTECTION = self.reuseProtection
        oauth2_settings.REFRESH_TOKEN_GRACE_PERIOD_SECONDS = self.graceSeconds

    def report(self) -> dict[str, Any]:
        return asdict(self)


knobs = Knobs()
