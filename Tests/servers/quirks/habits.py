"""What each provider demands and answers, as its documentation and its users tell.

This is a second reading of the facts, on the provider's side. It shares nothing with the library's own catalogue, so
that each holds the other to account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

INVALID_GRANT = (400, {"error": "invalid_grant", "error_description": "The grant is dead."})
INVALID_CLIENT = (401, {"error": "invalid_client"})


@dataclass(frozen=True)
class Habits:
    # The authorization request
    client_id_name: str = "client_id"
    scope_name: str = "scope"
    scope_separator: str = " "
    pkce: bool = True
    authorize_needs: dict[str, str] = field(default_factory=dict)
    authorize_refuses: tuple[str, ...] = ()

    # The callback
    callback: dict[str, str] = field(default_factory=dict)  # what it brings besides code and state
    signature: str | None = None  # the parameter that signs the others
    callback_scopes: str | None = None  # the parameter that names what was granted, with commas

    # Token requests
    client_auth: str = "body"  # or basic, bearer
    body: str = "form"  # or json
    code_name: str = "code"
    token_needs: dict[str, str] = field(default_factory=dict)
    refresh_path: str = "token"  # the last part of the path that refreshes go to
    grant_type: str = "refresh_token"
    refresh_name: str = "refresh_token"

    # Replies
    refresh_tokens: str = "rotate"  # single use, a new one each time; keep: only the first; exchange, none
    expires_in: int | str | None = 3600
    reply_separator: str | None = " "  # None: the granted scopes are not told
    reply_scope: str = "scope"  # the member that names them
    renames: dict[str, str] = field(default_factory=dict)  # what replies call scopes; "" leaves one out
    nest: str | None = None  # the member that holds the tokens
    nest_refreshed: bool = True
    token_name: str = "access_token"
    extra: dict[str, Any] = field(default_factory=dict)
    form_reply: bool = False  # unless JSON is asked for

    # Refusals
    dead_grant: tuple[int, dict[str, Any]] = INVALID_GRANT
    wrong_client: tuple[int, dict[str, Any]] | None = INVALID_CLIENT  # None: nobody tells

    introspected: int | None = None  # how long a token lives in truth, in seconds; only introspection tells

    # Revocation: rfc7009, bearer, github
    revocation: str | None = None


def _facebook(code: int) -> tuple[int, dict[str, Any]]:
    return 400, {"error": {"message": "No.", "type": "OAuthException", "code": code}}


def _slack(error: str) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": False, "error": error}


_SLACK = {
    "scope_separator": ",",
    "reply_separator": ",",
    "pkce": False,
    "expires_in": None,
    "extra": {"ok": True, "team": {"id": "T1"}},
    "dead_grant": _slack("invalid_refresh_token"),
    "wrong_client": _slack("bad_client_secret"),
    "revocation": "bearer",
}

PROVIDERS: dict[str, Habits] = {
    "google": Habits(
        authorize_needs={"access_type": "offline", "prompt": "consent"},
        refresh_tokens="keep",
        renames={
            "email": "https://www.googleapis.com/auth/userinfo.email",
            "profile": "https://www.googleapis.com/auth/userinfo.profile",
        },
        revocation="rfc7009",
    ),
    "microsoft": Habits(
        pkce=False,
        renames={
            "Mail.Read": "https://graph.microsoft.com/Mail.Read",
            "mail.send": "Mail.Send",
            "offline_access": "",
            "openid": "",
        },
    ),
    "github": Habits(
        renames={"user:email": "", "user": "user", "public_repo": "", "repo": "repo"},
        reply_separator=",",
        expires_in=None,
        refresh_tokens="none",
        form_reply=True,
        dead_grant=(200, {"error": "bad_verification_code"}),
        wrong_client=(200, {"error": "incorrect_client_credentials"}),
        revocation="github",
    ),
    "github-app": Habits(
        expires_in=28800,
        reply_separator=None,
        dead_grant=(200, {"error": "bad_refresh_token", "error_description": "The refresh token is wrong."}),
        wrong_client=(200, {"error": "incorrect_client_credentials"}),
        revocation="github",
    ),
    "slack": Habits(**_SLACK),
    "slack-user": Habits(**_SLACK, scope_name="user_scope", nest="authed_user", nest_refreshed=False),
    "salesforce": Habits(
        expires_in=None,
        refresh_tokens="keep",
        extra={"instance_url": "https://acme.example", "issued_at": "1700000000000"},
        introspected=7200,
        revocation="rfc7009",
    ),
    "hubspot": Habits(
        reply_separator=None,
        refresh_tokens="keep",
        expires_in=1800,
        dead_grant=(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
        wrong_client=(400, {"status": "BAD_CLIENT_SECRET", "message": "missing or invalid client secret"}),
    ),
    "notion": Habits(
        client_auth="basic",
        body="json",
        authorize_needs={"owner": "user"},
        reply_separator=None,
        expires_in=None,
        extra={"workspace_id": "w1"},
    ),
    "linear": Habits(scope_separator=",", pkce=False, authorize_needs={"prompt": "consent"}, revocation="rfc7009"),
    "atlassian": Habits(
        authorize_needs={"audience": "api.atlassian.com", "prompt": "consent"},
        renames={"offline_access": ""},
        dead_grant=(403, {"error": "unauthorized_client", "error_description": "refresh_token is invalid"}),
        wrong_client=(401, {"error": "access_denied", "error_description": "Unauthorized"}),
    ),
    "dropbox": Habits(authorize_needs={"token_access_type": "offline"}, refresh_tokens="keep"),
    "box": Habits(),
    "zoom": Habits(
        scope_separator=",",
        reply_separator=",",
        client_auth="basic",
        dead_grant=(401, {"reason": "Invalid Token!", "error": "invalid_request"}),
    ),
    "x": Habits(
        client_auth="basic",
        expires_in=7200,
        dead_grant=(
            400,
            {"error": "invalid_request", "error_description": "Value passed for the token was invalid."},
        ),
        wrong_client=(
            401,
            {"error": "unauthorized_client", "error_description": "Missing valid authorization header"},
        ),
    ),
    "facebook": Habits(
        scope_separator=",",
        authorize_needs={"response_type": "code granted_scopes"},
        callback_scopes="granted_scopes",
        reply_separator=None,
        refresh_tokens="exchange",
        grant_type="fb_exchange_token",
        refresh_name="fb_exchange_token",
        dead_grant=_facebook(190),
        wrong_client=_facebook(1),
    ),
    "instagram": Habits(
        scope_separator=",",
        reply_separator=None,
        refresh_tokens="exchange",
        refresh_path="refresh",
        grant_type="ig_refresh_token",
        refresh_name="access_token",
        dead_grant=_facebook(190),
        wrong_client=_facebook(1),
    ),
    "stripe-app": Habits(client_auth="bearer", pkce=False, expires_in=None, extra={"stripe_user_id": "acct_1"}),
    "shopify": Habits(
        scope_separator=",",
        reply_separator=",",
        renames={"read_orders": "", "write_orders": "write_orders"},
        token_needs={"expiring": "1"},
        callback={"shop": "acme.myshopify.com"},
        signature="hmac",
        dead_grant=(
            401,
            {"error": "invalid_request", "error_description": "This request requires an active refresh_token"},
        ),
    ),
    "quickbooks": Habits(
        client_auth="basic",
        reply_separator=None,
        extra={"x_refresh_token_expires_in": 8726400},
        callback={"realmId": "9130355377388383"},
    ),
    "intercom": Habits(token_name="token", reply_separator=None, expires_in=None, refresh_tokens="none"),
    "zendesk": Habits(token_needs={"expires_in": "1800"}, expires_in=1800),
    "airtable": Habits(client_auth="basic", extra={"refresh_expires_in": 5184000}),
    "bitbucket": Habits(
        client_auth="basic",
        reply_scope="scopes",
        renames={"repository": "", "repository:write": "repository:write"},
        expires_in=7200,
        dead_grant=(400, {"error": "invalid_request", "error_description": "Invalid refresh_token"}),
        wrong_client=(
            400,
            {"error": "unauthorized_client", "error_description": "Invalid OAuth client credentials"},
        ),
    ),
    "figma": Habits(
        scope_separator=",",
        pkce=False,
        client_auth="basic",
        refresh_path="refresh",
        refresh_tokens="keep",
        reply_separator=None,
        expires_in="7776000",
    ),
    "mailchimp": Habits(reply_separator=None, expires_in=0, refresh_tokens="none"),
    "spotify": Habits(client_auth="basic", refresh_tokens="keep"),
    "monday": Habits(pkce=False, authorize_refuses=("response_type",), expires_in=None, refresh_tokens="none"),
    "pipedrive": Habits(
        client_auth="basic", pkce=False, reply_separator=",", extra={"api_domain": "https://acme.example"}
    ),
    "zoho": Habits(
        scope_separator=",",
        authorize_needs={"access_type": "offline", "prompt": "consent"},
        refresh_tokens="keep",
        callback={"location": "eu", "accounts-server": "https://accounts.zoho.eu"},
        dead_grant=(200, {"error": "invalid_code"}),
        wrong_client=(200, {"error": "invalid_client"}),
    ),
    "reddit": Habits(
        client_auth="basic",
        authorize_needs={"duration": "permanent"},
        refresh_tokens="keep",
        dead_grant=(400, {"message": "Bad Request", "error": 400}),
        wrong_client=(401, {"message": "Unauthorized", "error": 401}),
    ),
    "servicenow": Habits(renames={"incident": "useraccount", "task": "", "unticked": ""}),
    "strava": Habits(
        pkce=False,
        scope_separator=",",
        reply_separator=None,
        callback_scopes="scope",
        expires_in=21600,
        dead_grant=(
            400,
            {
                "message": "Bad Request",
                "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}],
            },
        ),
        wrong_client=(
            401,
            {
                "message": "Authorization Error",
                "errors": [{"resource": "Application", "field": "client_secret", "code": "invalid"}],
            },
        ),
    ),
    "tiktok-business": Habits(
        client_id_name="client_key",
        scope_separator=",",
        reply_separator=",",
        body="json",
        code_name="auth_code",
        refresh_path="refresh",
        nest="data",
        extra={"code": 0, "message": "OK"},
        dead_grant=(200, {"code": 40105, "message": "The token is incorrect.", "data": {}}),
        wrong_client=None,
    ),
}
