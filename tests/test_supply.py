"""What is installed is what is locked, by its bytes; its licences are known; and nobody takes an audit of nothing."""

import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import supply

pytestmark = pytest.mark.security(42)

# What may be in what we give away, on our terms: nothing that obliges whoever uses a copy, beyond its own files.
ALLOWED = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
    *("MPL-2.0", "LGPL-3.0-only"),  # used as they are, and anybody may put another version in their place
}
MAKEFILE = (settings.BASE_DIR / "Makefile").read_text()
LOCKS = {
    "requirements.txt": settings.BASE_DIR / "requirements.lock",
    "tests/requirements.txt": settings.BASE_DIR / "tests" / "requirements.lock",
}


def required(path: str) -> dict[str, str]:
    """Name → version of what somebody chose."""
    lines = (settings.BASE_DIR / path).read_text().splitlines()
    chosen = [Requirement(line.partition("#")[0]) for line in lines if not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in chosen}


@pytest.mark.parametrize("path", LOCKS)
def test_what_is_required_is_locked(path: str) -> None:
    """`make lock` mends it."""
    locked = supply.locked(LOCKS[path])
    assert {name: locked.get(name, ("",))[0] for name in required(path)} == required(path)


def test_both_locks_say_the_same() -> None:
    serving, testing = (supply.locked(path) for path in LOCKS.values())
    assert {name: entry[0] for name, entry in testing.items() if name in serving} == {
        name: entry[0] for name, entry in serving.items()
    }


@pytest.mark.parametrize("path", LOCKS.values(), ids=str)
def test_each_line_of_a_lock_has_hashes_and_no_host(path: Path) -> None:
    text = path.read_text()
    assert len(supply.locked(path)) == text.count("==") - text.count("== '")
    assert all(hashes >= 1 for _, _, hashes in supply.locked(path).values())
    assert "//" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_what_is_installed_is_what_is_locked() -> None:
    locked = supply.locked()
    installed = supply.here()
    assert {supply.name_of(one): one.version for one in installed} == {
        name: locked[name][0] for name in map(supply.name_of, installed)
    }
    needed = {
        canonicalize_name(requirement.name)
        for one in installed
        for requirement in map(Requirement, one.requires or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    assert needed <= set(locked)


def test_it_is_installed_by_its_hashes() -> None:
    installing = re.findall(r"\$\(PIP_INSTALL\) (.+)", MAKEFILE)
    assert "--require-hashes --requirement requirements.lock" in installing
    assert "--require-hashes --requirement tests/requirements.lock" in installing


def test_each_licence_is_one_that_may_be() -> None:
    """What is new and not in the list, or says nothing, is looked at by somebody first."""
    for package in supply.here():
        words = set(re.findall(r"[\w.-]+", supply.licence_of(package))) - {"AND", "OR", "WITH"}
        assert words, f"{package.metadata['Name']} does not say under which licence it is"
        assert words <= ALLOWED, f"{package.metadata['Name']}: {words - ALLOWED}"


def test_the_bill_names_all_of_it() -> None:
    bill = supply.bill()
    names = {component["name"]: component["version"] for component in bill["components"]}
    assert names == {supply.name_of(one): one.version for one in supply.here()}
    assert names["django"] == version("django")
    references = {"directory", *(component["bom-ref"] for component in bill["components"])}
    assert len(references) == len(names) + 1
    assert {entry["ref"] for entry in bill["dependencies"]} == references
    assert {needed for entry in bill["dependencies"] for needed in entry["dependsOn"]} <= references
    [own] = [entry for entry in bill["dependencies"] if entry["ref"] == "directory"]
    assert f"pkg:pypi/django@{names['django']}" in own["dependsOn"]
    assert "make sbom" in (settings.BASE_DIR / ".ci" / "run").read_text()


def test_an_audit_that_reaches_nobody_fails(tmp_path: Path) -> None:
    """Its failure is not swallowed on the way; and CI, which may have no network, does not run it."""
    tool = tmp_path / ".venv" / "tools" / "bin" / "pip-audit"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    tool.chmod(0o755)
    (tmp_path / ".venv" / "tools.stamp").touch()
    (tmp_path / "Makefile").write_text(MAKEFILE)
    ran = subprocess.run(
        ["make", "--silent", "--assume-old=.venv/tools.stamp", "audit"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "--strict" in ran.stdout
    assert "--requirement requirements.lock" in ran.stdout
    assert "audit" not in (settings.BASE_DIR / ".ci" / "run").read_text()
