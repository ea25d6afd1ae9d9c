"""What the layout promises: imports run one way, one place reads the environment, no signals, no junk drawers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
APPS = ("directory", "hubs", "companies", "partners")
SOURCES = sorted(
    path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.relative_to(ROOT).parts
)
# May name every app, and are named by nobody but the settings and each other.
TOP = {"directory.settings", "directory.urls", "directory.wsgi", "directory.tasks", "directory.serving"}
TOP_FOLDERS = ("directory.management",)
JUNK = {"utils", "helpers", "common", "core", "misc", "services"}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module or ""


def is_top(name: str) -> bool:
    return name in TOP or name.startswith(TOP_FOLDERS)


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_imports_run_one_way(path: Path) -> None:
    """directory ← hubs ← companies ← partners: an app imports itself and those before it."""
    importer = module(path)
    if is_top(importer):
        return
    allowed = APPS[: APPS.index(importer.split(".")[0]) + 1]
    for imported in imports(path):
        app = imported.split(".")[0]
        assert app not in APPS or app in allowed, f"{importer} imports {imported}"
        assert imported not in TOP, f"{importer} imports {imported}"


@pytest.mark.parametrize("path", [p for p in SOURCES if "api" in p.parts], ids=module)
def test_the_api_package_knows_no_app(path: Path) -> None:
    """What every endpoint shares stands on the published base class and on nothing above it."""
    for imported in imports(path):
        assert not imported.startswith(("hubs", "companies", "partners", "directory.publishing", "directory.views"))


def test_one_place_reads_the_environment() -> None:
    """settings.py reads it; manage.py and wsgi.py only say where the settings are; serve hands it to its children."""
    readers = {
        str(path.relative_to(ROOT))
        for path in (*SOURCES, ROOT / "manage.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
    }
    assert readers <= {"directory/settings.py", "directory/wsgi.py", "directory/serving.py", "manage.py"}


def test_no_signals() -> None:
    for path in SOURCES:
        found = [name for name in imports(path) if "signals" in name or name.endswith("dispatch.receiver")]
        assert not found, f"{path}: {found}"


def test_no_generic_relations() -> None:
    for path in SOURCES:
        assert "GenericForeignKey" not in path.read_text(), path


def test_a_module_is_a_concept() -> None:
    assert not [path for path in SOURCES if path.stem in JUNK]


def test_the_url_map_fits_on_a_screen() -> None:
    assert len((ROOT / "directory" / "urls.py").read_text().splitlines()) <= 90


@pytest.mark.security(17)
def test_every_serializer_lists_its_fields() -> None:
    from directory.models import kinds
    from directory.publishing import serializer_class

    for model in kinds().values():
        assert isinstance(serializer_class(model).Meta.fields, list)
