"""Files of companies as people have them: CSV, XLSX or JSON, told apart by what is in them.

Reading is bounded in every direction and evaluates nothing: a formula is the text that it is. What cannot be read
is refused with one sentence for the person who sent it.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from companies.workbooks import Unreadable, read_workbook
from directory.uploads import LARGEST

TOO_LARGE = f"The file is larger than {LARGEST // 1024 // 1024} MB: split it."
MOST_ROWS = 200_000
MOST_COLUMNS = 200
LONGEST_CELL = 32_767  # characters; no spreadsheet program has longer ones
LONGEST_ROW = 500_000
DELIMITERS = (",", ";", "\t", "|")

# What a file begins with that is none of ours, and what to say of it.
FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save it as .xlsx",
    b"\x1f\x8b": "compressed: unpack it first",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"Rar!": "an archive: unpack it first",
    b"7z\xbc\xaf": "an archive: unpack it first",
}
ENDINGS = {".csv": "csv", ".tsv": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".json": "json"}
LABELS = {"csv": "CSV", "xlsx": "XLSX", "json": "JSON"}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What no text has: a file with these is something else.
BINARY = re.compile("[\x01-\x08\x0e-\x19\x1b-\x1f]")
MARKUP = re.compile(r"\s*<(?:!doctype|html|\?xml|head|body|table)\b", re.IGNORECASE)
# What stands in a row of facts and in no row of names.
FACT = re.compile(r"\s*(?:https?://|www\.)|\s*[-+]?\d[\d.,]*\s*$", re.IGNORECASE)

Row = dict[str, str]


class Refused(ValueError):
    """A file that is not read, and why, in one sentence."""


@dataclass(frozen=True)
class Table:
    """A file's columns and its rows: (number of the row, column → text), without what is empty.

    Rows are numbered as a spreadsheet program numbers them: from 1, with the header and what is empty; the objects
    of JSON from 1. Rows are read as they are asked for, which raises Refused where one of them cannot be.
    """

    kind: str
    columns: list[str]
    rows: Iterator[tuple[int, Row]]


def read_table(name: str, content: bytes) -> Table:
    """The table that a file called ``name`` holds; raises Refused."""
    kind = kind_of(content)
    claimed = ENDINGS.get(PurePosixPath(name.lower()).suffix, kind)
    if claimed != kind:
        raise Refused(f"The file’s name says {LABELS[claimed]}, its content is {LABELS[kind]}: rename it.")
    try:
        if kind == "json":
            columns, rows = objects(content)
        else:
            columns, rows = headed(read_workbook(content) if kind == "xlsx" else records(decoded(content)))
    except Unreadable as error:
        raise Refused(str(error)) from error
    return Table(kind, columns, bounded(rows))


def kind_of(content: bytes) -> str:
    """csv, xlsx or json; raises Refused for anything else."""
    if not content.strip():
        raise Refused("The file is empty.")
    if len(content) > LARGEST:
        raise Refused(TOO_LARGE)
    for beginning, what in FOREIGN.items():
        if content.startswith(beginning):
            raise Refused(f"The file is {what}. CSV, XLSX and JSON can be imported.")
    if content.startswith(b"PK"):
        return "xlsx"
    text = decoded(content[:4096] if len(content) % 2 else content[: 4096 - 4096 % 2], whole=False).lstrip()
    if MARKUP.match(text):
        raise Refused("The file is a web page or XML. CSV, XLSX and JSON can be imported.")
    return "json" if text.startswith(("{", "[")) else "csv"


def decoded(content: bytes, *, whole: bool = True) -> str:
    """The text of a file, whatever its encoding: UTF-8, UTF-16, or Windows’ for western languages (cp1252).

    With ``whole`` false, ``content`` is the beginning of a file and may end within a character.
    """
    encoding = next((found for bom, found in BOMS.items() if content.startswith(bom)), "") or unmarked(content)
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        text = decoder.decode(content, final=whole)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise Refused(f"The file begins like {encoding.upper()}, but is not.") from error
        # Bytes that cp1252 leaves open say nothing, as the replacement character does.
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise Refused("The file has NUL characters: it is no text, or was damaged on its way.")
    if BINARY.search(text):
        raise Refused("The file is no text. CSV, XLSX and JSON can be imported.")
    return text


def unmarked(content: bytes) -> str:
    """The encoding of a file without a byte order mark: in UTF-16, every other byte of plain text is zero."""
    start = content[:200]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if len(start) > 3 and max(even, odd) > len(start) // 4 and min(even, odd) == 0:
        return "utf-16-be" if even else "utf-16-le"
    return "utf-8"


def records(text: str) -> Iterator[list[str]]:
    """The records of CSV, whatever its line endings and its delimiter, quoted line breaks included."""
    first = re.split(r"[\r\n]", text[:LONGEST_ROW].lstrip("\r\n"), maxsplit=1)[0]
    plain = re.sub(r'"[^"]*"', "", first)
    delimiter = max(DELIMITERS, key=plain.count)
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for line in io.StringIO(text, newline=None):
            read += len(line)
            if read > LONGEST_ROW:
                raise Refused(
                    f"A row is longer than {LONGEST_ROW:,} characters. Is a quotation mark missing that ends a cell?"
                )
            yield line

    before = csv.field_size_limit(LONGEST_ROW + 1)
    try:
        for record in csv.reader(lines(), delimiter=delimiter):
            read = 0
            yield record
    except csv.Error as error:
        raise Refused(f"The file cannot be read as CSV: {error}.") from error
    finally:
        csv.field_size_limit(before)


def headed(found: Iterable[list[str]]) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    """The names in the first record that is not empty, and the records behind it under these names."""
    iterator = enumerate(found, start=1)
    header = next((record for _, record in iterator if any(cell.strip() for cell in record)), None)
    if header is None:
        raise Refused("The file is empty.")
    columns = named([" ".join(cell.split()) for cell in header])

    def rows() -> Iterator[tuple[int, Row]]:
        for number, record in iterator:
            if not "".join(record).strip():
                continue
            if "".join(record[len(columns) :]).strip():
                raise Refused(
                    f"Row {number} has more cells than the header has names: is a quotation mark missing there?"
                )
            yield number, {column: cell for column, cell in zip(columns, record, strict=False) if cell.strip()}

    return columns, rows()


def named(header: list[str]) -> list[str]:
    """The columns’ names, without nameless ones at the end; raises Refused where they name nothing."""
    while header and not header[-1]:
        header.pop()
    if len(header) > MOST_COLUMNS:
        raise Refused(f"The file has {len(header):,} columns; at most {MOST_COLUMNS} are read.")
    if any(FACT.match(name) for name in header):
        raise Refused("The first row holds facts where the names of the columns are expected: put a header above it.")
    if "" in header:
        raise Refused(f"Column {header.index('') + 1} has no name: the first row names the columns.")
    folded = [name.casefold() for name in header]
    if twice := sorted({name for name in header if folded.count(name.casefold()) > 1}):
        raise Refused(f"The header has “{twice[0]}” more than once: each column has a name of its own.")
    return header


def objects(content: bytes) -> tuple[list[str], Iterator[tuple[int, Row]]]:
    """The objects of a JSON list, or of the list under “results” as this directory’s API answers it."""
    try:
        found = json.loads(decoded(content))
    except (json.JSONDecodeError, RecursionError) as error:
        raise Refused(f"The file cannot be read as JSON: {str(error)[:100]}.") from error
    if isinstance(found, dict):
        found = found.get("results")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Refused("The JSON is no list of objects, one for each company.")
    if not found:
        raise Refused("The file is empty.")
    columns: dict[str, None] = {}
    for item in found:
        columns |= dict.fromkeys(item)
        if len(columns) > MOST_COLUMNS:
            raise Refused(f"The objects have more than {MOST_COLUMNS} different names; at most so many are read.")
    rows = ({name: text for name, value in item.items() if (text := plain_text(value))} for item in found)
    return named(list(columns)), enumerate(rows, start=1)


def plain_text(value: Any) -> str:
    """A JSON value as a cell would hold it: lists apart by “;”, a reference by its slug, a range as 10-50."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(text for item in value if (text := plain_text(item)))
    if isinstance(value, dict):
        if "min" in value and "max" in value:
            least, most = value["min"], value["max"]
            return f"{least}-{most}" if least and most else f"{least}+" if least else ""
        key = next((key for key in ("slug", "hub", "reference", "name") if key in value), "")
        return plain_text(value[key]) if key else json.dumps(value, ensure_ascii=False)
    return str(value)


def bounded(rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """The rows as they are; raises Refused at the first that is too much."""
    for count, (number, row) in enumerate(rows, start=1):
        if count > MOST_ROWS:
            raise Refused(f"The file has more than {MOST_ROWS:,} rows: split it.")
        every = "".join(row.values())
        if len(every) > LONGEST_CELL or "\0" in every:
            check_cells(number, row)
        yield number, row


def check_cells(number: int, row: Row) -> None:
    for column, text in row.items():
        where = f"Row {number}, “{column}”"
        if len(text) > LONGEST_CELL:
            raise Refused(f"{where}: the cell holds {len(text):,} characters; at most {LONGEST_CELL:,} are read.")
        if "\0" in text:
            raise Refused(f"{where}: the cell has a NUL character, which is no text.")
