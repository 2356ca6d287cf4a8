"""The operations for MCP servers, the tables of ``client.mcp``; see _operations.py.

``descope_conn.mcp`` has the ready-made use of both for the official SDK and for FastMCP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._call import Call, make_call
from ._mcp_wire import (
    arguments_fields,
    call_name,
    declared_capabilities,
    echoed_state,
    input_answers,
    known_client,
    known_version,
)
from ._wire import to_wire, wait_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._types import MissingConnection


def answer(
    method: str,
    name: str,
    *,
    protocol_version: str,
    connections: Sequence[MissingConnection],
    arguments: Mapping[str, Any] | None = None,
    arguments_digest: str | None = None,
    capabilities: Mapping[str, Any] | None = None,
    client_info: Mapping[str, Any] | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    ttl_seconds: int | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[dict[str, Any]]:
    """What to answer a request that needs ``connections``: ``shape``, and the ``response`` with its result or error.

    ``method``, ``name`` and ``arguments`` are the request's own; a resource's URI is its name. Of the arguments only a
    digest goes to the library, so they may be anything that JSON can say; ``arguments_digest`` stands for them where
    they are gone. ``capabilities`` and ``client_info`` are what the client declared and says that it is, on the wire's
    terms. ``user_id`` and ``tenant_id`` say whose request it is: they come from the verified token, never from the
    arguments.

    The shape ``error`` comes with ``completions``: each has an ``elicitationId`` and a ``requestState`` to ``resume``.
    When that is ready, tell the client by ``notifications/elicitation/complete``.
    """
    fields = to_wire(
        {
            "method": method,
            "name": call_name(name),
            "protocol_version": known_version(protocol_version),
            "connections": [to_wire(connection) for connection in connections],
            **arguments_fields(arguments, arguments_digest),
            "capabilities": declared_capabilities(capabilities),
            "client_info": known_client(client_info),
            "user_id": user_id,
            "tenant_id": tenant_id,
            "ttl_seconds": ttl_seconds,
        }
    )
    return make_call("mcp.answer", fields, actor, timeout, dict)


def resume(
    method: str,
    name: str,
    *,
    request_state: str,
    arguments: Mapping[str, Any] | None = None,
    arguments_digest: str | None = None,
    input_responses: Mapping[str, Any] | None = None,
    user_id: str | None = None,
    tenant_id: str | None = None,
    access_token: str | None = None,
    wait: float | None = None,
    actor: str | None = None,
    timeout: float | None = None,
) -> Call[dict[str, Any]]:
    """Waits for the grants that ``request_state`` names: ``state`` is ``ready``, ``pending`` or ``declined``.

    The last two come with what to answer, as ``answer`` gives it. A state that is forged, expired, used before, or made
    for another user or another call raises. ``wait`` is in seconds, and shorter than ``timeout``.
    """
    fields = to_wire(
        {
            "method": method,
            "name": call_name(name),
            "request_state": echoed_state(request_state),
            **arguments_fields(arguments, arguments_digest),
            "input_responses": input_answers(input_responses),
            "user_id": user_id,
            "tenant_id": tenant_id,
            "access_token": access_token,
            "wait_ms": wait_ms(wait),
        }
    )
    return make_call("mcp.resume", fields, actor, timeout, dict)


def card(*, actor: str | None = None, timeout: float | None = None) -> Call[dict[str, Any]]:
    """The card that shows a tool's user where to connect, for clients with MCP Apps.

    ``uri``, ``name``, ``mimeType`` and ``text`` are its resource; ``toolMeta`` is the ``_meta`` of the tools it is for.
    """
    return make_call("mcp.card", {}, actor, timeout, dict)
