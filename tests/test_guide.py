"""The guide's calls work: those in blocks as they stand, those within sentences where their section says.

Answers that are shown may be shortened; what they show is true of the starter directory.
"""

import json
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from companies.models import Company
from directory.models import Revision, is_id
from tests.lists import assert_shortened

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter_directory")]

GUIDE = (settings.BASE_DIR / "docs" / "api.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##+ |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
BLOCKS = re.findall(r"```\n(curl .+?)\n```(?:\n```json\n(.*?)\n```)?", GUIDE, re.DOTALL)
# Where the queries of a section are asked; a list unless it says another.
FOLLOWING = {"Changes": "changes/", "Snapshot": "snapshot/", "Digests": "digest/"}
PLACES = {"Statistics": "stats/", "Completions": "suggest/", "History": "companies/devsinc/", **FOLLOWING}
INLINE = [
    (section, code)
    for section, text in SECTIONS.items()
    for code in re.findall(r"`((?:/api/v1/|[a-z_]+=)[^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
]


def request(api: Client, command: str) -> Any:
    """What curl would get; ``--header`` and ``--json`` alone of its options make a difference to the answer."""
    words = shlex.split(command)
    headers = dict(words[n + 1].split(": ", 1) for n, word in enumerate(words) if word == "--header")
    [url] = [word for word in words if word.startswith("http://127.0.0.1:8000/")]
    parts = urlsplit(url)
    if "--json" in words:
        return api.post(parts.path, words[words.index("--json") + 1], content_type="application/json")
    return api.get(f"{parts.path}?{parts.query}", headers=headers)


def test_every_section_shows_a_call() -> None:
    assert [section for section, text in SECTIONS.items() if "\ncurl " not in text] == ["The list"]


@pytest.mark.parametrize(("command", "answer"), BLOCKS, ids=[command[5:70] for command, _ in BLOCKS])
def test_calls_answer_as_the_guide_says(api: Client, command: str, answer: str) -> None:
    response = request(api, command)
    shown = json.loads(answer) if answer else {}
    expected = 201 if "/suggestions/" in command else 200
    assert response.status_code == (shown["status"] if "code" in shown else expected)
    if response.streaming:
        assert list(response.streaming_content)
    else:
        assert_shortened(shown, response.json())


@pytest.mark.parametrize(("section", "code"), INLINE, ids="{}".format)
def test_what_is_quoted_works(api: Client, section: str, code: str) -> None:
    url = code if code.startswith("/api/v1/") else f"/api/v1/{PLACES.get(section, 'companies/')}?{code}"
    if code == "ordering=relevance":
        url += "&q=tech"  # what it orders
    url = re.sub(r"as_of=\d+", f"as_of={Revision.objects.current()}", url)  # numbers differ between directories
    url = "/".join(own_id() if is_id(word) else word for word in url.split("/"))
    response: Any = api.get(url)
    assert response.status_code == 200, response
    assert b"".join(response) if response.streaming else response.content


def own_id() -> str:
    return str(Company.objects.get(slug="devsinc").public_id)
