"""The authorization server's endpoints. The metadata document names them; nobody has to know these paths."""

from django.urls import include, path
from oauth2_provider import views as oauth
from views import ConsentView, LoginWithHint, me

# django-oauth-toolkit looks its endpoints up by these names.
_oauth = [
    # RFC 8414; the second place is where OpenID Connect clients look for the same document.
    path(
        ".well-known/oauth-authorization-server", oauth.OAuthServerMetadataView.as_view(), name="oauth-server-metadata"
    ),
    path(".well-known/openid-configuration", oauth.OAuthServerMetadataView.as_view()),
    path("authorize", ConsentView.as_view(), name="authorize"),
    path("token", oauth.TokenView.as_view(), name="token"),
    path("revoke", oauth.RevokeTokenView.as_view(), name="revoke-token"),
    path("introspect", oauth.IntrospectTokenView.as_view(), name="introspect"),
]

urlpatterns = [
    path("", include((_oauth, "oauth2_provider"))),
    path("login", LoginWithHint.as_view()),
    path("api/me", me),
]
