"""Fuzzing: what a stranger may send, any bytes in any place, breaks nothing."""

from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.api.listing import PARAMETERS
from tests.factories import make_company
from tests.lists import VIEWSETS

pytestmark = pytest.mark.django_db

# Percent-encoded, and where they hurt rather than anywhere.
NASTY = ["\0", "%", "_", "\\", "'", '"', "\ud800", "🏏", "کراچی", "\u202e", "\n", "-0", "1e400", "9" * 40, "-9" * 15]
NASTY += ["NaN", "0000-00-00", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "true", "00000aa00", ","]
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(max_size=8), st.integers().map(str), st.dates().map(str))
BYTES = st.one_of(TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=8))
HEADERS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    collection = draw(st.sampled_from(list(VIEWSETS)))
    names = [*VIEWSETS[collection].filterset_class.parameters, *PARAMETERS, "as_of"]
    name = st.one_of(st.sampled_from(names), st.sampled_from(names), TEXTS)
    pairs = draw(st.lists(st.tuples(name.map(lambda n: n.encode("utf-8", "surrogatepass")), BYTES), max_size=3))
    key = draw(st.one_of(st.just(""), BYTES.map(lambda raw: f"{quote(raw, safe='')}/"), st.just("systems-limited/")))
    key += draw(st.sampled_from(["", "", "history/", "similar/"])) if key else ""
    query = "&".join(f"{quote(parameter)}={quote(value)}" for parameter, value in pairs)
    return f"/api/v1/{collection}/{key}?{query}"


@pytest.fixture(scope="module")
def company(shared_rows: None) -> None:
    make_company(founded_year=1977, employees_min=5000)


@pytest.mark.security(19)
@pytest.mark.complaint(20)
@settings(max_examples=600, deadline=None)
@given(addresses(), st.fixed_dictionaries({}, optional={"accept": HEADERS, "if-none-match": HEADERS}))
def test_nothing_that_is_asked_breaks_anything(api: Client, company: None, url: str, headers: dict[str, str]) -> None:
    """No input gives 5xx, and whatever is refused is refused in the one shape."""
    response = api.get(url, headers=headers)
    assert response.status_code in (200, 304, 308, 400, 404, 406), url
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json; charset=utf-8"
        assert response.json()["status"] == response.status_code
