"""The pages a user sees, and the protected API."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET
from knobs import knobs
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views import AuthorizationView
from oauth2_provider.www_authenticate import build_bearer_challenge


class LoginWithHint(LoginView):
    """Logs in with a password. A `login_hint` in the authorization request fills the user name in."""

    template_name = "login.html"

    def get_initial(self) -> dict[str, Any]:
        asked = parse_qs(urlsplit(self.get_redirect_url()).query)
        return {**super().get_initial(), "username": asked.get("login_hint", [""])[0]}


class ConsentView(AuthorizationView):
    template_name = "consent.html"

    def redirect(self, redirect_to: str, application: Any) -> HttpResponse:
        """Adds `iss` to errors too, as RFC 9207 wants; the toolkit adds it to successes only."""
        url = urlsplit(redirect_to)
        query = [(name, value) for name, value in parse_qsl(url.query, keep_blank_values=True) if name != "iss"]
        if knobs.iss != "none":
            query.append(("iss", oauth2_settings.OIDC_ISS_ENDPOINT if knobs.iss == "own" else knobs.iss))
        return super().redirect(url._replace(query=urlencode(query)).geturl(), application)


@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """Whom a bearer token speaks for, and what it may do."""
    valid, oauth_request = get_oauthlib_core().verify_request(request, scopes=[])
    if not valid:
        answer = JsonResponse({"error": "invalid_token"}, status=401)
        error = getattr(oauth_request, "oauth2_error", None)
        answer["WWW-Authenticate"] = build_bearer_challenge(request, error, resource_metadata_url=None)
        return answer
    return JsonResponse({"user": oauth_request.user.username, "scopes": sorted(oauth_request.scopes)})
