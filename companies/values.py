"""Single values out of raw text: each function returns None for what it cannot place, and never guesses."""

import datetime
import re
from urllib.parse import urlsplit, urlunsplit

from companies.text import fold, is_missing, squash

LONGEST_WEBSITE = 500
MOST_EMPLOYEES = 1_000_000
EARLIEST_YEAR = 1850

HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_](?:[\w-]{0,61}[^\W_])", re.IGNORECASE)
REPEATED_SIGN = re.compile(r"(?:www\.)?(\w)\1{3,}\.\w+")
PLACEHOLDER = re.compile(
    r"(?:.+\.)?(?:example\.(?:com|org|net)|(?:your|my)?(?:domain|website|company)\.com|test\.com"
    r"|[^.]+\.(?:test|example|invalid|local|localhost))"
)
# A page there belongs to its owner, its domain to somebody else: it would make strangers the same company.
SHARED_HOST_WORDS = """
    facebook.com fb.com instagram.com linkedin.com twitter.com x.com youtube.com tiktok.com
    google.com goo.gl bit.ly linktr.ee wa.me whatsapp.com t.me pinterest.com
    fiverr.com upwork.com freelancer.com behance.net github.com
"""
SHARED_HOSTS = frozenset(SHARED_HOST_WORDS.split())
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
TRACKING = re.compile(r"(?:utm_\w*|gclid|fbclid|msclkid)(?:=|$)", re.IGNORECASE)

DASHES = re.compile("[\u2010-\u2015\u2212]")
NUMBER = r"(\d{1,3}(?:,\d{3}){1,2}|\d{1,9})\s*(k?)"
YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
EMPLOYEES = re.compile(
    r"(?P<under><|under|below|less than|fewer than)?(?P<upto>up to)?"
    r"(?P<over>>=?|over|above|more than|at least)?"
    rf"(?:~|about|around|approx\.?|approximately|circa)?\s*{NUMBER}\s*(?:(?P<plus>\+)|(?:-|to)\s*{NUMBER})?"
    r"\s*(?:employees|people|persons|staff|members)?"
)

RATE = re.compile(
    r"(?:usd|us\$|\$)?\s*(\d{1,5})\s*(?:(?P<plus>\+)|(?:-|to)\s*(?:usd|us\$|\$)?\s*(\d{1,5}))?"
    r"\s*(?:usd|us dollars|dollars)?\s*(?:(?:/|per|an)\s*(?:hr|hour|h))?"
)
YES_OR_NO = {**dict.fromkeys(("yes", "y", "true", "1"), True), **dict.fromkeys(("no", "n", "false", "0"), False)}

STAGES = {
    "startup": re.compile(r"start ?up|early stage|(?:pre ?)?seed|angel|pre ?series a|series [a-j]\d?"),
    "established": re.compile(r"established|mature|public|public(?:ly)? (?:company|listed|traded)|listed"),
}
# A listed company trades, a distressed or shrunken one still does. "Suspended" and "licence revoked" stay
# unplaced: neither says that the company is gone, nor that it works.
STATUSES = {
    "active": {"active", "open", "operating", "operational", "public", "listed", "scaled back", "distressed"},
    "acquired": {"acquired", "bought"},
    "closed": {"closed", "shut down", "shutdown", "closed down", "defunct", "dissolved", "ceased operations"},
}


def clean_website(raw: str) -> str | None:
    """An http(s) address: "WWW.Foo.pk?utm_source=x" is https://www.foo.pk/.

    None for what is no address, a placeholder, or a page on a site that many companies share.
    """
    text = squash(raw).strip("<>\"'")
    if is_missing(text) or len(text) > LONGEST_WEBSITE:
        return None
    if not SCHEME.match(text):
        text = "https://" + text.lstrip("/")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or " " in text:
        return None
    if not HOST.fullmatch(host) or _is_nobodys(host):
        return None
    query = "&".join(pair for pair in parts.query.split("&") if not TRACKING.match(pair))
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path or "/", query, ""))


def _is_nobodys(host: str) -> bool:
    labels = host.split(".")
    shared = any(".".join(labels[n:]) in SHARED_HOSTS for n in range(len(labels)))
    return shared or bool(REPEATED_SIGN.fullmatch(host) or PLACEHOLDER.fullmatch(host))


def clean_employees(raw: str) -> tuple[int, int | None] | None:
    """The least and greatest number of people: "50-249" is (50, 249), "500+" (500, None), "under 10" (1, 9).

    A word such as "startup" or "small" stays unplaced: it tells a kind of company and no source gives it a
    number; the mess that spreadsheets make of ranges ("10-Nov"), a zero and a range upside down do as well.
    """
    found = EMPLOYEES.fullmatch(DASHES.sub("-", fold(raw)))
    if not found:
        return None
    numbers = [
        int(digits.replace(",", "")) * (1000 if thousands else 1)
        for digits, thousands in ((found[4], found[5]), (found[7], found[8]))
        if digits
    ]
    least, most = numbers[0], numbers[-1]
    if not 0 < least <= most <= MOST_EMPLOYEES:
        return None
    bounds = [name for name in ("under", "upto", "over", "plus") if found[name]]
    if not bounds:
        return least, most
    if len(bounds) > 1 or len(numbers) > 1:
        return None
    match bounds[0]:
        case "under":
            return (1, least - 1) if least > 1 else None
        case "upto":
            return 1, least
    return least, None


def clean_rate(raw: str) -> tuple[int, int | None] | None:
    """The least and greatest price of an hour in US dollars: "$25 - $49 / hr" is (25, 49), "USD 50+" (50, None)."""
    found = RATE.fullmatch(DASHES.sub("-", fold(raw)))
    if not found:
        return None
    least, most = int(found[1]), int(found[3] or found[1])
    if not 0 < least <= most:
        return None
    return least, None if found["plus"] else most


def clean_yes_or_no(raw: str) -> bool | None:
    """Whether a cell says yes or no."""
    return YES_OR_NO.get(_plain(raw))


def clean_year(raw: str) -> int | None:
    """The one year in a text, 1850 to this year: "2004", "2004.0", "est. 2004", "2004-05-01"."""
    years = {int(digits) for digits in YEAR.findall(fold(raw))}
    this_year = datetime.date.today().year
    plausible = [year for year in years if EARLIEST_YEAR <= year <= this_year]
    return plausible[0] if len(plausible) == 1 else None


def clean_stage(raw: str) -> str | None:
    """The kind of company: venture funding makes a startup, a stock exchange an established one."""
    stage = _plain(raw)
    return next((kind for kind, pattern in STAGES.items() if pattern.fullmatch(stage)), None)


def clean_status(raw: str) -> str | None:
    """Whether a company is active, acquired or closed."""
    status = _plain(raw)
    return next((operating for operating, words in STATUSES.items() if status in words), None)


def _plain(raw: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", fold(raw)).split())
