"""The environment is the pinned one, and the project says one thing about itself."""

import re
import tomllib
from importlib.metadata import distributions, version

import pytest
import yaml
from built import ROOT
from chromium import executable
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
PINS = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in LINES}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GROUPS = (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
REQUIREMENTS = [
    requirement
    for group in GROUPS
    for requirement in map(Requirement, group)
    if requirement.name != "cnnref"
]


def test_pins_are_plain_versions():
    assert [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_what_is_asked_for_is_pinned(requirement):
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_the_environment_is_the_pinned_one():
    installed = {
        canonicalize_name(found.name): found.version.split("+")[0]
        for found in distributions()
    }
    ours = (installed.keys() & PINS.keys()) - {"setuptools"}  # which builds, elsewhere
    assert {name: installed[name] for name in ours} == {
        name: PINS[name] for name in ours
    }


def test_the_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"] == version("cnnref")


def test_a_missing_browser_is_named(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="Chromium is missing: none of"):
        executable()
