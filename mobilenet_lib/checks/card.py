"""The widget on which a chapter asks; `web/cards/card.js` draws it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from .asking import kept, take_in
from .ledger import read_ledger

BUNDLE = Path(__file__).parents[1] / "explorers/bundles/card.js"


class Card(anywidget.AnyWidget):
    """A card that asks, and enters in the ledger what it hears.

    Attributes
    ----------
    card
        What is asked.
    kept
        The reader's records, by key.
    trouble
        Why they cannot be kept; "" if they can.
    """

    card = traitlets.Dict().tag(sync=True)
    kept = traitlets.Dict().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)
    _esm: ClassVar[str] = BUNDLE.read_text(encoding="utf-8")

    def __init__(self, card: dict[str, Any], keys: list[str]) -> None:
        records, _ = read_ledger()
        super().__init__(card=card, kept=kept(keys, records))
        self.observe(self._hear, "kept")

    def _hear(self, change: Any) -> None:
        for key, new in change.new.items():
            old = (change.old or {}).get(key, {})
            if new != old and isinstance(new, dict):
                self.trouble = take_in(key, old, new)

    def _lines(self) -> list[tuple[str, list[str]]]:
        asks = self.card.get("questions", [self.card])
        return [
            (each["ask"], [c["text"] if isinstance(c, dict) else c for c in each["choices"]])
            for each in asks
        ]

    def __repr__(self) -> str:
        return "\n".join(" · ".join([ask, *choices]) for ask, choices in self._lines())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and in words what it asks, for where it does not run."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        html = "".join(
            f"<p>{'<br>○ '.join(map(escape, [ask, *choices]))}</p>"
            for ask, choices in self._lines()
        )
        html += "<p><em>Run this cell to answer.</em></p>"
        return data | {"text/plain": repr(self), "text/html": html}, metadata
