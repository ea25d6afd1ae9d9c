"""What a company is called, out of what people typed: slogans, branches and legal forms told apart."""

import re
from dataclasses import dataclass
from functools import lru_cache

from companies.text import fold, squash
from directory.api.words import PLAIN

LONGEST = 200

CITY_WORDS = """
    karachi lahore islamabad rawalpindi faisalabad gujranwala peshawar multan hyderabad quetta sialkot
    abbottabad sargodha bahawalpur sukkur gilgit mardan gujrat muzaffarabad swabi mingora
"""
CITIES = frozenset(CITY_WORDS.split())
PLACES = CITIES | {"pakistan", "punjab", "sindh", "balochistan", "kpk"}

# Words that say what a business does. A name made of nothing else names nobody.
TRADE_WORDS = """
    software softwares house houses company companies firm firms agency agencies institute it bpo erp crm pos
    web website websites app apps application applications mobile ecommerce hosting domain seo outsourcing
    develop development developer developers design designing designer designers graphic graphics
    digital social media marketing advertising training best top leading custom professional
"""
TRADE = frozenset(TRADE_WORDS.split())
LINKS = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "&"})
# Of these alone a description, or the name of a place, consists.
DESCRIBING = TRADE | PLACES | LINKS
PLACING = PLACES | LINKS

# Alone they would name nobody either: "Systems Limited" is not "Systems".
TOO_GENERIC = TRADE | {
    *("system", "systems", "solution", "solutions"),
    *("tech", "technology", "technologies", "services"),
}

# What the patterns below need, each of which is searched for slowly and found seldom.
FORMER_WORDS, PRIVATE_WORDS = ("formerly", "previously"), ("pvt", "private")
LIMITED_ENDS = ("ltd", "limited", "c", "p", "gmbh")
BOASTING_WORDS = ("company", "firm", "agency", "house")

# A name that holds none of the words above needs no taking apart, unless they are a part of one of its words.
PLAIN_FORM = re.compile(r" \((?:Pvt|Private)\.?\) (?:Ltd|Limited)\.?$")
TELLING = DESCRIBING | {"ltd", "limited", "llc", "llp", "inc", "plc", "gmbh", *FORMER_WORDS}

# On the right of a separator these betray a slogan or a branch.
SLOGAN = re.compile(
    r"(?i)\b(?:softwares?|websites?|web|mobile apps?|e-?commerce|compan(?:y|ies)|agenc(?:y|ies)|firm"
    r"|develop\w+|design\w*|services|seo|erp|digital|best|head ?quarters?|branch|chapter|institute"
    r"|(?:registered|head|main|branch) office|(?:training|delivery|service) cent(?:er|re))\b"
)

PRIVATE = re.compile(
    r"""(?ix) [\s,]* (?: \(\s*(?:smc[\s-]*)?(?:pvt|private)[.\s]*\)       # (Pvt.)   (SMC-PRIVATE)
                      |  \(?\b(?:smc[\s-]*)?(?:pvt\b|private(?=[.\s]*(?:ltd|limited)\b)) )
        [.\s]* (?:(?:ltd|limited)\b)? \.? \)?"""
)
LIMITED = re.compile(r"(?i)[\s,]+(?:ltd|limited|l\.?l\.?c|l\.?l\.?p|inc|plc|gmbh)\.?$")

FORMERLY = re.compile(r"(?i)[\s(,-]*\b(?:formerly|previously)(?:\s+known\s+as)?:?\s+([^()|]+?)\s*(?:\)|$)")
PARENTHESIS = re.compile(r"\s*\(([^()]*)\)")
DASH = re.compile(r"(\s+-+\s*|-+\s+|\s*[\u2013\u2014]\s*|:\s+|/\s+|,\s+|\.\s+)")
PLACED = re.compile(rf"(?i)\b(?:company|in)\s+(?:{'|'.join(sorted(CITIES))})\b")
BOAST = re.compile(r"(?i)\s+(?:(?:the\s+)?(?:best|top|leading)|an?)\s+(?:\S+\s+)*(?:company|firm|agency|house)\b.*$")


class UnusableNameError(ValueError):
    """A name that identifies no company; says so in a sentence."""


@dataclass(frozen=True)
class CleanName:
    name: str
    legal_name: str = ""
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=4096)  # a name that is read is compared afterwards
def clean_name(raw: str) -> CleanName:
    """The short name, the legal name where a legal form is given, and other names in the text.

    "Techlogix Pakistan (Pvt.) Ltd. - ERP" is Techlogix Pakistan, legally Techlogix Pakistan (Pvt.) Ltd.
    What follows a private company's legal form is a remark. Raises UnusableNameError: "Best Software House".
    """
    text = squash(raw if raw.isascii() else re.sub("[®™©]", " ", raw))
    if len(text) > LONGEST:
        raise UnusableNameError(f"name: longer than {LONGEST} characters: “{text[:40]}…”")
    form = PLAIN_FORM.search(text)
    name = text[: form.start()] if form else text
    return CleanName(name, text if form else "") if is_plain(name) else taken_apart(text)


def is_plain(text: str) -> bool:
    """Whether a text is sure to be a name and nothing else; of those that are not, most are as well."""
    folded = text.casefold()
    return bool(
        PLAIN.fullmatch(text)
        and TELLING.isdisjoint(folded.split())
        and folded not in TOO_GENERIC
        and not _has(folded, PRIVATE_WORDS)
    )


def taken_apart(text: str) -> CleanName:
    """What ``clean_name()`` makes of a text without signs of trade marks."""
    whole, folded = text, text.casefold()
    aliases: list[str] = []
    former = FORMERLY.search(text) if _has(folded, FORMER_WORDS) else None
    if former and text[: former.start()].strip():
        aliases.append(former[1])
        text = squash(text[: former.start()] + " " + text[former.end() :])
    private = PRIVATE.search(text) if _has(folded, PRIVATE_WORDS) else None
    head, form = (text[: private.start()], private[0]) if private and private.start() else (text, "")
    if head.count("(") > head.count(")"):
        before, _, inside = head.rpartition("(")
        head, form = inside if is_description(before) else before, form.removesuffix(")")
    name, others = _without_slogans(head)
    limited = LIMITED.search(name) if not form and name.casefold().rstrip(".").endswith(LIMITED_ENDS) else None
    if limited:
        name, form = name[: limited.start()], limited[0]
    name = name.rstrip(" .,-|:/")
    legal_name = squash(name + form) if form else ""
    if not name or is_description(name) or _is_place(name):
        raise UnusableNameError(f"name: “{whole}” says what a business does, not which one it is.")
    if legal_name and _is_too_generic(name):
        name = legal_name
    return CleanName(name, legal_name, tuple(dict.fromkeys(aliases + others)))


def _has(text: str, parts: tuple[str, ...]) -> bool:
    return any(part in text for part in parts)


def is_description(text: str) -> bool:
    """Whether a text tells only a trade, perhaps with a place: "Best Software House in Lahore"."""
    words = _words(text)
    return not TRADE.isdisjoint(words) and DESCRIBING.issuperset(words)


@lru_cache(maxsize=4096)  # every rule asks for the words of the same few pieces
def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w&']+", fold(text)))


def _is_too_generic(name: str) -> bool:
    words = [word for word in _words(name) if word not in LINKS]
    return len(words) == 1 and words[0] in TOO_GENERIC


def _is_place(text: str) -> bool:
    words = _words(text)
    return not PLACES.isdisjoint(words) and PLACING.issuperset(words)


def _is_remark(text: str) -> bool:
    return _is_place(text) or is_description(text) or bool(SLOGAN.search(text))


def _without_slogans(text: str) -> tuple[str, list[str]]:
    """The part of a text that names a company, and the acronyms or second names beside it."""
    aliases: list[str] = []
    for inside in PARENTHESIS.findall(text) if "(" in text else ():
        outside = PARENTHESIS.sub("", text).strip()
        if _is_acronym(inside.strip(), outside):
            aliases.append(inside.strip())
        elif not _is_remark(inside):
            continue
        text = text.replace(f"({inside})", " ")
    segments = [segment.strip() for segment in text.split("|") if segment.strip()] or [text]
    name, seconds = _before_dash(next((s for s in segments if not _names_nobody(s)), segments[0]))
    return _without_tail(squash(name)), aliases + seconds


def _is_acronym(short: str, long: str) -> bool:
    """Whether capitals are a name's initials: ART for AL-Rehman Technologies."""
    initials = iter(word[0].upper() for word in re.findall(r"\w+", long))
    return bool(re.fullmatch(r"[A-Z]{2,7}", short)) and all(letter in initials for letter in short)


def _names_nobody(text: str) -> bool:
    """Whether a segment only describes, if in other words: "Google workspace in Karachi Pakistan"."""
    return is_description(text) or _is_place(text) or bool(PLACED.search(text))


def _before_dash(text: str) -> tuple[str, list[str]]:
    """Cut at the first dash, colon, slash, comma or full stop that a remark follows; keep a second name."""
    pieces = DASH.split(text)
    first, rest = pieces[0], list(zip(pieces[1::2], pieces[2::2], strict=True))
    if _names_nobody(first):
        return next((piece for _, piece in rest if not _is_remark(piece)), text), []
    kept = first
    for mark, piece in rest:
        # A comma or a full stop may belong to a name ("Dr. Web Services"): only a description is cut there.
        plain = mark.strip() in {",", "."}
        if (is_description(piece) or _is_place(piece)) if plain else _is_remark(piece):
            return kept, []
        if mark.strip() == "/":
            return kept, [squash(piece)]
        kept += mark + piece
    glued = re.fullmatch(r"(\w{3,})-(\w+ .+)", kept)
    return (glued[1] if glued and is_description(glued[2]) else kept), []


def _without_tail(name: str) -> str:
    """Cut "A Software Company", "Best Firm in Lahore", a branch's city and a trade run into the name."""
    boast = BOAST.search(name) if _has(name.casefold(), BOASTING_WORDS) else None
    if boast and SLOGAN.search(boast[0]):
        name = name[: boast.start()]
    words = name.split()
    end = len(words)
    while end > 1 and _is_place(words[end - 1]):
        end -= 1
    if end < len(words) and words[end - 1].lower() in {"in", "at"}:
        end -= 1
    # "Nisum Pakistan" is a name of its own, "Afiniti Karachi" a branch.
    placed = any(word.lower() in {*CITIES, "in"} for word in words[end:])
    start = end = end if placed else len(words)
    while start > 1 and is_description(" ".join(["software", words[start - 1]])):
        start -= 1
    # "Software House" ends many real names; with a city after it, or five words long, it is an advertisement.
    run = end - start
    short = words[:start] if (placed and run >= 2) or run >= 5 else words[:end]
    return name if is_description(" ".join(short)) or _is_too_generic(" ".join(short)) else " ".join(short)
