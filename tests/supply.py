"""What is installed to serve the directory: ``python -m tests.supply`` prints its bill of materials (CycloneDX 1.6).

It is that of requirements.lock on this platform: names, versions, licences, and who needs whom.
"""

import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import orjson
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
LINE = re.compile(r"^([a-z0-9-]+)==([^ ;]+)(?: ; (.+?))?((?: +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
# What packages of before PEP 639 call their licence, where they say one in words → its SPDX expression.
IN_WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT",
    "MPL-2.0": "MPL-2.0",
    "MPL-2.0 AND MIT": "MPL-2.0 AND MIT",
    "PSFL": "PSF-2.0",
}
# Those that say nothing there that a program can read → what the licence in the package is.
AS_READ = {"fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0", "procrastinate": "MIT", "sqlparse": "BSD-3-Clause"}


def locked(path: Path = LOCK) -> dict[str, tuple[str, str, int]]:
    """Name → (version, marker, number of hashes) of each line of a lock."""
    lines = LINE.findall(path.read_text().replace("\\\n", ""))
    return {name: (version, marker, hashes.count("sha256:")) for name, version, marker, hashes in lines}


def here() -> list[Distribution]:
    """What of the lock is for this platform."""
    return [
        distribution(name)
        for name, (_, marker, _) in locked().items()
        if not marker or Marker(marker).evaluate({"extra": ""})
    ]


def name_of(package: Distribution) -> str:
    return canonicalize_name(package.metadata["Name"])


def licence_of(package: Distribution) -> str:
    """The SPDX expression of its licence; empty where nobody has said what it is."""
    metadata: Any = package.metadata
    said = metadata.get("License-Expression") or IN_WORDS.get(metadata.get("License") or "", "")
    return said or AS_READ.get(name_of(package), "")


def needed_by(package: Distribution, known: set[str]) -> list[str]:
    """The names of what it needs, of those that are ``known``."""
    requirements = [Requirement(text) for text in package.requires or []]
    return sorted({canonicalize_name(requirement.name) for requirement in requirements} & known)


def bill() -> dict[str, Any]:
    """The bill of materials, the same for the same lock and platform."""
    packages = {name_of(package): package for package in here()}
    urls = {name: f"pkg:pypi/{name}@{package.version}" for name, package in packages.items()}
    chosen = {
        canonicalize_name(Requirement(line.partition("#")[0]).name)
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    components = [
        {
            "type": "library",
            "bom-ref": urls[name],
            "name": name,
            "version": package.version,
            "purl": urls[name],
            "licenses": [{"expression": licence_of(package)}],
        }
        for name, package in sorted(packages.items())
    ]
    needs = {"directory": sorted(chosen)} | {
        urls[name]: needed_by(package, set(packages)) for name, package in sorted(packages.items())
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "directory", "name": "directory"}},
        "components": components,
        "dependencies": [
            {"ref": reference, "dependsOn": [urls[name] for name in names]} for reference, names in needs.items()
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(orjson.dumps(bill(), option=orjson.OPT_INDENT_2).decode() + "\n")
