"""The `mobilenet` command. Each subcommand is a dataclass: its fields are the options.

    mobilenet cost --alpha 0.5 --resolution 160
    mobilenet predict data/photos/*.jpg
    mobilenet train --alpha 0.5 --out runs/half
    mobilenet sweep --alphas 1 0.5 --seeds 0 1 2
    mobilenet bench --engines all
    mobilenet export --checkpoint person_detector --out person.onnx
    mobilenet doctor

Every number comes from the library; this package only parses and prints.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import tyro

from ..train.presets import RECIPES
from .bench import Bench
from .cost import Cost
from .export import Export
from .predict import Predict
from .sweep import Sweep
from .train import Options, Train

DESCRIPTION = "MobileNet V1 on the command line; the library and the book are the longer answer."


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


def commands(options: Options) -> Any:
    """Every subcommand; training's options have the values of a recipe as their defaults."""
    train, sweep = Train(options), Sweep(options)
    return (
        Annotated[Cost, tyro.conf.subcommand("cost")]
        | Annotated[Predict, tyro.conf.subcommand("predict")]
        | Annotated[Train, tyro.conf.subcommand("train", default=train)]
        | Annotated[Sweep, tyro.conf.subcommand("sweep", default=sweep)]
        | Annotated[Bench, tyro.conf.subcommand("bench")]
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    )


def recipe_options(arguments: Sequence[str]) -> Options:
    """The options of the recipe that a command line names, before it is parsed."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    peek.add_argument("--recipe", default="quick")
    try:
        name = peek.parse_known_args(list(arguments))[0].recipe
    except argparse.ArgumentError:  # --recipe without a name: parsing will say so
        name = "quick"
    return Options.of(RECIPES[name]) if name in RECIPES else Options()


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


def parse(arguments: Sequence[str] | None) -> Any:
    """Turn a command line into a command; a wrong one ends the program with one line on stderr."""
    printed = io.StringIO()
    options = recipe_options(sys.argv[1:] if arguments is None else arguments)
    try:
        with contextlib.redirect_stderr(printed):
            return tyro.cli(
                commands(options),
                prog="mobilenet",
                description=DESCRIPTION,
                args=arguments,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if stop.code:
            print(f"mobilenet: error: {first_box(printed.getvalue())}", file=sys.stderr)
        raise


def first_box(text: str) -> str:
    """What tyro says in the first box it draws, as one line without the frame."""
    inside = [line.strip("│ ") for line in text.splitlines() if line.startswith("│")]
    until_rule = inside[: next((i for i, line in enumerate(inside) if set(line) == {"─"}), None)]
    message = " ".join(until_rule) or re.sub(r"\s+", " ", text).strip()
    return message.rstrip(".") + "; see mobilenet --help"
