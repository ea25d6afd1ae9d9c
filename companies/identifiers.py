"""The schemes by which registers name companies, each with its own check."""

import re
from dataclasses import dataclass

from django.db import models


class Scheme(models.TextChoices):
    SECP = "secp", "SECP (CUIN)"
    NTN = "ntn", "FBR (NTN)"
    PSEB = "pseb", "PSEB"
    PASHA = "pasha", "P@SHA"
    LEI = "lei", "LEI"
    WIKIDATA = "wikidata", "Wikidata"
    LINKEDIN = "linkedin", "LinkedIn"
    GITHUB = "github", "GitHub"


@dataclass(frozen=True)
class Form:
    """What a value of a scheme looks like: ``pattern`` is read by PostgreSQL and by Python."""

    label: str
    pattern: str
    explanation: str


SCHEMES = {
    Scheme.SECP.value: Form("SECP", r"^[0-9]{7}$", "a company's unique number has seven digits: 0012345."),
    Scheme.NTN.value: Form(
        "NTN",
        r"^[0-9A-Z][0-9]{6}(-[0-9])?$",
        "a tax number has seven digits and may add a check digit: 1234567-8.",
    ),
    Scheme.PSEB.value: Form(
        "PSEB", r"^[A-Z0-9][A-Z0-9/-]{2,30}$", "capital letters, digits, slashes and hyphens: Z-25-12345/24."
    ),
    Scheme.PASHA.value: Form("P@SHA", r"^[A-Z0-9][A-Z0-9/-]{0,30}$", "capital letters, digits, slashes and hyphens."),
    Scheme.LEI.value: Form(
        "LEI",
        r"^[0-9A-Z]{18}[0-9]{2}$",
        "20 capital letters and digits, of which the last two check (ISO 17442).",
    ),
    Scheme.WIKIDATA.value: Form("Wikidata", r"^Q[1-9][0-9]*$", "Q and a number: Q42."),
    Scheme.LINKEDIN.value: Form(
        "LinkedIn", r"^[a-z0-9][a-z0-9-]*$", "the last part of linkedin.com/company/…, in lower case."
    ),
    Scheme.GITHUB.value: Form("GitHub", r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "the organisation, in lower case."),
}


def check_identifier(scheme: str, value: str) -> str:
    """What is wrong with ``value``, empty where nothing is. An unknown scheme is another check's business."""
    form = SCHEMES.get(scheme)
    if form is None:
        return ""
    if not re.search(form.pattern, value):
        return f"{form.label}: {form.explanation}"
    if scheme == Scheme.LEI and int("".join(str(int(character, 36)) for character in value)) % 97 != 1:
        return "LEI: the check digits do not fit (ISO 17442); compare it with the register."
    return ""
