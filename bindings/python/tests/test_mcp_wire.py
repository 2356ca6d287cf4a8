"""What is left of what MCP clients send, before it goes to the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recorded import Recorded

from descope_conn._mcp_wire import arguments_digest, declared_capabilities, input_answers, known_client, typed_code

NO_CODES: list[Any] = ["", " ", "none", None, True, -1, 1.5, float("nan"), float("inf"), {}, ["1"]]
DIGESTS = Path(__file__).resolve().parents[3] / "Tests/mcp/digests.json"


@pytest.mark.parametrize("case", json.loads(DIGESTS.read_text()), ids=lambda case: case["arguments"])
def test_the_digest_of_arguments_is_every_binding_s(case: dict[str, str]) -> None:
    assert arguments_digest(json.loads(case["arguments"])) == case["digest"]


def test_different_arguments_have_different_digests() -> None:
    different: list[dict[str, Any]] = [
        {},
        {"a": []},
        {"a": {}},
        {"a": ""},
        {"a": "\0"},
        {"a": 0},
        {"a": False},
        {"a": [[]]},
        {"a": [None]},
        {"ab": ""},
        {"a": "b", "c": ""},
        {"a": "", "bc": ""},
    ]
    assert len({arguments_digest(one) for one in different}) == len(different)


def test_what_clients_write_anew_is_the_same() -> None:
    assert arguments_digest({"a": 1, "b": [{"c": None}]}) == arguments_digest({"b": [{}], "d": None, "a": 1.0})


def test_no_depth_is_too_deep() -> None:
    value: Any = {}
    for _ in range(20_000):
        value = {"a": [value]}
    assert arguments_digest(value) is not None


@pytest.mark.parametrize("value", [{1: "a"}, {"a": b"b"}, {"a": object()}, {"a": {2}}])
def test_what_is_in_no_json_is_told(value: Any) -> None:
    with pytest.raises(TypeError):
        arguments_digest(value)


def test_what_a_client_declares_is_reduced_to_what_counts() -> None:
    ui = "io.modelcontextprotocol/ui"
    declared = {
        "elicitation": {"form": {"x": 10**30}, "url": {}, "voice": {}},
        "experimental": {"\0": "\ud83d"},
        "extensions": {ui: {"mimeTypes": ["text/html;profile=mcp-app", 7, "\0"], "more": 1}, "other": {}},
    }
    assert declared_capabilities(declared) == {
        "elicitation": {"form": {}, "url": {}},
        "extensions": {ui: {"mimeTypes": ["text/html;profile=mcp-app"]}},
    }
    assert declared_capabilities(None) is None
    odds: list[dict[str, Any]] = [
        {"elicitation": True},
        {"elicitation": None},
        {"extensions": []},
        {"extensions": {ui: []}},
        {},
    ]
    for odd in odds:
        assert declared_capabilities(odd) == {}
    assert declared_capabilities({"elicitation": {"url": False}}) == {"elicitation": {}}


def test_a_client_s_name_is_taken_if_it_is_one() -> None:
    assert known_client({"name": "claude-code", "version": "2.1", "title": "\0"}) == {
        "name": "claude-code",
        "version": "2.1",
    }
    assert known_client({"name": "a\0", "version": "x" * 300}) == {}
    assert known_client({"name": 7}) == {}


def test_of_responses_the_action_and_the_code_are_taken() -> None:
    responses = {
        "connect-1": {"action": "accept", "content": {"x": 10**30}},
        "confirm-1": {"action": "accept", "content": {"code": "123-456", "y": "\0"}},
        "confirm-2": {"action": "accept", "content": {"code": "\0"}},
        "confirm-3": {"action": "accept", "content": {"code": 7}},
        "odd": {"action": "reject"},
        "\0": {"action": "decline"},
        "none": None,
    }
    assert input_answers(responses) == {
        "connect-1": {"action": "accept"},
        "confirm-1": {"action": "accept", "content": {"code": "123-456"}},
        "confirm-2": {"action": "accept"},
        "confirm-3": {"action": "accept", "content": {"code": "000007"}},
        "odd": {},
    }


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (123456, "123456"),
        (7, "000007"),
        (7.0, "000007"),
        (0, "000000"),
        (1234567, "1234567"),
        ("123-456", "123-456"),
        (" 12 34 56\n", " 12 34 56\n"),
        ("The code is 123456.", "The code is 123456."),
        ("123456" + " " * 1000, "123456" + " " * 250),
        *((nothing, None) for nothing in NO_CODES),
    ],
)
def test_a_code_is_one_however_it_is_typed(typed: Any, code: str | None) -> None:
    assert typed_code(typed) == code


def test_what_is_too_long_still_fits_a_request() -> None:
    long = "x" * 2_000_000
    client = Recorded()
    for name in (long, long + "y"):
        client.mcp.answer("resources/read", name, protocol_version=long, connections=[], user_id="u")
    assert len({call.request for call in client.calls}) == len(client.calls)
    states: list[Any] = [long, 7, None, {}, "\ud800"]
    for state in states:
        client.mcp.resume("resources/read", long, request_state=state, user_id="u")
    assert len(client.calls) == 2 + len(states)
    assert all(len(call.request) < 1 << 17 for call in client.calls)
