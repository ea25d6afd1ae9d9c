"""What becomes of dirty values: placed where they belong, reported where they do not, never guessed."""

import csv
import datetime
from pathlib import Path

import pytest
from django.core.validators import URLValidator
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from companies.cleaning import Unplaced, choose_fields, clean_company, unknown_columns
from companies.naming import (
    DESCRIBING,
    TELLING,
    TOO_GENERIC,
    CleanName,
    UnusableNameError,
    clean_name,
    is_plain,
    taken_apart,
)
from companies.text import fold, is_missing, squash
from companies.values import clean_employees, clean_rate, clean_stage, clean_status, clean_website, clean_year
from companies.vocabulary import Term, Vocabularies, Vocabulary
from directory.websites import ORDINARY, bare_domain, suffixes

STARTER = Path(__file__).parent.parent / "starter"


def read_starter(name):
    with (STARTER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def vocabularies():
    return Vocabularies(
        hubs=Vocabulary.from_rows(read_starter("hubs")),
        specialties=Vocabulary.from_rows(read_starter("specialties")),
        industries=Vocabulary.from_rows(read_starter("industries")),
    )


# Text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  Café\u00a0 LAHORE\n", "cafe lahore"),
        ("ＫＨＩ", "khi"),
        ("Straße", "strasse"),
        ("Cafe\u0301", "cafe"),
        ("\u0643\u0631\u0627\u0686\u064a", "کراچی"),  # typed on an Arabic keyboard
        ("\ufeffPeshawar\u200b", "peshawar"),
    ],
)
def test_texts_are_compared_without_case_accents_and_width(text, folded):
    assert fold(text) == folded


def test_kept_text_keeps_case_and_accents_but_no_control_characters():
    assert squash(" Cafe\u0301\x00\tLahore ") == "Café Lahore"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "-",
        "--",
        "—",
        "n/a",
        "N.A.",
        "#N/A",
        "NaN",
        "nil",
        "None",
        "NULL",
        "unknown",
        "(unknown)",
        "tbd",
        "?",
        "...",
        "\ufffd",
        "\ufffd\ufffd",
        "·",
        "not available",
        "\xa0",
    ],
)
def test_fake_nulls_say_nothing(text):
    assert is_missing(text)


@pytest.mark.parametrize("text", ["0", "Nilsoft", "NA Systems", "کراچی", "C"])
def test_short_values_are_not_fake_nulls(text):
    assert not is_missing(text)


# Names


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Bestosoft | Best software House in Gujranwala", "Bestosoft"),
        ("Bestosoft- The best software house in Pakistan", "Bestosoft"),
        ("IvisionsTech Software House ( SEO | Website & App Design)", "IvisionsTech Software House"),
        ("Rana Technologies. Web Development Lahore", "Rana Technologies"),
        ("M5HOST WEB DEVELOPMENT COMPANY ISLAMABAD", "M5HOST"),
        ("OSys Technologies- A Software Solution Company", "OSys Technologies"),
        ("Aish Tycoons (Web Development Company)", "Aish Tycoons"),
        ("Adam Tech(Software House)", "Adam Tech"),
        ("M/I tech solution ( SOFTWARE HOUSE )", "M/I tech solution"),
        ("TechSol An IT Firm", "TechSol"),
        ("Digital Clad best software house in Pakistan", "Digital Clad"),
        ("SkimCode-Software House", "SkimCode"),
        ("SyberEdge: Point of Sale Software Development", "SyberEdge"),
        ("Vaival Technologies - Headquarter", "Vaival Technologies"),
        ("IT Genesis -- The Best Software House in Lahore | The Best Software Company", "IT Genesis"),
        (
            "Website & Mobile App Development Company | Software Company Karachi | High On Cyber",
            "High On Cyber",
        ),
        (
            "Software house, website designing and production house in Karachi - Spectrum Tech",
            "Spectrum Tech",
        ),
        ("Google workspace in Karachi Pakistan - WEBITECH", "WEBITECH"),
        ("Standard Solutions, Gujranwala, Punjab, Pakistan", "Standard Solutions"),
        ("Mirza's House, Software Development, Web Development", "Mirza's House"),
        ("Quaid Soft ® | A Real Estate Software", "Quaid Soft"),
        ("Devsinc (Islamabad)", "Devsinc"),
        ("Afiniti Karachi", "Afiniti"),
        ("Appsians.", "Appsians"),
    ],
)
def test_slogans_and_branches_are_cut(raw, name):
    assert clean_name(raw) == CleanName(name)


@pytest.mark.parametrize(
    "name",
    [
        "9D Technologies & Imagination AI",
        "Let's Outsource",
        "Truck It In",
        "Howmuch, Foodnerd",
        "MR.MAH SOFTWARE SOLUTIONS",
        "Q-Soft Technologies",
        "AKSA-SDS",
        "E-strats",
        "Zameen.com",
        "Nisum Pakistan",
        "Pakistan Online Services",
        "Design Studio",
        "The Right Software",
        "Sentaxlab Software Company",
        "PerStack Software House & Solutions",
        "Islamabad Soft",
        "کراچی سافٹ",
    ],
)
def test_real_names_are_left_alone(name):
    assert clean_name(name) == CleanName(name)


@pytest.mark.parametrize(
    ("raw", "name", "legal_name"),
    [
        (
            "ALYYLA SOLUTIONS (SMC-PRIVATE) Limited",
            "ALYYLA SOLUTIONS",
            "ALYYLA SOLUTIONS (SMC-PRIVATE) Limited",
        ),
        ("Let's Outsource (SMC PVT LTD)", "Let's Outsource", "Let's Outsource (SMC PVT LTD)"),
        ("Techozon SMC PVT LTD", "Techozon", "Techozon SMC PVT LTD"),
        ("PMS (Pvt.)Ltd. (Registered Office)", "PMS", "PMS (Pvt.)Ltd."),
        ("KeyDevs Technologies Pvt. Ltd. Lahore", "KeyDevs Technologies", "KeyDevs Technologies Pvt. Ltd."),
        ("Enabling Systems  Pvt. Ltd | Software House", "Enabling Systems", "Enabling Systems Pvt. Ltd"),
        ("Vorksol pvt.ltd", "Vorksol", "Vorksol pvt.ltd"),
        ("Sassol Private Ltd", "Sassol", "Sassol Private Ltd"),
        ("Stepnex Services (pvt)", "Stepnex Services", "Stepnex Services (pvt)"),
        (
            "Software Company (LUITECH SYSTEMS (PVT) Ltd.) Saddar",
            "LUITECH SYSTEMS",
            "LUITECH SYSTEMS (PVT) Ltd.",
        ),
        ("Burq, Inc.", "Burq", "Burq, Inc."),
        ("XAutonomous L.L.C", "XAutonomous", "XAutonomous L.L.C"),
        ("Quanrio LLP", "Quanrio", "Quanrio LLP"),
        ("Telecard Limited", "Telecard", "Telecard Limited"),
        ("Systems Limited", "Systems Limited", "Systems Limited"),
        ("Systems Limited, Islamabad", "Systems Limited", "Systems Limited"),
        ("The Tech Inc.", "The Tech Inc.", "The Tech Inc."),
    ],
)
def test_a_legal_form_makes_the_whole_the_legal_name(raw, name, legal_name):
    assert clean_name(raw) == CleanName(name, legal_name)


@pytest.mark.parametrize(
    ("raw", "name", "alias"),
    [
        ("Disrupt.com (formerly Gaditek)", "Disrupt.com", "Gaditek"),
        ("Disrupt.com, formerly known as Gaditek", "Disrupt.com", "Gaditek"),
        ("AL-Rehman Technologies (ART)", "AL-Rehman Technologies", "ART"),
        ("Strategic Systems International (SSI)", "Strategic Systems International", "SSI"),
        ("ALBAB Creators/ ALBAB Technology", "ALBAB Creators", "ALBAB Technology"),
    ],
)
def test_second_names_become_aliases(raw, name, alias):
    assert clean_name(raw) == CleanName(name, aliases=(alias,))


@pytest.mark.parametrize(
    "raw",
    [
        "Software House",
        "BEST SOFTWARE HOUSE",
        "Software House in Islamabad",
        "Pakistan Best Software Company",
        "Website Developers in Lahore | Pakistan",
        "Web and App Development Company Rawalpindi",
        "Lahore",
        "x" * 201,
    ],
)
def test_a_name_that_names_nobody_is_refused(raw):
    with pytest.raises(UnusableNameError, match=r"^name: "):
        clean_name(raw)


@pytest.mark.parametrize("form", ["", " (Pvt.) Ltd.", " (Private) Limited"])
@hypothesis_settings(max_examples=200, deadline=None)
@given(
    name=st.lists(
        st.sampled_from([*sorted(DESCRIBING | TOO_GENERIC | TELLING), "Zorvex", "10x", "smcpvt", "privateltd"])
        | st.text("aBin1", min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    ).map(" ".join)
)
def test_a_plain_name_is_what_taking_it_apart_gives(form, name):
    if is_plain(name):
        assert clean_name(name + form) == taken_apart(name + form) == CleanName(name, form and name + form)


# Values


HOST_PARTS = st.sampled_from(
    ["com", "net", "pk", "tech", "vercel", "app", "www", "b-c", "é", "a。b", "1", "xn--p1ai", ""]
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(HOST_PARTS, min_size=1, max_size=4).map(".".join))
def test_a_domain_is_what_the_list_of_suffixes_says(host):
    host = host.strip(".")
    assert bare_domain(f"https://{host}/") == (suffixes(host).top_domain_under_public_suffix or host)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.from_regex(ORDINARY, fullmatch=True))
def test_an_ordinary_address_is_one_that_a_closer_look_takes(website):
    URLValidator(schemes=["http", "https"])(website)


@pytest.mark.parametrize(
    ("raw", "website"),
    [
        ("https://10pearls.com", "https://10pearls.com/"),
        ("HTTP://WWW.Objects.PK/About?x=1", "http://www.objects.pk/About?x=1"),
        ("see.biz", "https://see.biz/"),
        ("//see.biz/", "https://see.biz/"),
        ("https://foo.pk/?utm_source=maps&page=2&utm_medium=x&gclid=1", "https://foo.pk/?page=2"),
        ("https://foo.pk:8443/a", "https://foo.pk:8443/a"),
        ("https://foo.pk./#top", "https://foo.pk/"),
        ("https://kodrz-mannananxari.vercel.app/", "https://kodrz-mannananxari.vercel.app/"),
    ],
)
def test_websites_are_normalised(raw, website):
    assert clean_website(raw) == website


@pytest.mark.parametrize(
    "raw",
    [
        "n/a",
        "coming soon",
        "ftp://foo.pk/",
        "javascript:alert(1)",
        "info@foo.pk",
        "mailto:info@foo.pk",
        "localhost",
        "http://0000000000.com/",
        "http://127.0.0.1/",
        "https://example.com",
        "http://foo",
        "https://foo .pk",
        "https://user:secret@foo.pk/",
        "http://[foo",
        "http://foo.pk:99999/",
        "https://" + "a" * 500 + ".pk",
        "https://web.facebook.com/devvalley001",
        "https://www.google.com/aclk?sa=l",
        "https://www.fiverr.com/aftech",
    ],
)
def test_no_website_is_made_up(raw):
    assert clean_website(raw) is None


@pytest.mark.parametrize(
    ("raw", "employees"),
    [
        ("50-249", (50, 249)),
        ("1,000 – 5,000", (1000, 5000)),
        ("50 to 100 employees", (50, 100)),
        ("500+", (500, None)),
        ("1400 +", (1400, None)),
        ("more than 500", (500, None)),
        ("> 500", (500, None)),
        ("5k+", (5000, None)),
        ("under 10", (1, 9)),
        ("<10", (1, 9)),
        ("up to 10 people", (1, 10)),
        ("~40", (40, 40)),
        ("25", (25, 25)),
    ],
)
def test_employees_are_a_range(raw, employees):
    assert clean_employees(raw) == employees


@pytest.mark.parametrize(
    "raw",
    [
        "startup",
        "small",
        "10-Nov",
        "Nov-50",
        "-43",
        "0",
        "0-5",
        "249-50",
        "<1",
        "500+-600",
        "10-20-30",
        "9" * 12,
        "",
    ],
)
def test_no_number_of_employees_is_made_up(raw):
    assert clean_employees(raw) is None


@pytest.mark.parametrize("raw", ["2004", "2004.0", "est. 2004", "Founded in 2004", "2004-05-01", "۲۰۰۴"])
def test_the_year_is_found(raw):
    assert clean_year(raw) == 2004


@pytest.mark.parametrize("raw", ["04", "1699", "20040", "2004/2010", "long ago", ""])
def test_no_year_is_made_up(raw):
    assert clean_year(raw) is None


def test_a_year_to_come_is_no_founding_year():
    this_year = datetime.date.today().year
    assert clean_year(str(this_year)) == this_year
    assert clean_year(str(this_year + 1)) is None


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("Seed", "startup"),
        ("Pre-Seed", "startup"),
        ("Series B", "startup"),
        ("Start-up", "startup"),
        ("Public", "established"),
        ("established", "established"),
        ("Series", None),
        ("grown up", None),
    ],
)
def test_stages_tell_the_kind(raw, kind):
    assert clean_stage(raw) == kind


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("active", "active"),
        ("Public", "active"),
        ("scaled back", "active"),
        ("distressed", "active"),
        ("acquired", "acquired"),
        ("Closed", "closed"),
        ("shut-down", "closed"),
        ("suspended", None),
        ("licence revoked", None),
        ("rumoured", None),
    ],
)
def test_statuses_tell_whether_a_company_operates(raw, status):
    assert clean_status(raw) == status


# Vocabularies


@pytest.mark.parametrize(
    ("text", "hub"),
    [
        ("KHI", "karachi"),
        ("کراچی", "karachi"),
        ("gulshan e iqbal", "karachi"),
        ("Karachi Gulistan-E-Jouhar (Kp-2023)", "karachi"),
        ("Lahore Gpo", "lahore"),
        ("Model Town Lahore", "lahore"),
        ("Plot 4, Blue Area, Islamabad, Pakistan", "islamabad"),
        ("پشاور", "peshawar"),
        ("Gujrat", "gujrat"),
        ("Gujranwala", "gujranwala"),
        ("Rawalpindi / Islamabad", None),
        ("Karachiwala", None),
        ("Dubai", None),
    ],
)
def test_places_belong_to_a_hub(vocabularies, text, hub):
    assert vocabularies.find_hub(text) == hub


@pytest.mark.parametrize(
    ("tag", "specialties", "industries"),
    [
        ("React & Node", ["front-end-development", "javascript-development"], []),
        ("Web, Mobile & EdTech", ["web-development", "mobile-development"], ["education"]),
        ("Kubernetes / DevOps", ["devops"], []),
        (
            "Mobile (React Native/Flutter)",
            ["mobile-development", "cross-platform-mobile-development"],
            [],
        ),
        ("NodeJS Backends", ["javascript-development"], []),
        ("Golang Web APIs", ["go-development"], []),
        ("UI/UX Architecture", ["ui-ux-design"], []),
        (".NET Core & C#", ["dotnet-development"], []),
        ("C++ Programming", ["cpp-development"], []),
        ("Point of Sale (POS)", ["point-of-sale"], []),
        ("مصنوعی ذہانت", ["artificial-intelligence"], []),
        ("mobile app developmen", ["mobile-development"], []),
        ("fintech", [], ["financial-services"]),
        ("used cars", [], ["mobility"]),
        ("e-commerce", ["ecommerce-development"], []),
    ],
)
def test_tags_are_placed(vocabularies, tag, specialties, industries):
    placement = vocabularies.place(tag)
    assert (placement.specialties, placement.industries, placement.unplaced) == (specialties, industries, [])


@pytest.mark.parametrize("tag", ["TTMS", "Twitter Applications", "FYP Ideas", "it", "webbing", "Veevo SMS API"])
def test_tags_that_fit_nowhere_stay_unplaced(vocabularies, tag):
    placement = vocabularies.place(tag)
    assert not placement
    assert placement.unplaced == [tag]


def test_the_rest_of_a_placed_tag_is_reported(vocabularies):
    placement = vocabularies.place("Custom Charts & Canvas")
    assert placement.specialties == ["data-visualization"]
    assert placement.unplaced == ["Canvas"]


def test_a_word_of_both_vocabularies_goes_where_its_column_prefers(vocabularies):
    assert vocabularies.place("E-commerce", prefer="industries").industries == ["retail"]
    assert vocabularies.place("AI/ML", prefer="industries").specialties == ["artificial-intelligence"]


def test_an_alias_claimed_twice_finds_neither_and_a_name_outranks_it():
    vocabulary = Vocabulary(
        (
            Term("mingora", "Mingora", ("Swat", "Valley")),
            Term("swat", "Swat"),
            Term("hunza", "Hunza", ("valley",)),
        )
    )
    assert vocabulary.find("VALLEY") is None
    assert vocabulary.find("Swat") == "swat"
    assert vocabulary.clashes == {"valley": {"mingora", "hunza"}, "swat": {"mingora", "swat"}}


# Rows


def test_a_row_becomes_a_patch(vocabularies):
    clean = clean_company(
        {
            "Name": "Acme Software (Pvt.) Ltd. - Software House in Lahore",
            "city": "LHE",
            "other_cities": "Karachi Gpo;lahore;ISB;Atlantis",
            "website": "acme.pk",
            "Founded Year": "2004.0",
            "tags": "React Frontends;fintech;TTMS;react",
            "sector": "BPO",
            "employees": "50+",
            "stage": "Seed",
            "status": "suspended",
            "summary": " Writes  software. ",
            "sources": "public list;example.pk/list;public list",
            "rating": "4.5",
        },
        vocabularies,
    )
    assert clean.patch == {
        "name": "Acme Software",
        "legal_name": "Acme Software (Pvt.) Ltd.",
        "kind": "startup",
        "summary": "Writes software.",
        "website": "https://acme.pk/",
        "founded_year": 2004,
        "employees": {"min": 50, "max": None},
        "hub": "lahore",
        "offices": [{"hub": "karachi"}, {"hub": "islamabad"}],
        "specialties": ["front-end-development", "business-process-outsourcing"],
        "industries": ["financial-services"],
        "sources": [{"reference": "public list"}, {"reference": "example.pk/list"}],
    }
    assert clean.unplaced == [("status", "suspended"), ("other_cities", "Atlantis"), ("tags", "TTMS")]


def test_the_only_source_of_a_row_vouches_for_what_it_says(vocabularies):
    """Of several nobody knows which of them says what."""
    row = {"name": "Acme", "city": "Lahore", "founded": "long ago", "tags": "React", "source": "public list"}
    assert clean_company(row, vocabularies).patch["sources"] == [
        {"reference": "public list", "facts": ["hub", "specialties"]}
    ]
    assert clean_company({"name": "Acme", "source": "a"}, vocabularies).patch["sources"] == [{"reference": "a"}]


def test_missing_values_leave_no_trace(vocabularies):
    row = {
        "name": "Acme",
        "city": "n/a",
        "website": "-",
        "employees": None,
        "tags": ";;",
        "founded_year": "unknown",
    }
    clean = clean_company(row, vocabularies)
    assert clean.patch == {"name": "Acme"}
    assert clean.unplaced == []


def test_a_summary_too_long_is_reported_not_cut(vocabularies):
    clean = clean_company({"name": "Acme", "summary": "x" * 301}, vocabularies)
    assert clean.patch == {"name": "Acme"}
    assert clean.unplaced == [Unplaced("summary", "x" * 301)]


def test_other_names_are_aliases_once(vocabularies):
    clean = clean_company({"name": "Acme (formerly Zenith)", "aliases": "ZENITH;acme;Acme Labs"}, vocabularies)
    assert clean.patch["aliases"] == ["Zenith", "Acme Labs"]


@pytest.mark.parametrize("row", [{"city": "Lahore"}, {"name": "n/a"}, {"name": None}, {"name": "\ufffd"}, {}])
def test_a_row_without_a_name_is_refused(vocabularies, row):
    with pytest.raises(UnusableNameError, match=r"^name: missing"):
        clean_company(row, vocabularies)


def test_a_text_pasted_into_the_wrong_cell_is_reported(vocabularies):
    text = "web " * 200 + "lahore"
    clean = clean_company({"name": "Acme", "city": text, "tags": text, "employees": "9" * 5000}, vocabularies)
    assert clean.patch == {"name": "Acme"}
    assert [column for column, _ in clean.unplaced] == ["employees", "city", "tags"]


def test_headers_that_nothing_reads_are_named():
    assert unknown_columns(["CompanyName", "City", "Website URL", "siez", "Rating"]) == ["siez", "Rating"]


# The starter directory


@pytest.mark.parametrize("kind", ["hubs", "specialties", "industries"])
def test_no_alias_is_claimed_twice(vocabularies, kind):
    vocabulary = getattr(vocabularies, kind)
    assert vocabulary.clashes == {}
    for term in vocabulary.terms:
        folded = [fold(alias) for alias in term.aliases]
        assert len(folded) == len(set(folded)), term.slug


def test_parents_precede_their_children():
    seen = {""}
    for row in read_starter("specialties"):
        assert row["parent"] in seen, row["slug"]
        seen.add(row["slug"])


@pytest.mark.parametrize("name", ["programs", "indicators"])
def test_starter_rows_name_hubs_that_exist(name):
    hubs = {row["slug"] for row in read_starter("hubs")} | {""}
    assert {row["hub"] for row in read_starter(name)} <= hubs


def test_the_starter_companies_are_placed(vocabularies):
    rows = read_starter("companies")
    assert len(rows) == 620
    tags = [tag for row in rows for tag in row["tags"].split(";") if tag.strip()]
    assert len(tags) == 626
    assert sum(bool(vocabularies.place(tag)) for tag in tags) >= 595
    cleaned = [clean_company(row, vocabularies) for row in rows]
    for column, name in (("city", "hub"), ("employees", "employees"), ("founded_year", "founded_year")):
        filled = [row["name"] for row in rows if row[column]]
        assert filled == [row["name"] for row, clean in zip(rows, cleaned, strict=True) if name in clean.patch]
    unplaced = [value for clean in cleaned for value in clean.unplaced]
    assert {value for value in unplaced if value.column != "tags"} == {
        ("sector", "Technology & Communication"),
        ("status", "suspended"),
        ("status", "licence revoked"),
        ("website", "http://0000000000.com/"),
    }


def test_one_column_is_chosen_for_a_field_of_one_value():
    headers = ["url", "website", "Company", "Description", "summary", "City", "Location", "No. of Employees", "x"]
    assert choose_fields(headers) == {
        "website": "website",
        "Company": "name",
        "Description": "description",
        "summary": "summary",
        "City": "hub",
        "Location": "hub",
        "No. of Employees": "employees",
    }


@pytest.mark.parametrize(
    ("raw", "rate"),
    [
        ("$25 - $49 / hr", (25, 49)),
        ("USD 50+", (50, None)),
        ("30", (30, 30)),
        ("49-25", None),
        ("PKR 500", None),
        ("cheap", None),
    ],
)
def test_rates_of_an_hour(raw, rate):
    assert clean_rate(raw) == rate


def test_markets_yes_or_no_and_descriptions(vocabularies):
    row = {"name": "Acme", "exports_to": "UK, Germany;US, Atlantis", "women led": "No", "company profile": " a \n b"}
    clean = clean_company(row, vocabularies)
    assert clean.patch == {
        "name": "Acme",
        "description": "a\nb",
        "women_led": False,
        "export_markets": ["GB", "DE", "US"],
    }
    assert clean.unplaced == [("exports_to", "Atlantis")]
