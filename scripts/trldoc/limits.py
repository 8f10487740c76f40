"""Limits: what the runner changes for code that otherwise runs as it stands.

Knows the front matter key that sets them for a page. Does not know how they are applied.
"""

from __future__ import annotations

from dataclasses import dataclass

from trldoc.pages import Page, PageError


@dataclass(frozen=True)
class Limits:
    """What the runner changes for a snippet that runs unmodified. None leaves it as the author wrote it.

    A page sets its own in its front matter: `run: {max_steps: 20, timeout: 300}`.
    """

    max_steps: int | None = 3  # optimizer steps after which training stops
    tokens: int | None = 16  # longest completion to generate
    bf16: bool = False  # whether bf16 training stays on where there is only a CPU
    timeout: float = 300.0  # seconds for a page or a script


def page_limits(page: Page) -> Limits:
    """The limits in a page's front matter. Raises PageError for a name that is none."""
    given = page.meta.get("run", {})
    try:
        return Limits(**given)
    except TypeError:
        known = ", ".join(Limits.__dataclass_fields__)
        raise PageError(page.path, 1, f"front matter `run: {given}` must be a mapping of {known}") from None
