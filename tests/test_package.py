"""The package as a whole: what an import costs, what it offers, and what may import what."""

import ast
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import szfinder

FLOORS = {"physics": 0, "utils": 0, "maps": 1, "filters": 2, "models": 2,
          "finders": 3, "mass": 3, "simulation": 3, "evaluation": 4, "training": 4,
          "report": 5, "cli": 5}
PACKAGE = Path(szfinder.__file__).parent


def modules_after(statement):
    """Names of the top-level modules that a fresh interpreter holds after a statement."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def test_import_is_lazy():
    assert not {"numpy", "astropy", "keras", "tensorflow"} & modules_after("import szfinder")


@pytest.mark.parametrize("name", ["MatchedFilterFinder", "read_maps"])
def test_finding_clusters_needs_no_keras(name):
    assert not {"keras", "tensorflow"} & modules_after(f"from szfinder import {name}")


@pytest.mark.parametrize("name", szfinder.__all__)
def test_public_name(name):
    assert name in dir(szfinder)
    assert getattr(szfinder, name).__name__.rpartition(".")[2] == name


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        szfinder.no_such_name


def test_data_files_are_installed():
    presets = [path.name for path in (files("szfinder.maps") / "instruments").iterdir()]
    assert "planck-hfi.yaml" in presets
    assert any((files("szfinder.physics") / "data").iterdir())


def subpackages_imported(path):
    """Names of the subpackages of szfinder that a source file imports anywhere in it."""
    package = ("szfinder", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package[:len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*parents, *filter(None, [node.module])])
            modules = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        parts = [module.split(".") for module in modules]
        yield from (part[1] for part in parts if part[0] == "szfinder" and len(part) > 1)


@pytest.mark.parametrize("folder", FLOORS)
def test_imports_go_down(folder):
    sources = [*(PACKAGE / folder).glob("**/*.py"), *PACKAGE.glob(f"{folder}.py")]
    above = {f"{path.name}: {name}" for path in sources for name in subpackages_imported(path)
             if FLOORS.get(name, 0) > FLOORS[folder]}
    assert not above
