"""The operations on a vault itself, the tables of ``client.keys`` and ``client.audit``; see _operations.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ._call import Call, make_call
from ._types import (
    AuditPage,
    AuditRecord,
    AuditVerdict,
    Backup,
    BackupVerdict,
    Export,
    SealingKey,
    SealingKeys,
    from_wire,
)
from ._wire import from_camel_case, to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping


def _export(answer: Any) -> Export:
    def items(name: str) -> tuple[Any, ...]:
        return tuple(from_camel_case(item) for item in answer[name])

    return Export(
        tokens=items("tokens"),
        api_keys=items("apiKeys"),
        next=answer.get("next"),
        unreadable=answer.get("unreadable", 0),
    )


def _keys(answer: Any) -> SealingKeys:
    return SealingKeys(tuple(from_wire(SealingKey, key) for key in answer["keys"]), answer["masterKey"])


def _page(answer: Any) -> AuditPage:
    records = tuple(
        from_wire(AuditRecord, {"chain": 0, **record, "time": record["timeMs"] / 1000}) for record in answer["records"]
    )
    return AuditPage(records, answer.get("next"), answer.get("end"), answer.get("unreadable", 0))


def _verdict(answer: Any) -> AuditVerdict:
    verdict = from_wire(AuditVerdict, answer)
    return replace(verdict, chain=answer.get("chain"), broken_at=answer.get("brokenAt"))  # 0 is one of them


def _backup_verdict(answer: Any) -> BackupVerdict:
    return BackupVerdict(
        ok=answer["ok"],
        path=answer["path"],
        rows=answer["rows"],
        unreadable=answer["unreadable"],
        audit=_verdict(answer["audit"]),
    )


def export_tokens(
    *,
    app_id: str | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    limit: int | None = None,
    after: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[Export]:
    """Tokens with all their secrets, as ``store_tokens`` takes them: of a connection, of a subject, or all.

    At most ``limit`` (100) of them; the rest comes ``after`` what ``Export.next`` says. The vault's configuration has
    to have ``allowExport``.
    """
    fields = to_wire({"app_id": app_id, "user_id": user_id, "tenant_id": tenant_id, "limit": limit, "after": after})
    return make_call("export", fields, actor, timeout, _export)


def delete_idle_tokens(*, actor: str | None = None, timeout: float | None = None) -> Call[int]:
    """Deletes the tokens that nobody has fetched for longer than their connection's ``max_idle_seconds``."""
    return make_call("retention.sweep", {}, actor, timeout, lambda answer: int(answer["deleted"]))


def list_keys(*, actor: str | None = None, timeout: float | None = None) -> Call[SealingKeys]:
    """The keys that seal the vault, how many rows each has sealed, and the id of the master key."""
    return make_call("keys.list", {}, actor, timeout, _keys)


def add_key(*, actor: str | None = None, timeout: float | None = None) -> Call[str]:
    """Makes a key and gives its id. It seals nothing before it is activated."""
    return make_call("keys.add", {}, actor, timeout, lambda answer: str(answer["id"]))


def activate_key(id: str, *, actor: str | None = None, timeout: float | None = None) -> Call[None]:
    """Has a key seal what is written from now on."""
    return make_call("keys.activate", {"id": id}, actor, timeout, lambda _: None)


def reseal_rows(*, actor: str | None = None, timeout: float | None = None) -> Call[Mapping[str, int]]:
    """Seals by the active key what others have sealed. Gives how many rows were ``resealed``, or ``unreadable``.

    It may take long, and others work meanwhile. What is done when the time is up stays done: call it again.
    """
    return make_call("keys.reseal", {}, actor, timeout, dict)


def drop_key(id: str, *, actor: str | None = None, timeout: float | None = None) -> Call[None]:
    """Forgets a key for good. Raises ``Conflict`` while it still seals a row."""
    return make_call("keys.drop", {"id": id}, actor, timeout, lambda _: None)


def list_audit(
    *,
    app_id: str | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    token_id: str | None = None,
    limit: int | None = None,
    after: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[AuditPage]:
    """Who did what to which token, the oldest first, at most ``limit`` (100).

    The next ones come ``after`` the page's ``next``. What is recorded later comes after the last page's ``end``.
    """
    fields = to_wire(
        {
            "app_id": app_id,
            "user_id": user_id,
            "tenant_id": tenant_id,
            "token_id": token_id,
            "limit": limit,
            "after": after,
        }
    )
    return make_call("audit.list", fields, actor, timeout, _page)


def verify_audit(
    *, anchor: str | None = None, actor: str | None = None, timeout: float | None = None
) -> Call[AuditVerdict]:
    """Whether no record of the audit was changed, removed, added or moved.

    The ``anchor`` of an earlier verdict, kept elsewhere, shows that the store was not put back since.
    """
    return make_call("audit.verify", to_wire({"anchor": anchor}), actor, timeout, _verdict)


def back_up(path: str, *, actor: str | None = None, timeout: float | None = None) -> Call[Backup]:
    """Copies the vault's SQLite file, as it is at one moment, to a new file. Others read and write meanwhile.

    ``path`` is absolute, and nothing may be there yet.
    """
    return make_call("backup", {"path": path}, actor, timeout, lambda answer: from_wire(Backup, answer))


def check_backup(path: str, *, actor: str | None = None, timeout: float | None = None) -> Call[BackupVerdict]:
    """Whether all rows of a copy open by this vault's keys, and its audit is whole. Nothing is changed.

    A copy that was sealed by a master key which is none of this vault's is ``misconfigured``.
    """
    return make_call("backup.check", {"path": path}, actor, timeout, _backup_verdict)
