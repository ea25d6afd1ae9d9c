"""XLSX, which is XML in a zip file: opened only once it is certain that it unpacks to what a spreadsheet is."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from defusedxml import DefusedXmlException

LARGEST = 100 * 1024 * 1024  # bytes, unpacked
# A sheet of figures shrinks to a tenth, one of repeats to a fiftieth.
HIGHEST_RATIO = 150
# What is no bomb, however small it was packed.
HARMLESS = 8 * 1024 * 1024
MOST_PARTS = 1_000
LONGEST_ROW = 1024 * 1024  # bytes of XML
MOST_TEXTS = 2_000_000
MOST_COLUMNS = 201  # one more than is read, so that more are noticed
STEP = 64 * 1024
OVERLAP = 16
ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
TEXT = re.compile(rb"<(?:\w+:)?si[\s/>]")


class Unreadable(ValueError):
    """A workbook that is not read, and why, in one sentence."""


def read_workbook(content: bytes) -> Iterator[list[str]]:
    """The rows of the first sheet as texts; raises Unreadable."""
    from openpyxl import load_workbook  # a sixth of all that a process reads at its start, and most read no workbook

    try:
        check(content)
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheets = book.worksheets
    except DefusedXmlException as error:
        raise Unreadable("The workbook defines XML entities, as no spreadsheet program does.") from error
    except Unreadable:
        raise
    except Exception as error:  # openpyxl raises whatever its readers come upon
        raise Unreadable("The file is a zip file, but no workbook that can be opened.") from error
    if not sheets:
        raise Unreadable("The workbook has no sheet.")
    # What it says of its size need not be so.
    sheets[0].reset_dimensions()
    return rows(sheets[0])


def rows(sheet: Any) -> Iterator[list[str]]:
    try:
        for row in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS):
            end = len(row)
            while end and row[end - 1] is None:
                end -= 1
            yield [plain_text(value) for value in row[:end]]
    except DefusedXmlException as error:
        raise Unreadable("The workbook defines XML entities, as no spreadsheet program does.") from error
    except Exception as error:
        raise Unreadable("The sheet is damaged: save it anew with a spreadsheet program.") from error


def plain_text(value: Any) -> str:
    """A cell as it would stand in CSV. Formulas are not evaluated: they are the texts that they are."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def check(content: bytes) -> None:
    """Raise Unreadable for what is no workbook, or would not unpack to a reasonable one.

    Unpacking stops at the sizes that the zip file states, so that these can be believed.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
            raise Unreadable("The file is a zip file, but no workbook: unpack it and send what is inside.")
        unpacked = sum(part.file_size for part in parts)
        if len(parts) > MOST_PARTS or unpacked > LARGEST or unpacked > max(HARMLESS, HIGHEST_RATIO * len(content)):
            raise Unreadable(
                f"The workbook would unpack to {unpacked // 1024 // 1024:,} MB, which is more than is read: save the"
                " sheet as CSV."
            )
        for part in parts:
            if part.flag_bits & 1:
                raise Unreadable("The workbook is protected by a password: save it without.")
            if part.filename.endswith((".xml", ".rels")):
                try:
                    check_part(archive, part)
                except (zlib.error, zipfile.BadZipFile) as error:
                    raise Unreadable("The workbook is damaged: save it anew.") from error


def check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Look through the XML for what would take much memory to read, which its size alone does not tell."""
    texts = since_row = 0
    before = b""
    is_sheet = part.filename.startswith("xl/worksheets/")
    with archive.open(part) as unpacking:
        while piece := unpacking.read(STEP):
            # A bit of the piece before, so that what lies across the border is found.
            looked_at = before + piece
            if b"<!" in looked_at or b"\0" in looked_at:
                raise Unreadable(
                    "The workbook has XML declarations, comments or an encoding that no spreadsheet program writes."
                )
            starts = [found.start() for found in ROW.finditer(looked_at)] if is_sheet else []
            since_row = len(looked_at) - starts[-1] if starts else since_row + len(piece)
            texts += len(TEXT.findall(piece))
            if (is_sheet and since_row > LONGEST_ROW) or texts > MOST_TEXTS:
                raise Unreadable("The workbook has rows or texts of a size that no list of companies has.")
            before = piece[-OVERLAP:]
