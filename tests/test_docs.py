"""The documentation leaves nothing out: every variable, parameter, ordering and link."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from directory.urls import router

DOCS = sorted(settings.BASE_DIR.glob("*.md")) + sorted((settings.BASE_DIR / "docs").glob("*.md"))
API = (settings.BASE_DIR / "docs" / "api.md").read_text()


def cells(text: str, heading: str, row: str) -> set[str]:
    """What stands in backticks in a row of the table under a heading, or in a line that begins so."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    [line] = [line for line in section.splitlines() if line.startswith(row)]
    return set(re.findall(r"`([^`]+)`", line))


@pytest.mark.parametrize(("collection", "view"), [(prefix, view) for prefix, view, _ in router.registry])
def test_every_parameter_and_ordering_is_documented(collection: str, view: Any) -> None:
    everywhere = cells(API, "Filters", "Every collection: ")
    assert everywhere | cells(API, "Filters", f"| {collection} ") == set(view.filterset_class.filters)
    documented = cells(API, "Order", "| all ")
    if f"| {collection} " in API.split("## Order\n")[1].split("\n## ")[0]:
        documented |= cells(API, "Order", f"| {collection} ")
    plain = {name for name in view.orderings if not name.startswith("-")}
    assert {name for name in documented if not name.startswith("-")} == plain
    assert all("," in name or f"-{name}" in view.orderings for name in plain)


def test_every_variable_is_documented() -> None:
    source = (settings.BASE_DIR / "directory" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\("(\w+)"', source))
    running = (settings.BASE_DIR / "docs" / "running.md").read_text()
    rows = [line.split("|")[1] for line in running.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == read


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("name", ["partners.md", "api.md", "mirror.py"])
def test_who_has_no_copy_of_the_project_reads_it_here(client: Client, settings: Any, name: str) -> None:
    settings.SITE_URL = "https://directory.example"
    response = client.get(f"/docs/{name}")
    text = response.content.decode()
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert text == (settings.BASE_DIR / "docs" / name).read_text().replace("http://127.0.0.1:8000", settings.SITE_URL)
    assert "https://directory.example/api/v1/" in text
    assert client.post(f"/docs/{name}").status_code == 405
    for other in ("running.md", "..%2fmanage.py", "partners.md%00"):
        assert client.get(f"/docs/{other}").status_code == 404
