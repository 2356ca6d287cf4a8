"""What goes in and comes out: tokens, connections, options."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from ._wire import camel_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

T = TypeVar("T")


def _text(value: str | None) -> str | None:
    return value or None


def _known_text(value: str | None) -> str:
    return value or ""


def _number(value: int | None) -> int | None:
    return value or None


def _strings(value: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(value or ())


def _parameters(value: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {parameter["key"]: parameter["value"] for parameter in value or ()}


def _object(value: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict(value or {})


def _warnings(value: Sequence[Mapping[str, str]] | None) -> tuple[SettingWarning, ...]:
    return tuple(from_wire(SettingWarning, warning) for warning in value or ())


# How a field of each declared type is read. On the wire "", null and absent all mean that there is nothing.
_READERS: Mapping[str, Any] = {
    "str": _known_text,
    "str | None": _text,
    "bool": bool,
    "int | None": _number,
    "tuple[str, ...]": _strings,
    "dict[str, str]": _parameters,
    "dict[str, Any]": _object,
    "tuple[SettingWarning, ...]": _warnings,
    "int": int,
    "float": float,
}


def from_wire(cls: type[T], wire: Mapping[str, Any]) -> T:
    """A dataclass of this module from its JSON object. Fields that it does not know are left out."""
    return cls(**{f.name: _READERS[str(f.type)](wire.get(camel_case(f.name))) for f in fields(cls)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class TokenInfo:
    """A stored token without its secrets. Times are epoch seconds, None where unknown."""

    app_id: str
    id: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    external_identifier: str | None = None
    token_sub: str | None = None
    access_token_type: str | None = None
    access_token_expiry: int | None = None
    has_refresh_token: bool = False
    last_refresh_time: int | None = None
    last_refresh_error: str | None = None
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    granted_by: str | None = None
    refresh_token_expiry: int | None = None
    status: str | None = None
    """``active``, ``expiring`` (it lives, and nothing will replace it) or ``needs_reauthorization``."""
    reason: str | None = None
    """Why: ``no_refresh_token``, ``expired``, ``refused``, ``uncertain``, ``rejected`` or ``moved``."""
    since: int | None = None
    next_refresh_time: int | None = None
    """From when on a fetch refreshes it."""
    last_fetch_time: int | None = None
    """About; only where the connection has ``max_idle_seconds``."""


@dataclass(frozen=True)
class TokenPage:
    """Some of the tokens that ``list_tokens`` was asked for."""

    tokens: tuple[TokenInfo, ...]
    next: str | None = None
    """What the next page comes ``after``, if there is one. A page may be short, or empty, and have one."""
    total: int | None = None
    """How many there are in all, where ``count`` asked for it."""

    @classmethod
    def from_answer(cls, answer: Any) -> TokenPage:
        """What ``list`` answered."""
        tokens = tuple(from_wire(TokenInfo, token) for token in answer["tokens"])
        return cls(tokens, answer.get("next"), answer.get("total"))


@dataclass(frozen=True)
class Token:
    """A token to call a third party with. Its repr shows no secret. Times are epoch seconds, None where unknown."""

    app_id: str
    access_token: str = field(repr=False)
    id: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    external_identifier: str | None = None
    token_sub: str | None = None
    access_token_type: str | None = None
    access_token_expiry: int | None = None
    refresh_token: str | None = field(default=None, repr=False)
    has_refresh_token: bool = False
    last_refresh_time: int | None = None
    last_refresh_error: str | None = None
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    granted_by: str | None = None
    missing_scopes: tuple[str, ...] = ()
    """With ``accept_narrower``: the scopes that were wanted, and that the user did not grant."""

    @property
    def token_hash(self) -> str:
        """What ``report_rejected`` takes: SHA-256 of the access token in lower-case hexadecimal."""
        return hashlib.sha256(self.access_token.encode()).hexdigest()


@dataclass(frozen=True)
class Completion:
    """What a user granted, and where their browser goes next.

    With ``confirmation_required`` the grant is held back and there is no token yet: show ``code`` to whoever is at the
    browser; it is good for ``expires_in`` seconds.
    """

    app_id: str
    token_id: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    """What the user was asked for and did not grant."""
    redirect_url: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    confirmation_required: bool = False
    code: str | None = field(default=None, repr=False)
    expires_in: int | None = None


@dataclass(frozen=True)
class Revocations:
    """What became of deleted tokens at their providers."""

    yes: int
    """Taken back."""
    grant_cleared: int
    """Of these, those whose whole grant is known to be gone. Others may still be listed in the user's account there."""
    pending: int
    """The provider did not answer. They are tried again; see ``run_revocations``."""
    unsupported: int
    """The provider takes no tokens back."""


@dataclass(frozen=True)
class Deletion:
    """How many tokens were deleted, where known; and what their providers said, where they were asked (the vault)."""

    deleted: int | None
    revoked_at_provider: Revocations | None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Deletion:
        counts = answer.get("revokedAtProvider")
        revocations = counts and Revocations(
            counts["yes"], counts["grantCleared"], counts["pending"], counts["unsupported"]
        )
        return cls(answer.get("deleted"), revocations)


@dataclass(frozen=True)
class RevocationRun:
    """What ``run_revocations`` did, and how many are still to do."""

    revoked: int
    pending: int
    failed: int


@dataclass(frozen=True)
class SettingWarning:
    """What a connection lacks: until ``field`` is set, nobody can connect."""

    field: str
    message: str


@dataclass(frozen=True)
class App:
    """A connection: how tokens of one third party are obtained. Its client secret never comes back.

    ``warnings`` come from the vault, where a connection is created or updated.
    """

    id: str
    name: str
    description: str | None = None
    logo: str | None = None
    app_type: str | None = None
    client_id: str | None = None
    discovery_url: str | None = None
    authorization_url: str | None = None
    authorization_url_params: dict[str, str] = field(default_factory=dict)
    token_url: str | None = None
    token_url_params: dict[str, str] = field(default_factory=dict)
    refresh_url: str | None = None
    device_authorization_url: str | None = None
    introspection_url: str | None = None
    revocation_url: str | None = None
    default_scopes: tuple[str, ...] = ()
    default_redirect_url: str | None = None
    callback_domain: str | None = None
    pkce: bool = False
    access_type: str | None = None
    prompt: tuple[str, ...] = ()
    use_dcr: bool = False
    dcr_url: str | None = None
    issuer: str | None = None
    token_endpoint_auth_method: str | None = None
    scope_separator: str | None = None
    body_format: str | None = None
    reply_scope_separators: str | None = None
    reply_scope_name: str | None = None
    scope_rules: dict[str, Any] = field(default_factory=dict)
    dropped_authorize_parameters: tuple[str, ...] = ()
    renamed_authorize_parameters: dict[str, Any] = field(default_factory=dict)
    renamed_token_parameters: dict[str, Any] = field(default_factory=dict)
    token_paths: tuple[str, ...] = ()
    expires_in_milliseconds: bool = False
    expiry: dict[str, Any] = field(default_factory=dict)
    reply_metadata: tuple[str, ...] = ()
    errors: dict[str, Any] = field(default_factory=dict)
    error_paths: tuple[str, ...] = ()
    error_messages: dict[str, Any] = field(default_factory=dict)
    refresh: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)
    revocation: dict[str, Any] = field(default_factory=dict)
    tenant_id: str | None = None
    template_id: str | None = None
    hosts: dict[str, Any] = field(default_factory=dict)
    max_idle_seconds: int | None = None
    delete_after_first_fetch: bool = False
    warnings: tuple[SettingWarning, ...] = ()


@dataclass(frozen=True)
class Export:
    """Tokens with all their secrets, which the repr does not show."""

    tokens: tuple[NewToken, ...] = field(repr=False)
    """For ``store_tokens``."""
    api_keys: tuple[dict[str, str], ...] = field(repr=False)
    """Each the arguments of ``store_api_key``."""
    next: str | None = None
    """Where the next page begins, if there is one."""
    unreadable: int = 0
    """So many tokens are missing, since their rows do not open."""


@dataclass(frozen=True)
class SealingKey:
    """A key that seals rows of the vault."""

    id: str
    active: bool = False
    added_at: int | None = None
    rows: int = 0


@dataclass(frozen=True)
class SealingKeys:
    """The keys that seal the vault. They are iterated over as they are."""

    keys: tuple[SealingKey, ...]
    master_key: str
    """The id of the key that the configuration gives: docs/keys.md."""

    def __iter__(self) -> Iterator[SealingKey]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class AuditRecord:
    """What somebody did. ``time`` is in epoch seconds; docs/audit.md lists the outcomes.

    It is the ``sequence``-th one of its ``chain``; ``witness`` is the record of another chain that it speaks of.
    """

    chain: int
    sequence: int
    time: float
    op: str
    outcome: str
    actor: str | None = None
    app_id: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    previous: str | None = None
    witness: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditPage:
    """Records of the audit, the oldest first. It is iterated over as they are."""

    records: tuple[AuditRecord, ...]
    next: str | None = None
    """Where the next page begins, if there is one."""
    end: str | None = None
    """Where what is recorded later will begin, if there is no next page."""
    unreadable: int = 0
    """So many records are missing, since their rows do not open."""

    def __iter__(self) -> Iterator[AuditRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


@dataclass(frozen=True)
class AuditVerdict:
    """Whether the audit is whole. If so, an ``anchor`` to keep elsewhere; otherwise where it is not, and what is wrong.

    ``broken_at`` is the number of a record of ``chain``; 0 is the chain's head.
    """

    ok: bool
    verified: int
    anchor: str | None = None
    chain: int | None = None
    broken_at: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Backup:
    """A copy of the vault that was made. ``bytes`` is the file's size."""

    path: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class BackupVerdict:
    """Whether a copy of the vault is whole: all its ``rows`` open, and so does its audit."""

    ok: bool
    path: str
    rows: int
    unreadable: int
    audit: AuditVerdict


@dataclass(frozen=True)
class Template:
    """A provider that a connection can be made for. ``hosts`` are the names to give, with what each may be."""

    id: str
    name: str
    hosts: dict[str, Any] = field(default_factory=dict)
    notes: str | None = None


@dataclass(frozen=True)
class DeviceFlow:
    """What to show the user, and the ``flow`` to poll with. Times are seconds."""

    flow: str = field(repr=False)
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int
    verification_uri_complete: str | None = None


@dataclass(frozen=True)
class StoreFailure:
    """Why one token of a batch was refused."""

    app_id: str
    user_id: str | None = None
    tenant_id: str | None = None
    error_code: str | None = None
    reason: str | None = None


class Subject(TypedDict, total=False):
    """A user, a user in a tenant, or a tenant."""

    user_id: str
    tenant_id: str


class ConnectOptions(TypedDict, total=False):
    """How the user is asked to grant access, for ``fetch_token(connect=...)``."""

    redirect_url: str
    scopes: Sequence[str]
    prompt: Sequence[str]
    login_hint: str
    resources: Sequence[str]
    external_identifier: str
    confirmation: bool
    ask_declined: bool
    """Ask also for scopes that the user was asked for before and did not grant."""


class _MissingConnection(TypedDict):
    app_id: str
    connection_url: str


class MissingConnection(_MissingConnection, total=False):
    """A connection that an MCP request needs, and where its user grants it, for ``mcp.answer``.

    ``confirmation``: its grant is held back until the user has typed a code, for which the answer asks too.
    """

    scopes: Sequence[str]
    external_identifier: str
    confirmation: bool
    accept_narrower: bool


class ScopeRules(TypedDict, total=False):
    """What a provider makes of the names of scopes. In names, one ``*`` stands for any text."""

    aliases: Mapping[str, str]
    """By other names of a scope, the name that it goes by."""
    prefixes: Sequence[str]
    """What a name may begin with that means nothing."""
    implies: Mapping[str, str]
    """By a scope, those that it covers, with spaces between them."""
    unnamed: Sequence[str]
    """Scopes that replies leave out: granted if they were asked for."""
    ignores_case: bool
    complete: bool
    """False: all that was asked for counts as granted, whatever a reply names."""


class _ExpiryRule(TypedDict):
    rule: str


class ExpiryRule(_ExpiryRule, total=False):
    """When a token expires if the reply does not say: ``rule`` is ``jwt``, ``never``, or ``fixed`` with ``seconds``."""

    seconds: int


class RefreshRules(TypedDict, total=False):
    """How a provider's tokens are refreshed."""

    grant_type: str
    token_parameter: str
    exchanges_access_token: bool
    rotation: str
    grace_seconds: int
    lifetime_seconds: int


class CallbackRules(TypedDict, total=False):
    """What a provider's callback brings besides ``code``, ``state`` and ``iss``."""

    metadata: Sequence[str]
    scopes: str
    signature: str


class RevocationRules(TypedDict, total=False):
    """How a provider takes tokens back at ``revocation_url``."""

    method: str
    body_format: str
    authentication: str
    takes: str
    token_parameter: str
    clears_grant: bool


class NewToken(TypedDict, total=False):
    """One OAuth token for ``store_tokens``: ``app_id``, a subject, and at least one of the two tokens."""

    app_id: str
    user_id: str
    tenant_id: str
    access_token: str
    access_token_type: str
    access_token_expiry: int
    refresh_token: str
    id_token: str
    scopes: Sequence[str]
    external_identifier: str
    granted_by: str
