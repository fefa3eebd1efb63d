"""What the explorers that run in the browser share: their bundle, their state, pages of their own.

An explorer is a class here and a file in `web/explorers/`, bundled into `bundles/`. It runs as a
widget in JupyterLab, VS Code and Colab, and in any page without Python, from a file too.
"""

from __future__ import annotations

import base64
import html
import json
import os
from pathlib import Path
from typing import Any, ClassVar

import anywidget

from ..files import write_atomically
from .state import SHARED, Definition, FieldTrait, definition
from .still import Still

BUNDLES = Path(__file__).parent / "bundles"
_OF_THE_WIDGET = {"comm", "keys", "layout", "log", "tabbable", "tooltip"}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 1136px; padding: 8px; background: #fff; color: #1a1a1a; }}
h1 {{ margin: 4px 8px; font: 600 18px/1.3 system-ui, sans-serif; }}
/* On a projector's screen everything is larger. */
@media (min-width: 1600px) and (min-height: 850px) {{
  body {{ max-width: 1490px; }}
  main {{ zoom: 1.3; }}
}}
@media (prefers-color-scheme: dark) {{ body {{ background: #16181a; color: #ececec; }} }}
</style>
</head>
<body>
<main><h1>{title}</h1>{place}</main>
<script type="module" async>{code}</script>
{assets}
</body>
</html>
"""


class Explorer(Still, anywidget.AnyWidget):
    """An explorer whose state is a line that can be sent; the base of each.

    Attributes
    ----------
    state
        What the reader has set, as one short line, such as `v1&stride=2`; it can be set too.
    hide
        Names of controls and of parts of the figure (`data-part` in its source) that are not shown,
        "help", and "foot" for the line of buttons below.
    tour
        Step of the guided tour, from 1; 0 if none is shown.
    """

    definition: ClassVar[Definition]
    hide = FieldTrait(SHARED["hide"])
    tour = FieldTrait(SHARED["tour"])

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "definition" in vars(cls):
            cls._esm = (BUNDLES / f"{cls.definition.name}.js").read_text(encoding="utf-8")

    def __init__(self, **given: Any) -> None:
        unknown = given.keys() - self.traits().keys()
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no {sorted(unknown)[0]!r}; its state has "
                f"{', '.join(self.definition.fields)}"
            )
        super().__init__(**given)
        self.on_msg(self._hand_over)

    def assets(self) -> dict[str, bytes]:
        """Large data by name, such as weights: not in the state, handed over when asked for."""
        return {}

    def _hand_over(self, _: Any, content: Any, __: Any) -> None:
        """Answer the browser, which asks for the assets once."""
        if not (isinstance(content, dict) and content.get("kind") == "assets"):
            return
        try:
            found = self.assets()
        except (OSError, ValueError) as error:
            self.send({"kind": "assets", "error": str(error)})
            return
        self.send({"kind": "assets", "names": list(found)}, list(found.values()))

    @property
    def state(self) -> str:
        """What the reader has set, as one short line.

        Raises
        ------
        StateError
            When set: a line that cannot be read. The explorer keeps its old state.
        """
        return self.definition.encode({n: getattr(self, n) for n in self.definition.fields})

    @state.setter
    def state(self, line: str) -> None:
        values = self.definition.decode(line)
        with self.hold_trait_notifications():
            for name, value in values.items():
                setattr(self, name, value)
        for name, value in values.items():  # what an observer has set back belongs to the line too
            setattr(self, name, value)

    def place(self) -> str:
        """What the explorer's bundle fills in a page: its data, its state, its assets."""
        return "".join(self._places())

    def _places(self) -> tuple[str, str]:
        """The element with what the first picture takes, and one with the assets, if there are any.

        Assets are megabytes: where they come last, the page draws before they have been read.
        """
        own = {name for name in self.traits(sync=True) if name[0] != "_"} - _OF_THE_WIDGET
        values = {name: _for_page(getattr(self, name)) for name in sorted(own)}
        data = f'<script type="application/json">{_safe(values)}</script>'
        name, assets = self.definition.name, self.assets()
        if not assets:
            return f'<div data-explorer="{name}">{data}</div>', ""
        texts = {key: base64.b64encode(each).decode("ascii") for key, each in assets.items()}
        id_ = f"assets-{self.model_id}"
        return (
            f'<div data-explorer="{name}" data-assets="{id_}">{data}</div>',
            f'<script type="application/json" id="{id_}">{_safe(texts)}</script>',
        )

    def page(self) -> str:
        """A whole page with the explorer as it is now, which needs neither Python nor a network."""
        place, assets = self._places()
        return PAGE.format(
            title=html.escape(self.definition.title),
            place=place,
            code=str(self._esm).replace("</script", "<\\/script"),
            assets=assets,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `page()` to a file that any browser opens; a link to it may carry a state."""
        write_atomically(path, self.page())


def _safe(data: Any) -> str:
    """JSON that nothing in it can end a script with."""
    text = json.dumps(data, ensure_ascii=False)
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _for_page(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {key: _for_page(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_for_page(each) for each in value]
    return value


__all__ = ["Explorer", "definition"]
