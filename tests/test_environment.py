"""environment.yml and constraints.txt say the same as pyproject.toml.

conda's channels are not asked: whether a solver finds the packages shows only where they are.
"""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from rattler import MatchSpec
from scripts import script

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # -base leaves Qt out

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
SPECS = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
CONSTRAINTS = (ROOT / "constraints.txt").read_text("utf-8").splitlines()


def clauses(range_: object) -> set[str]:
    return set(str(range_ or "").replace(" ", "").split(",")) - {""}


def requirements() -> list[Requirement]:
    extras = [line for group in PROJECT["optional-dependencies"].values() for line in group]
    found = [Requirement(line) for line in (*PROJECT["dependencies"], *extras)]
    return [requirement for requirement in found if requirement.name != PROJECT["name"]]


@pytest.mark.parametrize("spec", SPECS)
def test_every_conda_spec_parses(spec):
    parsed = MatchSpec(spec, strict=True)
    assert parsed.name is not None
    assert spec == "pip" or clauses(parsed.version), "a spec without a range drifts"


def test_environment_agrees_with_pyproject():
    wanted = {
        CONDA_NAMES.get(requirement.name, requirement.name): clauses(requirement.specifier)
        for requirement in map(Requirement, PROJECT["dependencies"])
    }
    wanted |= {"python": clauses(PROJECT["requires-python"]), "pip": set()}
    parsed = [MatchSpec(spec, strict=True) for spec in SPECS]
    assert {str(spec.name.normalized): clauses(spec.version) for spec in parsed} == wanted


def test_the_library_itself_comes_from_this_folder():
    (pip,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-e ."]
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]


def test_constraints_are_plain_pins_in_order():
    for line in CONSTRAINTS:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*", line), line
    assert sorted(CONSTRAINTS, key=str.lower) == CONSTRAINTS
    names = [canonicalize_name(line.split("==")[0]) for line in CONSTRAINTS]
    assert len(set(names)) == len(names)
    assert "torch==2.13.0" in CONSTRAINTS


def test_every_requirement_is_pinned_inside_its_range():
    pins = {canonicalize_name(n): Version(v) for n, v in (x.split("==") for x in CONSTRAINTS)}
    for requirement in requirements():
        assert requirement.specifier, f"{requirement.name} has no range"
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_pin_runs_on_the_first_release_of_the_oldest_python():
    """Debian 12 has Python 3.11.2: a pin that asks for 3.11.5 could not be installed there."""
    installed = {canonicalize_name(found.name): found for found in distributions()}
    asked = {}
    for pin in CONSTRAINTS:
        name, version = pin.split("==")
        found = installed.get(canonicalize_name(name))  # some are for one system only
        if found and Version(found.version).public == Version(version).public:
            asked[pin] = SpecifierSet(found.metadata["Requires-Python"] or "")
    assert len(asked) > len(CONSTRAINTS) // 2, "this is not the environment that make test makes"
    assert [pin for pin, python in asked.items() if "3.11.0" not in python] == []


def test_the_oldest_python_is_the_same_everywhere():
    from mobilenet_lib import doctor

    assert script("bootstrap.py").NEEDED_PYTHON == doctor.MIN_PYTHON == (3, 11)
    assert SpecifierSet(PROJECT["requires-python"]) == SpecifierSet(">=3.11")
