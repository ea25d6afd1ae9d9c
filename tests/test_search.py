"""Search: what a company is found by and why, in which order, at which price."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from companies.dictionary import Word, recount
from companies.models import Company
from companies.queries import LEGAL
from directory.api.words import folded, words_of
from directory.models import Source
from directory.publishing import edit, publication
from tests.factories import make_company, make_hub, make_industry, make_specialty
from tests.lists import found, mistakes, search, slugs, walk

pytestmark = pytest.mark.django_db


@pytest.mark.complaint(26)
def test_single_letters_belong_together(api: Client) -> None:
    for name in ("D", "G", "D Soft", "G and sons of D"):
        make_company(name)
    assert found(api, "D & G") == found(api, "D&G") == []
    make_company("D & G Textiles")
    assert found(api, "D & G") == found(api, "D&G") == found(api, "DG") == ["d-g-textiles"]


# What a company is found by


@pytest.fixture
def cafe(db: None) -> Company:
    hub = make_hub("Lahore", aliases=["لاہور", "LHE"])
    ai = make_specialty("Artificial intelligence", aliases=["ai", "a.i."])
    return make_company(
        "Café Zêta Labs",
        legal_name="Zeta Labs Foods (SMC-Private) Limited",
        aliases=["زیٹا"],
        hub=hub,
        specialties=[ai],
        industries=[make_industry("Healthcare")],
        website="https://cafezeta.example/",
        summary="Invoices for dentists.",
        description="It began in a garage.\nIts C++ engine reads prescriptions.",
    )


@pytest.mark.parametrize(
    ("text", "field", "kind", "highlight"),
    [
        ("cafe zeta labs", "name", "exact", ["", "Café Zêta Labs", ""]),
        ("CAFÉ ZÊTA LABS (Pvt.) Ltd.", "name", "exact", ["", "Café Zêta Labs", ""]),
        ("CafeZeta", "name", "word", ["", "Café Zêta", " Labs"]),
        ("zeta", "name", "word", ["Café ", "Zêta", " Labs"]),
        ("zet", "name", "prefix", ["Café ", "Zêta", " Labs"]),
        ("foods zeta", "legal_name", "word", ["", "Zeta", " Labs ", "Foods", " (SMC-Private) Limited"]),
        ("Zeta Labs Foods", "legal_name", "exact", ["", "Zeta Labs Foods (SMC-Private) Limited", ""]),
        ("زيٹا", "aliases", "exact", ["", "زیٹا", ""]),
        ("cafezeta.example", "domain", "exact", ["", "cafezeta.example", ""]),
        ("https://www.cafezeta.example/", "domain", "exact", ["", "cafezeta.example", ""]),
        ("lahore", "hub", "word", ["", "Lahore", ""]),
        ("لاہور", "hub", "word", ["", "Lahore", ""]),
        ("A.I.", "specialties", "word", ["", "Artificial intelligence", ""]),
        ("helthcare", "industries", "typo", ["", "Healthcare", ""]),
        ("dentists", "summary", "word", ["Invoices for ", "dentists", "."]),
        ("garage", "description", "word", None),
        ("c++", "description", "word", None),
    ],
)
def test_each_result_says_why(
    api: Client, cafe: Company, text: str, field: str, kind: str, highlight: list[str] | None
) -> None:
    make_company("Another one", hub=None)
    answer = search(api, text)
    assert slugs([answer]) == [cafe.slug]
    [match] = answer["meta"]["match"]
    assert (match["field"], match["kind"]) == (field, kind)
    assert highlight is None or match["highlight"] == highlight


def test_what_is_found_deep_in_a_long_text_is_shown(api: Client) -> None:
    make_company("Systems", description="Sentence after sentence. " * 50 + "A needle is here. " + "And so on. " * 50)
    [match] = search(api, "needle")["meta"]["match"]
    assert match["highlight"][1] == "needle"
    assert len("".join(match["highlight"])) < 200
    assert match["highlight"][0].startswith("…")
    assert match["highlight"][-1].endswith("…")


def test_what_is_found_is_what_was_published(api: Client, cafe: Company) -> None:
    """Not what waits for publication."""
    Company.objects.filter(pk=cafe.pk).update(name="Renamed")
    assert found(api, "zeta") == [cafe.slug]
    assert found(api, "renamed") == []
    with publication(source=Source.ADMIN) as current:
        current.objects.add(("company", cafe.pk))
    assert found(api, "renamed") == [cafe.slug]
    edit(cafe, {}, source=Source.ADMIN, status="withdrawn")
    assert found(api, "renamed") == []


# Operators


@pytest.fixture
def firms(db: None) -> None:
    for name in ("Data Science House", "Science Data House", "Data Garden"):
        make_company(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"data science"', ["data-science-house"]),
        ('"Data-Science"', ["data-science-house"]),
        ('data "science"', ["data-science-house", "science-data-house"]),
        ("data -science", ["data-garden"]),
        ('data -"data science"', ["data-garden", "science-data-house"]),
        ('-garden -"science data" data', ["data-science-house"]),
        ("data - garden", ["data-garden"]),
        ('"dta"', []),
    ],
)
def test_phrases_and_exclusion(api: Client, firms: None, text: str, expected: list[str]) -> None:
    assert sorted(found(api, text)) == expected


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("q=", [("q", "empty_value")]),
        ("q=%F0%9F%8F%8F", [("q", "invalid_value")]),
        ("q=%26%26", [("q", "invalid_value")]),
        ("q=-data", [("q", "invalid_value")]),
        ("q=%22data", [("q", "invalid_value")]),
        ("q=a&q=b", [("q", "repeated_parameter")]),
        (f"q={'a' * 201}", [("q", "too_long")]),
        ("q=data&typo=maybe", [("typo", "unknown_value")]),
        ("typo=off", [("typo", "missing_parameter")]),
        ("q=%22&typo=off", [("q", "invalid_value")]),
        ("ordering=relevance", [("ordering", "missing_parameter")]),
    ],
)
def test_what_cannot_be_searched_for_is_refused(api: Client, query: str, errors: list[tuple[str, str]]) -> None:
    assert mistakes(api, f"companies/?{query}") == errors


def test_typing_errors_are_forgiven_unless_told_otherwise(api: Client) -> None:
    make_company("Arbisoft")
    for slip in ("arbisft", "arbiisoft", "arbisofd", "arbsioft", "arbisft lahore"):
        assert found(api, slip) == ["arbisoft"]
        assert found(api, slip, "&typo=on") == ["arbisoft"]
        assert found(api, slip, "&typo=off") == []
    assert found(api, "arbisoft", "&typo=off") == ["arbisoft"]


def test_a_word_that_is_known_is_what_is_meant(api: Client) -> None:
    """Careem is no slip for career as soon as there is a Careem."""
    make_company("Career")
    assert found(api, "careem") == ["career"]
    make_company("Careem")
    assert found(api, "careem") == ["careem"]


# Order and pages


def test_the_best_come_first(api: Client) -> None:
    make_company("Bits", summary="Its clients say: zeta is good.")
    make_company("Zeta Soft", specialties=[make_specialty("Data")])
    make_company("Pearl", aliases=["Zeta"])
    make_company("Greek letters", specialties=[make_specialty("Zeta functions")])
    make_company("Zetamax")
    make_company("Zeta (Pvt.) Ltd")
    best = ["zeta-pvt-ltd", "pearl", "zeta-soft", "zetamax", "greek-letters", "bits"]
    assert found(api, "zeta") == found(api, "zeta", "&ordering=relevance") == best
    assert found(api, "zeta", "&ordering=name") == sorted(
        best, key=lambda slug: Company.objects.get(slug=slug).name_key
    )


@pytest.mark.parametrize("rest", ["", "&typo=off", "&ordering=-name", "&hub=lahore"])
def test_pages_meet_each_result_once(api: Client, rest: str) -> None:
    with publication(source=Source.SYSTEM):
        for n in range(23):
            make_company(f"{'Zeta' if n % 3 else 'Soft'} {n % 5}", summary="zeta")
    whole = found(api, "zeta", f"{rest}&page_size=200")
    pages = list(walk(api, f"/api/v1/companies/?q=zeta{rest}&page_size=4"))
    assert slugs(pages) == whole
    assert len(set(whole)) == 23
    assert all(len(page["meta"]["match"]) == len(page["results"]) for page in pages)
    back = list(walk(api, f"/api/v1/companies/?q=zeta{rest}&page_size=4", "next"))[-1]
    assert slugs(reversed(list(walk(api, back["previous"], "previous")))) + slugs([back]) == whole
    assert slugs([search(api, "zeta", f"{rest}&page_size=4&page=3")]) == whole[8:12]


def test_a_search_goes_with_filters_and_is_counted(api: Client) -> None:
    make_company("Zeta", founded_year=1999)
    make_company("Zeta Soft", founded_year=2015)
    answer = search(api, "zeta", "&founded_year__gte=2010&count=exact")
    assert (slugs([answer]), answer["count"]) == (["zeta-soft"], 1)
    assert "match" not in api.get("/api/v1/companies/").json()["meta"]


# Cost


def test_a_search_costs_two_queries(
    api: Client, forget: Callable[[], None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The words that may be meant, the page; at first the revision, and the vocabularies once each at a revision."""
    make_company("Systems", summary="Invoices for dentists.")
    found(api, "dentists")
    with django_assert_num_queries(2):
        found(api, "invoices dentists")
    with django_assert_num_queries(1):
        found(api, "invoices dentists")
    forget()
    with django_assert_num_queries(6):
        found(api, "invoices dentists")


def test_letters_of_other_alphabets_cost_three_more(
    api: Client, cafe: Company, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """What is asked for, what the page says and what of it is shown, each folded by the database at once."""
    found(api, "dentists")
    with django_assert_num_queries(5):
        assert found(api, "zêta") == [cafe.slug]


# The dictionary


def test_the_dictionary_follows_every_publication(cafe: Company) -> None:
    def companies(word: str) -> int:
        return sum(Word.objects.filter(word=word).values_list("companies", flat=True))

    assert (companies("zeta"), companies("dentists")) == (1, 1)
    make_company("Zeta Soft")
    assert companies("zeta") == 2
    edit(cafe, {"summary": "Invoices for doctors."}, source=Source.ADMIN)
    assert (companies("zeta"), companies("dentists"), companies("doctors")) == (2, 0, 1)
    with publication(source=Source.ADMIN):
        Company.objects.get(pk=cafe.pk).delete()
    assert (companies("zeta"), companies("doctors")) == (1, 0)
    counted = dict(Word.objects.filter(companies__gt=0).values_list("word", "companies"))
    recount()
    assert dict(Word.objects.values_list("word", "companies")) == counted
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE companies_company CASCADE")
    assert not Word.objects.exists()


# Words


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(max_codepoint=126, exclude_characters="\0"), max_size=40),
    st.text(st.sampled_from("aZé9 '’.-+#&\u0654کيہ،۔🏏\u200c\u00adß½ﬁＡ٣"), max_size=20),
).filter(lambda text: "\0" not in text and text.isprintable())


@given(TEXTS)
@example("C++, C#, .NET and ASP.NET")
@example("`it's` a.net .net.net")
def test_words_are_those_of_the_database(shared_rows: None, text: str) -> None:
    """What is searched for and what is highlighted are split as what is found."""
    assert [" ".join(*words_of([text]))] == [" ".join(line.split()) for line in folded([text])]


@given(TEXTS)
def test_words_stay_what_they_are(shared_rows: None, text: str) -> None:
    [words] = words_of([text])
    assert words_of([" ".join(words)]) == [words]


def test_the_database_and_we_drop_the_same_legal_forms() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc || pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'company_search'")
        definition = cursor.fetchone()[0]
    assert all(f"'{word}'" in definition for word in LEGAL | {"and"})


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("abcdefgh"), min_size=4, max_size=12), st.data())
def test_one_slip_is_forgiven_wherever_it_is(api: Client, shared_rows: None, name: str, data: st.DataObject) -> None:
    """A letter too many, too few, another one, or two that changed places."""
    Company.objects.all().delete()
    company = make_company(name.capitalize(), hub=None, website="")
    at = data.draw(st.integers(0, len(name) - 1))
    slips = [name[:at] + "z" + name[at:], name[:at] + "z" + name[at + 1 :]]
    slips += [name[:at] + name[at + 1 :]] if len(name) > 4 else []
    slips += [name[:at] + name[at + 1] + name[at] + name[at + 2 :]] if at + 1 < len(name) else []
    assert found(api, data.draw(st.sampled_from(slips))) == [company.slug]
