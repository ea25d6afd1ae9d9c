"""Raw rows as sources and spreadsheets write them, turned into patches of the company document.

Nothing is guessed: what cannot be placed is reported with its column, for a curator to decide.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from companies.countries import COUNTRIES
from companies.identifiers import SCHEMES, check_identifier
from companies.naming import UnusableNameError, clean_name
from companies.text import fold, is_missing, squash
from companies.values import (
    clean_employees,
    clean_rate,
    clean_stage,
    clean_status,
    clean_website,
    clean_year,
    clean_yes_or_no,
)
from companies.vocabulary import Kind, Vocabularies

# Under which headers, lower-cased and with "_" between words, a value is expected.
COLUMNS = {
    "name": ("name", "company", "company_name", "companyname", "organisation", "organization"),
    "legal_name": ("legal_name", "registered_name"),
    "aliases": ("aliases", "also_known_as"),
    "kind": ("stage", "kind"),
    "operating_status": ("status", "operating_status"),
    "summary": ("summary", "description", "about"),
    "description": ("long_description", "full_description", "company_profile"),
    "website": ("website", "website_url", "websiteurl", "web", "url", "homepage", "website_address", "web_address"),
    "founded_year": (
        *("founded_year", "founded", "year_founded", "established", "founded_in", "year_established"),
        "year_of_establishment",
    ),
    "employees": (
        *("employees", "number_of_employees", "team_size", "headcount", "no_of_employees", "num_employees"),
        *("employee_count", "employees_count", "total_employees", "company_size", "staff"),
    ),
    "hourly_rate": ("hourly_rate", "hourly_rate_usd", "rate", "rates", "avg_hourly_rate"),
    "hub": ("city", "hub", "location", "head_office", "headquarters"),
    "offices": ("other_cities", "offices"),
    "specialties": ("tags", "specialties", "services", "technologies"),
    "industries": ("sector", "sectors", "industry", "industries"),
    "export_markets": ("export_markets", "exports_to", "export_countries"),
    "women_led": ("women_led", "woman_led", "female_led"),
    **{scheme: (scheme, f"{scheme}_number", f"{scheme}_id") for scheme in SCHEMES},
    "sources": ("sources", "source"),
}
FIELDS = {header: name for name, headers in COLUMNS.items() for header in headers}
LONGEST_SUMMARY = 300
ITEMS = re.compile(r"[;\r\n]+")
# How people write a country → its code.
MARKETS = {
    **{fold(name): code for code, name in COUNTRIES.items()},
    **{code.casefold(): code for code in COUNTRIES},
    **{"usa": "US", "united states of america": "US", "uk": "GB", "united kingdom": "GB", "uae": "AE", "ksa": "SA"},
}


class Unplaced(NamedTuple):
    """A value that found no place, under the header it stood."""

    column: str
    value: str


class Cell(NamedTuple):
    column: str
    value: str


@dataclass
class CleanRow:
    """A patch with the document's field names, only of what the row says, and what it says otherwise."""

    patch: dict[str, Any] = field(default_factory=dict)
    unplaced: list[Unplaced] = field(default_factory=list)

    def set(self, name: str, value: Any) -> None:
        if value or value is False:
            self.patch[name] = value

    def report(self, cell: Cell, value: str | None = None) -> None:
        self.unplaced.append(Unplaced(cell.column, squash(cell.value if value is None else value)))


def clean_company(
    row: Mapping[str, str | None],
    vocabularies: Vocabularies,
    mapping: Mapping[str, str] | None = None,
    *,
    source: str = "",
) -> CleanRow:
    """Clean one row; lists within a cell are separated by ";".

    ``mapping`` says which field of COLUMNS a column is read into; without one, its name does.
    ``source`` is where the table comes from, and what vouches for a row that names no source itself.
    The patch holds slugs for hub, offices, specialties and industries: {"name": "10Pearls", "hub": "karachi",
    "employees": {"min": 1400, "max": None}, "offices": [{"hub": "lahore"}], "sources": [{"reference": "…"}]}.
    Raises UnusableNameError (a ValueError) for a row without a name.
    """
    cells = _read_cells(row, guess_fields(row) if mapping is None else mapping)
    clean = CleanRow()
    _clean_names(cells, clean)
    for name, read in VALUES.items():
        for cell in cells[name]:
            value = read(cell.value)
            if value is None or name in clean.patch:
                clean.report(cell)
            else:
                clean.set(name, value)
    _clean_places(cells, clean, vocabularies)
    _clean_terms(cells, clean, vocabularies)
    _clean_markets(cells, clean)
    _clean_identifiers(cells, clean)
    references = [squash(cell.value) for cell in _items(cells["sources"])] or ([source] if source else [])
    clean.set("sources", _sources(references, [name for name in clean.patch if name != "name"]))
    return clean


def _sources(references: list[str], facts: list[str]) -> list[dict[str, Any]]:
    """A row's only source vouches for all that the row says; of several nobody knows which of them says what."""
    references = list(dict.fromkeys(references))
    if len(references) == 1 and facts:
        return [{"reference": references[0], "facts": facts}]
    return [{"reference": reference} for reference in references]


def guess_fields(headers: Iterable[str]) -> dict[str, str]:
    """Column → the field that its name tells of; without those whose names tell nothing."""
    return {
        # csv.DictReader files what is beyond the header under None.
        header: FIELDS[key]
        for header in headers
        if isinstance(header, str) and (key := _header_key(header)) in FIELDS
    }


def choose_fields(headers: Iterable[str]) -> dict[str, str]:
    """As ``guess_fields()``, but with one column for each field of one value: that with the field's commonest name.

    A column which loses is read as the field that has its own name, if there is such a one.
    """
    found = guess_fields(headers)
    chosen: dict[str, str] = {}
    for header in sorted(found, key=lambda header: COLUMNS[found[header]].index(_header_key(header))):
        name = found[header] if found[header] not in chosen.values() else _header_key(header)
        if name in COLUMNS and not (name in OF_ONE_VALUE and name in chosen.values()):
            chosen[header] = name
        elif found[header] not in OF_ONE_VALUE:
            chosen[header] = found[header]
    return {header: chosen[header] for header in found if header in chosen}


def claimed_twice(mapping: Mapping[str, str]) -> dict[str, list[str]]:
    """Field of one value → the columns read as it, where these are several."""
    columns: dict[str, list[str]] = {}
    for column, name in mapping.items():
        if name in OF_ONE_VALUE:
            columns.setdefault(name, []).append(column)
    return {name: several for name, several in columns.items() if len(several) > 1}


def meant_for(column: str) -> str:
    """The field that a column's name tells of, or that name."""
    return guess_fields([column]).get(column, column)


def unknown_columns(headers: list[str]) -> list[str]:
    """The headers that no value is read from, so that an import can name them once."""
    known = guess_fields(headers)
    return [header for header in headers if header not in known]


@cache
def _header_key(header: str) -> str:
    return re.sub(r"[\W_]+", "_", fold(header)).strip("_")


def _read_cells(row: Mapping[str, str | None], mapping: Mapping[str, str]) -> dict[str, list[Cell]]:
    cells: dict[str, list[Cell]] = {name: [] for name in COLUMNS}
    for column, name in mapping.items():
        value = row.get(column)
        if isinstance(value, str) and name and not is_missing(value):
            cells[name].append(Cell(column, value))
    return cells


def _items(cells: list[Cell]) -> list[Cell]:
    return [Cell(cell.column, item) for cell in cells for item in ITEMS.split(cell.value) if not is_missing(item)]


def _clean_names(cells: dict[str, list[Cell]], clean: CleanRow) -> None:
    if not cells["name"]:
        raise UnusableNameError("name: missing; a row without a name is no company.")
    names = clean_name(cells["name"][0].value)
    legal_names = [squash(cell.value) for cell in cells["legal_name"]]
    clean.set("name", names.name)
    clean.set("legal_name", legal_names[0] if legal_names else names.legal_name)
    aliases: dict[str, str] = {}
    for alias in (*names.aliases, *(squash(cell.value) for cell in _items(cells["aliases"]))):
        aliases.setdefault(fold(alias), alias)
    aliases.pop(fold(names.name), None)
    clean.set("aliases", list(aliases.values()))


def _clean_places(cells: dict[str, list[Cell]], clean: CleanRow, vocabularies: Vocabularies) -> None:
    """The first place is the home hub; every further one is an office."""
    offices: dict[str, None] = {}
    for name in ("hub", "offices"):
        for cell in _items(cells[name]):
            slug = vocabularies.find_hub(cell.value)
            if slug is None:
                clean.report(cell)
            elif name == "hub" and "hub" not in clean.patch:
                clean.set("hub", slug)
            else:
                offices[slug] = None
    offices.pop(clean.patch.get("hub", ""), None)
    clean.set("offices", [{"hub": slug} for slug in offices])


def _clean_terms(cells: dict[str, list[Cell]], clean: CleanRow, vocabularies: Vocabularies) -> None:
    """A tag may name an industry, a sector a specialty: "fintech" serves finance, "BPO" is a service."""
    specialties: dict[str, None] = {}
    industries: dict[str, None] = {}
    kinds: tuple[Kind, ...] = ("specialties", "industries")
    for kind in kinds:
        for cell in _items(cells[kind]):
            placement = vocabularies.place(cell.value, prefer=kind)
            specialties |= dict.fromkeys(placement.specialties)
            industries |= dict.fromkeys(placement.industries)
            for part in placement.unplaced:
                clean.report(cell, part)
    clean.set("specialties", list(specialties))
    clean.set("industries", list(industries))


def _clean_markets(cells: dict[str, list[Cell]], clean: CleanRow) -> None:
    """Countries by their names or codes, with commas between them as well."""
    found: dict[str, None] = {}
    for cell in _items(cells["export_markets"]):
        for part in cell.value.split(","):
            code = MARKETS.get(fold(part))
            if code:
                found[code] = None
            elif not is_missing(part):
                clean.report(cell, part)
    clean.set("export_markets", list(found))


def _clean_identifiers(cells: dict[str, list[Cell]], clean: CleanRow) -> None:
    identifiers = []
    for scheme in SCHEMES:
        for cell in cells[scheme]:
            value = squash(cell.value)
            if check_identifier(scheme, value):
                clean.report(cell)
            else:
                identifiers.append({"scheme": scheme, "value": value})
    clean.set("identifiers", identifiers)


def _range(ends: tuple[int | None, int | None] | None) -> dict[str, int | None] | None:
    return {"min": ends[0], "max": ends[1]} if ends else None


def _read_description(raw: str) -> str | None:
    """A text of several lines, without what is around it."""
    lines = [squash(line) for line in raw.strip().splitlines()]
    return "\n".join(lines) or None


def _read_summary(raw: str) -> str | None:
    """A summary is one sentence; a longer text is not cut, for the cut would be nobody's words."""
    summary = squash(raw)
    return summary if len(summary) <= LONGEST_SUMMARY else None


VALUES: dict[str, Callable[[str], Any]] = {
    "kind": clean_stage,
    "operating_status": clean_status,
    "summary": _read_summary,
    "description": _read_description,
    "website": clean_website,
    "founded_year": clean_year,
    "employees": lambda raw: _range(clean_employees(raw)),
    "hourly_rate": lambda raw: _range(clean_rate(raw)),
    "women_led": clean_yes_or_no,
}
OF_ONE_VALUE = {"name", "legal_name", *VALUES}
