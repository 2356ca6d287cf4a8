"""The operations on the vault's catalogue of providers, the tables of ``client.templates``; see _operations.py."""

from __future__ import annotations

from typing import Any

from ._call import Call, make_call
from ._types import Template, from_wire


def list_templates(*, actor: str | None = None, timeout: float | None = None) -> Call[list[Template]]:
    """The providers that ``apps.create`` takes by ``template_id``. The vault only."""
    return make_call(
        "templates.list", {}, actor, timeout, lambda answer: [from_wire(Template, row) for row in answer["templates"]]
    )


def load_template(id: str, *, actor: str | None = None, timeout: float | None = None) -> Call[dict[str, Any]]:
    """One provider's row of the catalogue, in its own field names: docs/providers.md has them. The vault only."""
    return make_call("templates.load", {"id": id}, actor, timeout, lambda answer: dict(answer["template"]))
