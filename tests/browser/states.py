"""States of an explorer by chance, for tests and for the benchmark of its frames."""

from __future__ import annotations

import random
from typing import Any

from mobilenet_lib.explorers.explorer import Explorer


def any_value(field: dict[str, Any], draw: random.Random) -> Any:
    """A value that the field may have, by chance."""
    if field.get("optional") and draw.random() < 0.2:
        return None
    match field["kind"]:
        case "integer":
            return draw.randint(field["min"], field["max"])
        case "number":
            low, high = field["min"], field["max"]
            return draw.choice(
                [low, high, draw.uniform(low, high), float(f"{draw.uniform(low, high):.3g}")]
            )
        case "choice":
            return draw.choice(field["choices"])
        case "flag":
            return draw.random() < 0.5
        case "name":
            return draw.choice(["", "conv_0", "dw 3/a&b=c+d", "ärger, 50 %", "#1:2"])
        case "names" if "choices" in field:
            return [each for each in field["choices"] if draw.random() < 0.5]
        case "names":
            return draw.sample(["foot", "help", "a,b", "stride & co"], draw.randint(0, 2))
        case "strokes":
            digits = "0123456789abcdefghijklmnopqrstuvwxyz"
            points = ["".join(draw.choices(digits, k=2)) for _ in range(draw.randint(0, 40))]
            return "".join(p + draw.choice(["", "", "."]) for p in points)
        case "square":
            side = draw.choice(field["sides"])
            some = [-1.0, 0.0, 2.0, 0.1, 1e-7, draw.uniform(-field["max"], field["max"])]
            rows = [[draw.choice(some) for _ in range(side)] for _ in range(side)]
            return draw.choice([rows, *field["presets"].values()])
    raise AssertionError(field)


def any_state(widget: Explorer, draw: random.Random) -> dict[str, Any]:
    """A value of each field, three in ten of them that of the start."""
    fields = widget.definition.fields
    return {
        name: any_value(field, draw) if draw.random() < 0.7 else field["default"]
        for name, field in fields.items()
    }
