"""The `mobilenet` command. Each subcommand is a dataclass: its fields are the options.

    mobilenet cost --alpha 0.5 --resolution 160
    mobilenet predict data/photos/*.jpg
    mobilenet train --alpha 0.5 --out runs/half
    mobilenet sweep --alphas 1 0.5 --seeds 0 1 2
    mobilenet bench --engines all
    mobilenet export --checkpoint person_detector --out person.onnx
    mobilenet data ~/Downloads/mobilenet-book.zip
    mobilenet doctor

Every number comes from the library; this package only parses and prints.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Annotated, Any

import tyro

from ..text import option
from ..train.recipe import RECIPES, Recipe, RecipeName
from .bench import MEASUREMENTS, Bench
from .cost import Cost
from .data import Data
from .export import Export
from .predict import Predict
from .train import Sweep, Train

DESCRIPTION = "MobileNet V1 on the command line; the library and the book are the longer answer."
CONFIG = (
    tyro.conf.OmitArgPrefixes,  # --alpha, not --recipe.network.alpha
    tyro.conf.OmitSubcommandPrefixes,  # `bench layers`, not `bench what:layers`
    tyro.conf.CascadeSubcommandArgs,  # `bench --engines all` is `bench engines --engines all`
    tyro.conf.FlagCreatePairsOff,
)


@dataclass(frozen=True)
class Doctor:
    """Look at this machine: Python, torch, processor, Jupyter, and what to do about problems."""

    json: bool = False
    """Print JSON, for a program to read."""

    def run(self) -> int:
        """Print the findings; the exit code is 1 if the book cannot run here, else 0."""
        from .. import doctor  # brings in torch, which `mobilenet cost` has no need of

        report = doctor.report()
        if self.json:
            print(json.dumps([asdict(finding) for finding in report.findings], indent=2))
        else:
            print(report)
        return report.exit_code


@dataclass(frozen=True)
class Start:
    """What decides the values that all other options start from, so it is read before them."""

    recipe: RecipeName = Recipe.name


def commands(recipe: Recipe) -> Any:
    """Every subcommand, named after its class; a recipe's options start from `recipe`."""
    return (
        Cost
        | Predict
        | Annotated[Train, tyro.conf.subcommand(default=Train(recipe))]
        | Annotated[Sweep, tyro.conf.subcommand(default=Sweep(recipe))]
        | Bench
        | Export
        | Data
        | Doctor
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `mobilenet` command and return its exit code.

    0; 1 for a failed check, 2 for input, 130 for an interrupt, as shells count it.

    Parameters
    ----------
    arguments
        What follows `mobilenet` on the command line; None takes it from there.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may have what it cannot write
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = parse(arguments).run()
        sys.stdout.flush()  # here, where a reader that has gone away can still be noticed
    except KeyboardInterrupt:
        print("mobilenet: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `mobilenet cost --layers | head`: what was wanted has been read
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # What the library raises for a value it refuses, and for a file or a package that is not there.
    except (ValueError, TypeError, OSError, ModuleNotFoundError) as error:
        print(f"mobilenet: error: {error}", file=sys.stderr)
        return 2
    return code


def parse(arguments: Sequence[str] | None = None) -> Any:
    """Turn a command line into a command; a ValueError says in one line what would be right."""

    def read(kind: Any, **more: Any) -> tuple[Any, list[str]]:
        return tyro.cli(
            kind,
            args=arguments,
            prog="mobilenet",
            description=DESCRIPTION,
            config=CONFIG,
            return_unknown_args=True,
            **more,
        )

    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            start, _ = read(Start, add_help=False)
            command, unknown = read(commands(RECIPES[start.recipe]))
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise ValueError(f"{reason(printed.getvalue())}; see mobilenet --help") from None
    if unknown:
        raise ValueError(refusal(command, unknown[0].partition("=")[0]))
    return command


def reason(text: str) -> str:
    """What tyro says is wrong, as one line: it only draws it, with a title above and help below.

    The frame is of lines where the output is UTF-8, else of blanks; a rule or a blank line parts
    what is wrong from the help.
    """
    lines = [line.strip("│ ") for line in text.splitlines()[1:]]
    parts = itertools.groupby(lines, lambda line: bool(line.strip("─-╰╯")))
    message = next((" ".join(part) for is_text, part in parts if is_text), text.strip())
    # A value that a dataclass refuses names itself, and needs no name of tyro's for the class.
    return re.sub(r"^Error parsing [^-\s]\S*: ", "", message).rstrip(".")


def refusal(command: Any, word: str) -> str:
    """What is wrong with a word that a command does not know, and what would be right."""
    name = type(command).__name__.lower()
    allowed = list(options(command))
    if isinstance(command, Bench):
        if word.startswith("-"):
            name += f" {type(command.what).__name__.lower()}"
        else:
            allowed = list(MEASUREMENTS)
    near = difflib.get_close_matches(word, allowed, n=1, cutoff=0.8)
    takes = near if near and near != [word] else allowed  # itself: one too many
    return (
        f"{word} is not for `{name}`, which takes {', '.join(takes)}; see mobilenet {name} --help"
    )


def options(part: Any) -> Iterator[str]:
    """Every option of a command or a part of one, as the command line spells it."""
    for each in fields(part):
        value = getattr(part, each.name)
        if is_dataclass(value):
            yield from options(value)
        elif isinstance(part, Recipe) and each.name == "name":
            yield "--recipe"
        elif "Positional" not in str(each.type):
            yield option(each.name)
