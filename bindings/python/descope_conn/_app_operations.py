"""The operations on connections themselves, the tables of ``client.apps``; see _operations.py.

A connection says how tokens of one third party are obtained. Descope calls it an outbound application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._call import Call, make_call
from ._types import App, Deletion, from_wire
from ._wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._types import CallbackRules, ExpiryRule, RefreshRules, RevocationRules, ScopeRules


def _app(answer: Any) -> App:
    return from_wire(App, {**answer["app"], "warnings": answer.get("warnings")})


def _apps(answer: Any) -> list[App]:
    return [from_wire(App, app) for app in answer["apps"]]


def _parameters(parameters: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    if parameters is None:
        return None
    return [{"key": key, "value": value} for key, value in parameters.items()]


def _rules(rules: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if rules is None else to_wire(rules)


def create_app(
    *,
    id: str | None = None,
    name: str | None = None,
    description: str | None = None,
    logo: str | None = None,
    template_id: str | None = None,
    hosts: Mapping[str, str] | None = None,
    dcr_preset_id: str | None = None,
    app_type: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    discovery_url: str | None = None,
    authorization_url: str | None = None,
    authorization_url_params: Mapping[str, str] | None = None,
    token_url: str | None = None,
    token_url_params: Mapping[str, str] | None = None,
    refresh_url: str | None = None,
    device_authorization_url: str | None = None,
    introspection_url: str | None = None,
    revocation_url: str | None = None,
    default_scopes: Sequence[str] | None = None,
    default_redirect_url: str | None = None,
    callback_domain: str | None = None,
    pkce: bool | None = None,
    access_type: str | None = None,
    prompt: Sequence[str] | None = None,
    use_dcr: bool | None = None,
    dcr_url: str | None = None,
    issuer: str | None = None,
    token_endpoint_auth_method: str | None = None,
    scope_separator: str | None = None,
    body_format: str | None = None,
    reply_scope_separators: str | None = None,
    reply_scope_name: str | None = None,
    scope_rules: ScopeRules | None = None,
    dropped_authorize_parameters: Sequence[str] | None = None,
    renamed_authorize_parameters: Mapping[str, str] | None = None,
    renamed_token_parameters: Mapping[str, str] | None = None,
    token_paths: Sequence[str] | None = None,
    expires_in_milliseconds: bool | None = None,
    expiry: ExpiryRule | None = None,
    reply_metadata: Sequence[str] | None = None,
    errors: Mapping[str, str] | None = None,
    error_paths: Sequence[str] | None = None,
    error_messages: Mapping[str, str] | None = None,
    refresh: RefreshRules | None = None,
    callback: CallbackRules | None = None,
    revocation: RevocationRules | None = None,
    max_idle_seconds: int | None = None,
    delete_after_first_fetch: bool | None = None,
    tenant_id: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[App]:
    """Creates a connection from its own settings, or from a provider's template and your credentials at it.

    Settings beside ``template_id`` go before the template's. The vault's templates are those of ``client.templates``;
    ``hosts`` gives the names that a template asks for, such as the shop's. ``id`` is generated if it is absent.
    ``app_type`` is ``oauth`` (the default) or ``apikey``. From ``body_format`` to ``revocation`` they say what the
    provider does differently, as the rows of the vault's catalogue do: see its manual of providers.
    """
    fields = to_wire(
        {
            "id": id,
            "name": name,
            "description": description,
            "logo": logo,
            "template_id": template_id,
            "hosts": hosts,
            "dcr_preset_id": dcr_preset_id,
            "app_type": app_type,
            "client_id": client_id,
            "client_secret": client_secret,
            "discovery_url": discovery_url,
            "authorization_url": authorization_url,
            "authorization_url_params": _parameters(authorization_url_params),
            "token_url": token_url,
            "token_url_params": _parameters(token_url_params),
            "refresh_url": refresh_url,
            "device_authorization_url": device_authorization_url,
            "introspection_url": introspection_url,
            "revocation_url": revocation_url,
            "default_scopes": default_scopes,
            "default_redirect_url": default_redirect_url,
            "callback_domain": callback_domain,
            "pkce": pkce,
            "access_type": access_type,
            "prompt": prompt,
            "use_dcr": use_dcr,
            "dcr_url": dcr_url,
            "issuer": issuer,
            "token_endpoint_auth_method": token_endpoint_auth_method,
            "scope_separator": scope_separator,
            "body_format": body_format,
            "reply_scope_separators": reply_scope_separators,
            "reply_scope_name": reply_scope_name,
            "scope_rules": _rules(scope_rules),
            "dropped_authorize_parameters": dropped_authorize_parameters,
            "renamed_authorize_parameters": renamed_authorize_parameters,
            "renamed_token_parameters": renamed_token_parameters,
            "token_paths": token_paths,
            "expires_in_milliseconds": expires_in_milliseconds,
            "expiry": _rules(expiry),
            "reply_metadata": reply_metadata,
            "errors": errors,
            "error_paths": error_paths,
            "error_messages": error_messages,
            "refresh": _rules(refresh),
            "callback": _rules(callback),
            "revocation": _rules(revocation),
            "max_idle_seconds": max_idle_seconds,
            "delete_after_first_fetch": delete_after_first_fetch,
            "tenant_id": tenant_id,
        }
    )
    return make_call("apps.create", fields, actor, timeout, _app)


def update_app(
    id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    logo: str | None = None,
    template_id: str | None = None,
    hosts: Mapping[str, str] | None = None,
    same_provider: bool | None = None,
    app_type: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    discovery_url: str | None = None,
    authorization_url: str | None = None,
    authorization_url_params: Mapping[str, str] | None = None,
    token_url: str | None = None,
    token_url_params: Mapping[str, str] | None = None,
    refresh_url: str | None = None,
    device_authorization_url: str | None = None,
    introspection_url: str | None = None,
    revocation_url: str | None = None,
    default_scopes: Sequence[str] | None = None,
    default_redirect_url: str | None = None,
    callback_domain: str | None = None,
    pkce: bool | None = None,
    access_type: str | None = None,
    prompt: Sequence[str] | None = None,
    use_dcr: bool | None = None,
    dcr_url: str | None = None,
    issuer: str | None = None,
    token_endpoint_auth_method: str | None = None,
    scope_separator: str | None = None,
    body_format: str | None = None,
    reply_scope_separators: str | None = None,
    reply_scope_name: str | None = None,
    scope_rules: ScopeRules | None = None,
    dropped_authorize_parameters: Sequence[str] | None = None,
    renamed_authorize_parameters: Mapping[str, str] | None = None,
    renamed_token_parameters: Mapping[str, str] | None = None,
    token_paths: Sequence[str] | None = None,
    expires_in_milliseconds: bool | None = None,
    expiry: ExpiryRule | None = None,
    reply_metadata: Sequence[str] | None = None,
    errors: Mapping[str, str] | None = None,
    error_paths: Sequence[str] | None = None,
    error_messages: Mapping[str, str] | None = None,
    refresh: RefreshRules | None = None,
    callback: CallbackRules | None = None,
    revocation: RevocationRules | None = None,
    max_idle_seconds: int | None = None,
    delete_after_first_fetch: bool | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[App]:
    """Replaces a connection's settings. What is absent becomes empty, or as its template has it.

    The client secret and the template's ``hosts`` stay when they are absent; a secret of "" is cleared. ``template_id``
    cannot be changed. Where tokens would go to another authorization server, stored grants need a new authorization,
    and the secret does not stay, unless ``same_provider`` says that it is the same one.
    """
    fields = to_wire(
        {
            "id": id,
            "name": name,
            "description": description,
            "logo": logo,
            "template_id": template_id,
            "hosts": hosts,
            "same_provider": same_provider,
            "app_type": app_type,
            "client_id": client_id,
            "client_secret": client_secret,
            "discovery_url": discovery_url,
            "authorization_url": authorization_url,
            "authorization_url_params": _parameters(authorization_url_params),
            "token_url": token_url,
            "token_url_params": _parameters(token_url_params),
            "refresh_url": refresh_url,
            "device_authorization_url": device_authorization_url,
            "introspection_url": introspection_url,
            "revocation_url": revocation_url,
            "default_scopes": default_scopes,
            "default_redirect_url": default_redirect_url,
            "callback_domain": callback_domain,
            "pkce": pkce,
            "access_type": access_type,
            "prompt": prompt,
            "use_dcr": use_dcr,
            "dcr_url": dcr_url,
            "issuer": issuer,
            "token_endpoint_auth_method": token_endpoint_auth_method,
            "scope_separator": scope_separator,
            "body_format": body_format,
            "reply_scope_separators": reply_scope_separators,
            "reply_scope_name": reply_scope_name,
            "scope_rules": _rules(scope_rules),
            "dropped_authorize_parameters": dropped_authorize_parameters,
            "renamed_authorize_parameters": renamed_authorize_parameters,
            "renamed_token_parameters": renamed_token_parameters,
            "token_paths": token_paths,
            "expires_in_milliseconds": expires_in_milliseconds,
            "expiry": _rules(expiry),
            "reply_metadata": reply_metadata,
            "errors": errors,
            "error_paths": error_paths,
            "error_messages": error_messages,
            "refresh": _rules(refresh),
            "callback": _rules(callback),
            "revocation": _rules(revocation),
            "max_idle_seconds": max_idle_seconds,
            "delete_after_first_fetch": delete_after_first_fetch,
        }
    )
    return make_call("apps.update", fields, actor, timeout, _app)


def delete_app(
    id: str, *, revoke: bool | None = None, actor: str | None = None, timeout: float | None = None
) -> Call[Deletion]:
    """Deletes a connection for good. From the vault its tokens go too, as with ``delete_tokens``."""
    return make_call("apps.delete", to_wire({"id": id, "revoke": revoke}), actor, timeout, Deletion.from_answer)


def load_app(id: str, *, actor: str | None = None, timeout: float | None = None) -> Call[App]:
    """One connection."""
    return make_call("apps.load", {"id": id}, actor, timeout, _app)


def list_apps(*, actor: str | None = None, timeout: float | None = None) -> Call[list[App]]:
    """All connections."""
    return make_call("apps.list", {}, actor, timeout, _apps)
