"""Queries: what people type into a search box, taken apart into the words that a company has to have."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from companies.naming import UnusableNameError, clean_name
from directory.api.errors import Mistake
from directory.api.words import words_of

# Say nothing about which company is meant, as company_search() knows too; “and” stands for “&”.
LEGAL = frozenset(["pvt", "private", "ltd", "limited", "smc", "llc", "llp", "inc", "plc", "gmbh"])
# Say nothing about what is looked for, unless they are all that is said.
FILLER_WORDS = """
    a an and at by for from in of on or the to with based company companies firm firms pakistan pakistani
"""
FILLERS = frozenset(FILLER_WORDS.split())
PIECES = re.compile(r'(?P<left>-?)"(?P<phrase>[^"]*)"|(?<!\S)-(?P<without>[^\s"]+)|(?P<words>[^\s"]+)')
ADDRESS = re.compile(r"(?i)\b(?:https?://)?(?:www\.)?(?=[\w-]+\.\w)|/+$")

# Weights of a company's lexemes: its names, other names, what it does and where, what is said about it.
NAMES, OTHER_NAMES, TERMS, TEXTS = "A", "B", "C", "D"
ANYWHERE = NAMES + OTHER_NAMES + TERMS + TEXTS
# From these lengths on, a word may be the beginning of another, and of another's correct spelling.
BEGINNING, BEGINNING_CORRECTED = 3, 5
# Words that a name of the vocabulary may have, and that people write apart where a name has them as one.
LONGEST_TERM, LONGEST_RUN = 4, 3
# What people write out and names shorten, or the other way round: “Biafo Technologies” is Biafo Tech.
TRADES = dict.fromkeys(["technology", "technologies", "techs"], "tech")
# “Six Flicks” is 6Flicks.
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DIGITS = {name: str(number) for number, name in enumerate(NUMBERS)}

# How a word is found, the best first.
KINDS = ("word", "prefix", "typo")


@dataclass(frozen=True)
class Form:
    """One way in which a word is found: as words that follow each other, in lexemes of certain weights."""

    words: tuple[str, ...]
    kind: str = "word"
    is_beginning: bool = False
    weights: str = ANYWHERE

    def tsquery(self, weights: str) -> str | None:
        """The form as PostgreSQL writes it, within ``weights``; None where it cannot be."""
        common = "".join(weight for weight in self.weights if weight in weights)
        if not common:
            return None
        return " <-> ".join(lexeme(word, common, is_beginning=self.is_beginning) for word in self.words)


def lexeme(word: str, weights: str = ANYWHERE, *, is_beginning: bool = False) -> str:
    suffix = ("*" if is_beginning else "") + ("" if weights == ANYWHERE else weights)
    return f"'{word}'" + (f":{suffix}" if suffix else "")


@dataclass
class Wanted:
    """A word or phrase that a company has to have, in one of its forms.

    ``spellings`` are what may be misspelt of it: the word by itself, and together with its neighbours.
    """

    forms: list[Form]
    spellings: list[str] = field(default_factory=list)


@dataclass
class Query:
    """A text taken apart: all that is wanted, none of what is unwanted."""

    text: str
    words: list[str] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    unwanted: list[Form] = field(default_factory=list)
    has_phrases: bool = False
    # What a name may be to be just the one that is meant, and that after correction.
    names: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)

    def tsquery(self, kind: str, weights: str = ANYWHERE) -> str | None:
        """All of ``wanted``, in forms of ``kind`` or better; None where no company could have them."""
        kinds = KINDS[: KINDS.index(kind) + 1]
        joined = []
        for wanted in self.wanted:
            alternatives = [form.tsquery(weights) for form in wanted.forms if form.kind in kinds]
            present = [f"({alternative})" for alternative in dict.fromkeys(alternatives) if alternative]
            if not present:
                return None
            joined.append(f"({' | '.join(present)})")
        return " & ".join(joined)

    def found(self, kind: str) -> str:
        """The companies that are found by this query, in forms of ``kind`` or better."""
        either = [part for part in (self.tsquery(kind), whole(self.names, NAMES + OTHER_NAMES)) if part]
        without = [f" & !({form.tsquery(ANYWHERE)})" for form in self.unwanted]
        return f"({' | '.join(f'({part})' for part in either)}){''.join(without)}"

    def correct(self, corrections: Mapping[str, Sequence[str]]) -> None:
        """Let each word that is wanted also be one of its ``corrections``."""
        for wanted in self.wanted:
            wanted.forms += [
                Form((word,), "typo", is_beginning=len(word) >= BEGINNING_CORRECTED)
                for spelling in wanted.spellings
                for word in corrections.get(spelling, ())
            ]
        for n in range(max(map(len, corrections.values()), default=0)):
            words = [
                corrections[word][min(n, len(corrections[word]) - 1)] if word in corrections else word
                for word in self.words
            ]
            self.corrected.append(joined(words))


def whole(names: Sequence[str], weights: str, *, is_beginning: bool = False) -> str | None:
    """That a name is just one of ``names``, or begins with it."""
    return " | ".join(lexeme(f"={name}", weights, is_beginning=is_beginning) for name in names) or None


@dataclass(frozen=True)
class Piece:
    """A part of the text: plain words, a phrase, or what is not wanted."""

    text: str
    is_phrase: bool = False
    is_unwanted: bool = False


def pieces(text: str) -> Iterator[Piece]:
    """The parts of ``text`` in their order, plain words that follow each other as one; raises Mistake."""
    if text.count('"') % 2:
        raise Mistake("invalid_value", "A quotation mark is opened and not closed.")
    plain: list[str] = []
    for match in PIECES.finditer(text):
        if match["words"]:
            plain.append(match["words"])
        elif match["phrase"] is not None:
            yield Piece(match["phrase"], is_phrase=True, is_unwanted=bool(match["left"]))
        else:
            yield Piece(match["without"], is_phrase=True, is_unwanted=True)
    yield Piece(ADDRESS.sub("", " ".join(plain)))


def joined(words: Sequence[str]) -> str:
    """A name's words run together, without a legal form, for comparing it with others."""
    return "".join(word for word in words if word not in LEGAL and word != "and") or "".join(words)


def without_slogans(text: str) -> str:
    """The name in what a directory or a map shows: "Adam Tech (Software House)", "Afiniti Karachi"."""
    try:
        return clean_name(text).name
    except UnusableNameError:
        return ""


def read_query(text: str, names: Callable[[str], list[list[str]]]) -> Query:
    """Take ``text`` apart; raises Mistake.

    ``names`` finds the names of what goes by some words run together: people write "AI" and "KHI" where documents
    have "Artificial intelligence" and "Karachi".
    """
    parts = list(pieces(text))
    query = Query(text)
    *split, named = words_of([*(part.text for part in parts), without_slogans(parts[-1].text)])
    for part, words in zip(parts, split, strict=True):
        if not words:
            continue
        if part.is_unwanted:
            query.unwanted.append(Form(tuple(words)))
        elif part.is_phrase:
            query.has_phrases = True
            query.words += words
            query.wanted.append(Wanted([Form(tuple(words))]))
        else:
            query.words += words
            query.wanted += plain_words(words, names)
    if not query.wanted:
        what = "a search needs something to look for, beside what to leave out"
        raise Mistake("invalid_value", f"“{text[:60]}”: {what if query.unwanted else 'there is no word in it'}.")
    if not query.has_phrases:
        query.names = list(dict.fromkeys(joined(words) for words in (query.words, named) if words))
    return query


def plain_words(words: list[str], names: Callable[[str], list[list[str]]]) -> list[Wanted]:
    """Each word that says something, in its forms."""
    found = [Wanted([], [word]) for word in words]
    for n, word in enumerate(words):
        neighbours = words[max(n - 1, 0) : n] + words[n + 1 : n + 2]
        # “D & G” is not just any company that has a D and a G.
        if len(word) > 1 or all(len(other) > 1 for other in neighbours):
            found[n].forms += [Form((word,)), Form((f"+{word}",), weights=NAMES + OTHER_NAMES)]
    for length in range(2, LONGEST_RUN + 1):
        for n in range(len(words) - length + 1):
            run = "".join(words[n : n + length])
            together = [Form((run,)), Form((f"+{run}",), weights=NAMES + OTHER_NAMES)]
            for wanted in found[n : n + length]:
                wanted.forms += together
                wanted.spellings += [run] if length == 2 else []
    for wanted, other in zip(found, others(words), strict=True):
        wanted.forms += other
    for start, end, terms in terms_in(words, names):
        for wanted in found[start:end]:
            wanted.forms += [Form(tuple(term), weights=TERMS) for term in terms]
            wanted.spellings.clear()
    for wanted, word in zip(found, words, strict=True):
        if len(word) >= BEGINNING:
            wanted.forms.append(Form((word,), "prefix", is_beginning=True))
    said = [wanted for wanted, word in zip(found, words, strict=True) if word not in LEGAL | FILLERS]
    return said or found


def others(words: list[str]) -> list[list[Form]]:
    """Of each word, what names have in its place: a digit for its name, a trade’s short form for the long one."""
    digits = [DIGITS.get(word, word) for word in words]
    found = []
    for n, word in enumerate(words):
        trade = TRADES.get(word)
        forms = [Form((trade,), "prefix", is_beginning=True, weights=NAMES + OTHER_NAMES)] if trade else []
        for run in (digits[n : n + 1], digits[n : n + 2], digits[max(n - 1, 0) : n + 1]):
            if any(part in DIGITS.values() for part in run) and "".join(run) not in words:
                forms.append(Form(("".join(run),), weights=NAMES + OTHER_NAMES))
        found.append(forms)
    return found


def terms_in(words: list[str], names: Callable[[str], list[list[str]]]) -> Iterator[tuple[int, int, list[list[str]]]]:
    """(start, end, names) of each run of ``words`` that the vocabulary knows by another name."""
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST_TERM, len(words)) + 1):
            others = [name for name in names("".join(words[start:end])) if name != words[start:end]]
            if others:
                yield start, end, others
