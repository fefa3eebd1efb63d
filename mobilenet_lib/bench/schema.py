"""A JSON Schema, read off typed dataclasses.

What a field may hold is its type: `int`, `str | None`, `tuple[float, float]`, `dict[str, Timed]`,
another dataclass. Texts are not empty, whole numbers start at 1, other numbers lie above 0, and all
have an upper limit, since what is read may come from anywhere. A field with other limits names them
as JSON Schema does, in pairs::

    seed: Annotated[int, ("minimum", 0)]
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

Schema = dict[str, Any]
SCALARS: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    str: {"type": "string", "minLength": 1, "maxLength": 200},
    int: {"type": "integer", "minimum": 1, "maximum": 2**60},
    float: {"type": "number", "exclusiveMinimum": 0, "maximum": 1e12},
}
NAMES: Schema = {"maxProperties": 100, "propertyNames": {"minLength": 1, "maxLength": 120}}


def json_schema(kind: Any) -> Schema:
    """The JSON Schema (draft 2020-12) of a type."""
    if kind in SCALARS:
        return dict(SCALARS[kind])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        schema, limits = json_schema(arguments[0]), dict(arguments[1:])
        if "minimum" in limits:  # in place of the usual lower limit, not beside it
            schema.pop("exclusiveMinimum", None)
        return schema | limits
    if origin is Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin in (Union, UnionType):
        (inner,) = (json_schema(part) for part in arguments if part is not NoneType)
        return inner | {"type": [inner["type"], "null"]}
    if origin is dict:
        return {"type": "object", **NAMES, "additionalProperties": json_schema(arguments[1])}
    if origin in (tuple, list):
        fixed = len(arguments) if origin is tuple and Ellipsis not in arguments else None
        number = {"minItems": fixed or 0, "maxItems": fixed or 10_000}
        return {"type": "array", "items": json_schema(arguments[0]), **number}
    hints = get_type_hints(kind, include_extras=True)
    properties = {name: json_schema(hint) for name, hint in hints.items()}
    return {
        "description": str(kind.__doc__).partition("\n")[0],
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
