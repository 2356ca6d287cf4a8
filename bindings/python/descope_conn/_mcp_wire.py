"""What MCP clients send, reduced to what the core looks at.

The rest is theirs, and may be what the core refuses from its caller: numbers of any size, NUL, lone surrogates,
hundreds of levels, megabytes. None of that may cost a user the URL.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Callable

UI_EXTENSION = "io.modelcontextprotocol/ui"
_TEXT_LIMIT = 256
_NAME_LIMIT = 4096
_STATE_LIMIT = 65536


def arguments_digest(arguments: Mapping[str, Any] | None) -> str | None:
    """What stands for a call's arguments: SHA-256 of their canonical form (docs/mcp.md), in base64url.

    Numbers count as binary64, and members that are null not at all: when clients write a call anew, 1 may become 1.0,
    and null be left out.
    Raises TypeError for what is in no JSON.
    """
    if arguments is None:
        return None
    digest = hashlib.sha256()
    # Not by recursion: arguments may nest deeper than Python's stack.
    todo: list[Any] = [arguments]
    while todo:
        value = todo.pop()
        if isinstance(value, _Done):
            digest.update(value)
        elif value is None:
            digest.update(b"n")
        elif isinstance(value, bool):
            digest.update(b"t" if value else b"f")
        elif isinstance(value, str):
            digest.update(_text(value))
        elif isinstance(value, (int, float)):
            digest.update(b"d" + struct.pack(">d", _number(value)))
        elif isinstance(value, Mapping):
            # Clients drop members that are null when they write a call anew.
            given = ((_text(key), member) for key, member in value.items() if member is not None)
            members = sorted(given, key=lambda member: member[0][9:])
            digest.update(b"o" + struct.pack(">Q", len(members)))
            for name, member in reversed(members):
                todo += [member, _Done(name)]
        elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
            digest.update(b"a" + struct.pack(">Q", len(value)))
            todo += reversed(value)
        else:
            raise TypeError(f"{type(value).__name__} is in no JSON")
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


class _Done(bytes):
    """A part of the form that is made already."""


def _text(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError("the name of an object's member must be a string")
    units = value.encode("utf-16-be", "surrogatepass")
    return b"s" + struct.pack(">Q", len(units) // 2) + units


def _number(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    if number != number:
        return float("nan")
    return number or 0.0  # there is no negative zero


_REDUCED: Mapping[str, Callable[[Any], Any]]


def reduced(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A request with what its client sent reduced to what the core looks at.

    The digest stands in place of the arguments. Who gives both hears from the library that one is enough.
    """
    reduced = {name: _REDUCED[name](value) if name in _REDUCED else value for name, value in fields.items()}
    if fields.get("argumentsDigest") is None:
        reduced["argumentsDigest"] = arguments_digest(fields.get("arguments"))
        del reduced["arguments"]
    return reduced


def declared_capabilities(capabilities: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """How its user can be asked, of what a client declared."""
    if not isinstance(capabilities, Mapping):
        return None
    declared: dict[str, Any] = {}
    elicitation = capabilities.get("elicitation")
    if isinstance(elicitation, Mapping):
        declared["elicitation"] = {mode: {} for mode in ("form", "url") if isinstance(elicitation.get(mode), Mapping)}
    extensions = capabilities.get("extensions")
    ui = extensions.get(UI_EXTENSION) if isinstance(extensions, Mapping) else None
    if isinstance(ui, Mapping) and isinstance(ui.get("mimeTypes"), (list, tuple)):
        declared["extensions"] = {UI_EXTENSION: {"mimeTypes": [one for one in ui["mimeTypes"][:16] if _is_plain(one)]}}
    return declared


def known_client(client_info: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The name and the version of a client, as it says."""
    if not isinstance(client_info, Mapping):
        return None
    return {key: client_info[key] for key in ("name", "version") if _is_plain(client_info.get(key))}


def input_answers(responses: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the user chose, and the codes that the user typed."""
    if not isinstance(responses, Mapping):
        return None
    answers: dict[str, Any] = {}
    for key, response in responses.items():
        if not _is_plain(key) or not isinstance(response, Mapping):
            continue
        action, content = response.get("action"), response.get("content")
        answer: dict[str, Any] = {"action": action} if action in ("accept", "decline", "cancel") else {}
        code = typed_code(content.get("code")) if isinstance(content, Mapping) else None
        if code is not None:
            answer["content"] = {"code": code}
        answers[key] = answer
    return answers


def typed_code(value: object) -> str | None:
    """The code that somebody has typed, which may come as the number that its digits are, without the first zeros.

    A text without digits is none: models fill in what they have nothing for.
    """
    if isinstance(value, str):
        return value[:_TEXT_LIMIT] if any(character.isdecimal() for character in value[:_TEXT_LIMIT]) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**53 and value == int(value):
        return f"{int(value):06d}"
    return None


def call_name(name: str) -> str:
    """The name of a tool or prompt, or the URI of a resource. A digest stands for what is too long."""
    if len(name) <= _NAME_LIMIT:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[:_TEXT_LIMIT]}... {digest}"


def echoed_state(state: object) -> str:
    """A ``requestState``. What is no text, or longer than any, is none."""
    return state[:_STATE_LIMIT] if isinstance(state, str) else ""


def known_version(version: str) -> str:
    """A revision of the protocol. One that is longer than any is none."""
    return version[:_TEXT_LIMIT]


def _is_plain(value: object) -> bool:
    """Whether it is a short text that the core takes from its caller."""
    return isinstance(value, str) and 0 < len(value) <= _TEXT_LIMIT and value.isprintable()


_REDUCED = {
    "capabilities": declared_capabilities,
    "clientInfo": known_client,
    "inputResponses": input_answers,
    "name": call_name,
    "protocolVersion": known_version,
    "requestState": echoed_state,
}
