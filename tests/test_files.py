"""Files as people send them: read whatever their encoding, refused in a sentence where they are something else."""

import io
import json
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from companies.files import LONGEST_CELL, Refused, Table, read_table

TEXT = 'CompanyName,City,Note\n"Café Systems, Lahore",Lahore,"two\nlines"\nZorvex,,—\n'
ROWS = [
    (2, {"CompanyName": "Café Systems, Lahore", "City": "Lahore", "Note": "two\nlines"}),
    (3, {"CompanyName": "Zorvex", "Note": "—"}),
]


def read(name: str, content: bytes | str) -> list[tuple[int, dict[str, str]]]:
    return list(read_table(name, content.encode() if isinstance(content, str) else content).rows)


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def replaced(content: bytes, part: str, text: bytes) -> bytes:
    """A workbook with another text in one of its parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, text if info.filename == part else old.read(info))
    return file.getvalue()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_any_encoding_and_line_ending(encoding: str, ending: str) -> None:
    assert read("list.csv", TEXT.replace("\n", ending).encode(encoding)) == ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_delimiter(delimiter: str) -> None:
    content = f'name{delimiter}city\n"a{delimiter}b"{delimiter}Lahore\n'
    assert read("list.txt", content) == [(2, {"name": f"a{delimiter}b", "city": "Lahore"})]


def test_empty_rows_and_nameless_columns_at_the_end_are_nothing() -> None:
    assert read("list.csv", "\n\nname,city,,\n,,,\nZorvex,Lahore,,\n\n") == [
        (5, {"name": "Zorvex", "city": "Lahore"})
    ]


@pytest.mark.security(23)
def test_a_workbook_is_read_as_texts_and_evaluates_nothing() -> None:
    content = workbook(["name", "year", "share"], ["=HYPERLINK(A1)", 2004, 0.5], [None, None, None], ["Zorvex", None])
    assert read("list.xlsx", content) == [
        (2, {"name": "=HYPERLINK(A1)", "year": "2004", "share": "0.5"}),
        (4, {"name": "Zorvex"}),
    ]


def test_json_as_the_api_answers_it() -> None:
    company = {
        "name": "Zorvex",
        "hub": {"slug": "lahore", "name": "Lahore"},
        "specialties": [{"slug": "ai", "name": "AI"}, {"slug": "web", "name": "Web"}],
        "employees": {"min": 10, "max": 49},
        "founded_year": 2004,
        "summary": None,
    }
    expected = {
        "name": "Zorvex",
        "hub": "lahore",
        "specialties": "ai;web",
        "employees": "10-49",
        "founded_year": "2004",
    }
    assert read("list.json", json.dumps({"results": [company]})) == [(1, expected)]
    assert read("list.json", json.dumps([company])) == [(1, expected)]


GOOD = workbook(["name"], ["Zorvex"])
SHEET = "xl/worksheets/sheet1.xml"
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
OPEN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
FAR = OPEN + b'<c r="ZZZZZZ1" t="str"><v>x</v></c></row></sheetData></worksheet>'
ZIP = io.BytesIO()
with zipfile.ZipFile(ZIP, "w") as archive:
    archive.writestr("companies.csv", "name\nZorvex\n")


@pytest.mark.security(23)
@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("list.csv", b"", "is empty"),
        ("list.csv", b" \r\n\r\n", "is empty"),
        ("list.csv", b"\xef\xbb\xbf\n,,\n", "is empty"),
        ("list.csv", b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
        ("list.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "save it as .xlsx"),
        ("list.csv", b"%PDF-1.7", "a PDF"),
        ("list.csv", b"\x89PNG\r\n\x1a\n", "a picture"),
        ("list.csv.gz", b"\x1f\x8b\x08", "compressed"),
        ("list.csv", b"<!DOCTYPE html><html>", "a web page"),
        ("list.csv", b"name\nZor\x00vex\n", "NUL"),
        ("list.csv", b"\x01\x02\x03\x04binary", "no text"),
        ("list.csv", b"\xff\xfen", "begins like UTF-16"),
        ("list.xlsx", b"name\nZorvex\n", "says XLSX, its content is CSV"),
        ("list.csv", GOOD, "says CSV, its content is XLSX"),
        ("list.json", b"name\nZorvex\n", "says JSON, its content is CSV"),
        ("list.csv", b"name,Name\nZorvex,x\n", "more than once"),
        ("list.csv", b"name,,city\nZorvex,x,y\n", "Column 2 has no name"),
        ("list.csv", b"Zorvex,https://zorvex.com\n", "put a header above"),
        ("list.csv", b"Zorvex,2004\n", "put a header above"),
        ("list.csv", b"," * 10_000_000, "is longer than"),
        ("list.csv", b"a," * 300 + b"\n", "300 columns"),
        ("list.csv", b"name\n" + b"x" * (LONGEST_CELL + 1), "Row 2, “name”: the cell holds 32,768"),
        ("list.csv", b'name\n"' + b"x\n" * 300_000, "Is a quotation mark missing"),
        ("list.csv", b"name\nZorvex,surplus\n", "Row 2 has more cells"),
        ("list.json", b'[{"name": "Zorvex"', "cannot be read as JSON"),
        ("list.json", b"[" * 100_000, "cannot be read as JSON"),
        ("list.json", b'{"name": "Zorvex"}', "no list of objects"),
        ("list.json", b'["Zorvex"]', "no list of objects"),
        ("list.json", b"[]", "is empty"),
        ("list.json", b'[{"name": "Zor\\u0000vex"}]', "NUL"),
        ("list.json", json.dumps([{f"c{n}": 1} for n in range(201)]).encode(), "more than 200"),
        ("list.zip", ZIP.getvalue(), "no workbook"),
        ("list.xlsx", GOOD[:-100], "no workbook that can be opened"),
        ("list.xlsx", workbook([f"c{n}" for n in range(300)]), "columns; at most 200"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(name: str, content: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        list(read_table(name, content).rows)


@pytest.mark.parametrize(
    ("sheet", "why"),
    [
        (b" " * 120 * 1024 * 1024, "would unpack to"),
        (ENTITIES, "XML declarations"),
        (OPEN + b"<c/>" * 600_000, "rows or texts of a size"),
        (b"<worksheet", "no workbook that can be opened"),
        (FAR, "is damaged"),
    ],
    ids=["large", "entities", "many cells", "broken", "far away"],
)
def test_a_sheet_that_cannot_be_read_is_refused_in_a_sentence(sheet: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        list(read_table("list.xlsx", replaced(GOOD, SHEET, sheet)).rows)


def test_rows_have_the_numbers_that_a_spreadsheet_shows() -> None:
    text = 'name,note\n\nZorvex,"two\nlines"\n,,\nKalix,\n'
    assert [number for number, _ in read("list.csv", text)] == [3, 5]
    book = workbook([], ["name"], [], ["Zorvex"], ["Kalix"])
    assert [number for number, _ in read("list.xlsx", book)] == [4, 5]


def test_a_table_says_what_it_is() -> None:
    table = read_table("export", GOOD)
    assert isinstance(table, Table)
    assert (table.kind, table.columns) == ("xlsx", ["name"])
