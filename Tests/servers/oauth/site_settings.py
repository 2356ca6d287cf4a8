"""Django's settings for the authorization server."""

from __future__ import annotations

from pathlib import Path

import django
from django.conf import settings


def configure(folder: str, issuer: str, scopes: list[str]) -> None:
    """Sets Django up with a database in `folder`. `issuer` is this server's base URL."""
    settings.configure(
        SECRET_KEY="cookies of a test server on loopback",
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF="urls",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [Path(__file__).parent / "templates"],
            }
        ],
        LOGIN_URL="/login",
        USE_TZ=True,
        # Passwords and client secrets are test data; a slow hash would only slow down every token request.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{folder}/oauth.db",
                # Writers queue instead of failing: immediate transactions, WAL and a busy timeout in seconds.
                "OPTIONS": {
                    "timeout": 30,
                    "transaction_mode": "IMMEDIATE",
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
                },
            }
        },
        # The tables are made straight from the models: a second faster than replaying every migration.
        MIGRATION_MODULES={"auth": None, "contenttypes": None, "oauth2_provider": None},
        LOGGING={
            "version": 1,
            "disable_existing_loggers": True,
            "handlers": {"stderr": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["stderr"], "level": "ERROR"},
        },
        OAUTH2_PROVIDER={
            "OIDC_ISS_ENDPOINT": issuer,
            "SCOPES": {scope: scope for scope in scopes},
            "DEFAULT_SCOPES": scopes[:1],
            "PKCE_REQUIRED": True,
            "EXTRA_SERVER_KWARGS": {"token_expires_in": _access_seconds},
            "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
            "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "refresh_token"],
            # RFC 9700: no implicit or password grant, S256 only, no token in a query, `iss` in every redirect.
            "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
            "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
            "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
            "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
            "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        },
    )
    django.setup()


def _access_seconds(_request: object) -> int:
    from knobs import knobs

    return knobs.accessSeconds
