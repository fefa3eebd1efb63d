"""Answers that readers may give: right ones in many forms, and usual mistakes with their hints."""

import ast
import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import jupytext
import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Tried:
    """Snippets for one exercise: an expression, or code that ends with a definition.

    `right` begins with the plainest one. `wrong` pairs a snippet with words of the hint it gets.
    """

    right: list[str]
    wrong: list[tuple[str, str]]


def answer_of(snippet):
    """The value of a snippet's last expression, or the function that it defines last."""
    *before, last = ast.parse(dedent(snippet)).body
    namespace = {"np": np, "torch": torch, "nn": nn, "math": math}
    exec(compile(ast.Module(before, []), "<cell>", "exec"), namespace)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)
    exec(compile(ast.Module([last], []), "<cell>", "exec"), namespace)
    return namespace[last.targets[0].id if isinstance(last, ast.Assign) else last.name]


def solution(key):
    """What the book's own solution of an exercise has in its last cell, to try variants of."""
    (text,) = ROOT.glob(f"chapters/solutions/text/{key.split('.')[0]:0>2}_*.py")
    cells = jupytext.read(text, fmt="py:percent").cells
    (found,) = (cell.source for cell in cells if cell.metadata.get("exercise") == key)
    return f"\n{found}\n"


TRIED = {
    key: tried
    for path in sorted(Path(__file__).parent.glob("chapter_*.py"))
    for key, tried in importlib.import_module(f"tried.{path.stem}").TRIED.items()
}
