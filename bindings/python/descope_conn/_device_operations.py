"""The operations of ``client.device``, for hosts whose users have their browser elsewhere; see _operations.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._call import Call, make_call
from ._types import Completion, DeviceFlow, from_wire
from ._wire import to_wire, wait_ms

if TYPE_CHECKING:
    from collections.abc import Sequence


def _completion(answer: Any) -> Completion | None:
    return from_wire(Completion, answer) if answer["status"] == "complete" else None


def start_device(
    app_id: str,
    *,
    user_id: str | None = None,
    tenant_id: str | None = None,
    scopes: Sequence[str] | None = None,
    resources: Sequence[str] | None = None,
    external_identifier: str | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[DeviceFlow]:
    """Begins a grant that the user gives on another device (RFC 8628). The vault only.

    Show the user ``verification_uri`` and ``user_code``, or ``verification_uri_complete`` alone.
    """
    fields = to_wire(
        {
            "app_id": app_id,
            "user_id": user_id,
            "tenant_id": tenant_id,
            "scopes": scopes,
            "resources": resources,
            "external_identifier": external_identifier,
        }
    )
    return make_call("device.start", fields, actor, timeout, lambda answer: from_wire(DeviceFlow, answer))


def poll_device(
    flow: str, *, wait: float = 0, actor: str | None = None, timeout: float | None = None
) -> Call[Completion | None]:
    """What the user granted; None when they have not decided yet. The vault only.

    Waits up to ``wait`` seconds for them, and asks no more often than the provider allows.
    """
    fields = to_wire({"flow": flow, "wait_ms": wait_ms(wait)})
    return make_call("device.poll", fields, actor, timeout, _completion)
