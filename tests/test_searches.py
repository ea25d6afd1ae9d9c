"""What people type into a search: they find whom they mean, and nobody rather than somebody else.

``searches.csv`` holds names as maps and portals write them, abbreviations, slips and Urdu, each with the companies of
the starter directory that a person would expect. Without any, nobody has to be found.
"""

import csv
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from companies.models import Company
from tests.lists import found

pytestmark = pytest.mark.django_db

SEARCHES = list(csv.DictReader((settings.BASE_DIR / "tests" / "searches.csv").read_text().splitlines()))
PRECISION_AT_1, RECALL_AT_5 = 0.98, 0.95


@pytest.mark.complaint(26)
def test_people_find_what_they_mean(api: Client, starter_directory: None) -> None:
    """Judged by labels, those with nobody to be found among them."""
    assert len(SEARCHES) >= 150
    expected = {case["query"]: set(filter(None, case["expected"].split(";"))) for case in SEARCHES}
    answers = {text: found(api, text, "&page_size=5") for text in expected}
    right = {text: answers[text][0] in expected[text] if answers[text] else not expected[text] for text in expected}
    wrong = [text for text, is_right in right.items() if not is_right]
    recalls = [
        len(wanted.intersection(answers[text])) / min(5, len(wanted)) for text, wanted in expected.items() if wanted
    ]
    assert 1 - len(wrong) / len(right) >= PRECISION_AT_1, wrong
    assert sum(recalls) / len(recalls) >= RECALL_AT_5


def test_every_label_is_a_company(starter_directory: None) -> None:
    labels = {slug for case in SEARCHES for slug in case["expected"].split(";") if slug}
    assert labels <= set(Company.objects.values_list("slug", flat=True))
    assert len({case["query"] for case in SEARCHES}) == len(SEARCHES)
    assert sum(not case["expected"] for case in SEARCHES) >= 20


QUERIES = st.one_of(
    st.text(max_size=30),
    st.text(st.sampled_from("ab1 -\"'&|!():*<>\\%_,;+#.@/کé🏏"), max_size=200),
    st.lists(
        st.sampled_from(["data", '"', "-", "zeta", "&", "لاہور", "1", "a", "|", ":*", "(", "'"]), max_size=40
    ).map(" ".join),
)


@pytest.mark.complaint(20)
@hypothesis_settings(max_examples=300, deadline=None)
@given(QUERIES)
@example('"' * 200)
@example("-" * 200)
@example("a " * 100)
@example("'a':*B & !b")
def test_nothing_that_is_searched_for_breaks_anything(api: Client, starter_directory: None, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    response = api.get(f"/api/v1/companies/?q={quote(raw, safe='')}")
    assert response.status_code in (200, 400), response.content
    if response.status_code == 200:
        answer = response.json()
        assert len(answer["meta"]["match"]) == len(answer["results"])
        for match, row in zip(answer["meta"]["match"], answer["results"], strict=True):
            assert "".join(match["highlight"]).strip("…") in str(row[match["field"]]) or isinstance(
                row[match["field"]], list
            )
