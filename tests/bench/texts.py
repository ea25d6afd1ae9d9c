"""What people type: words of companies' names, very common words, and words with a slip."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from companies.dictionary import SHORTEST, Word, neighbours
from companies.models import Company
from directory.api.words import words_of
from tests.bench.lookups import ONE_WORD, SEARCH, SLIP, SUGGEST, TWO_WORDS

TEXTS = 200  # texts of each kind
DRAWN = 2_000  # companies whose names are typed
COMMON = 0.05  # of all companies: what more of them have is a very common word


class Texts:
    """Texts made of the words of one database."""

    def __init__(self) -> None:
        self.rng = random.Random(4)
        companies = dict(Word.objects.values_list("word", "companies"))
        least = COMMON * Company.objects.published().count()
        self.common = sorted(word for word, count in companies.items() if count > least and len(word) > SHORTEST)
        drawn = Company.objects.published().filter(pk__in=self.rng.sample(range(1, len(self) + 1), DRAWN))
        rows = drawn.order_by("pk").values_list("name", "hub__name")
        names = [(words_of([name])[0], hub) for name, hub in rows if hub]
        rare = [([word for word in words if 0 < companies.get(word, 0) <= least], hub) for words, hub in names]
        self.names = [(words, hub) for words, hub in rare if len(words) > 1]

    def __len__(self) -> int:
        return Company.objects.latest("pk").pk

    def kinds(self) -> Iterator[dict[str, Any]]:
        """Per kind: what it is, and what to ask for."""
        word, two, common = self.word, self.two, lambda: self.rng.choice(self.common)
        for endpoint, what, text in (
            (SEARCH, ONE_WORD, word),
            (SEARCH, TWO_WORDS, two),
            (SEARCH, "a word of a name and the company's hub", self.word_and_hub),
            (SEARCH, SLIP, lambda: self.slip(word)),
            (SEARCH, "one very common word", common),
            (SEARCH, "two very common words", lambda: f"{common()} {common()}"),
            (SUGGEST, "the first three letters of a word of a name", lambda: word()[:3]),
            (SUGGEST, ONE_WORD, word),
            (SUGGEST, SLIP, lambda: self.slip(word)),
            (SUGGEST, "a very common word with a slip", lambda: self.slip(common)),
        ):
            texts = self.different(text)
            yield {"what": [endpoint, what], "example": texts[0], "queries": [urlencode({"q": one}) for one in texts]}

    def different(self, text: Callable[[], str]) -> list[str]:
        """Different texts, or as many as come up in twenty times as many attempts."""
        found: dict[str, None] = {}
        for _ in range(20 * TEXTS):
            if len(found) < TEXTS:
                found[text()] = None
        return list(found)

    def word(self) -> str:
        return self.rng.choice(self.rng.choice(self.names)[0])

    def two(self) -> str:
        return " ".join(self.rng.choice(self.names)[0][:2])

    def word_and_hub(self) -> str:
        words, hub = self.rng.choice(self.names)
        return f"{words[0]} {hub}"

    def slip(self, word: Callable[[], str]) -> str:
        """A word with one letter wrong that the dictionary takes for a slip."""
        while True:
            right = word()
            if len(right) > SHORTEST and neighbours([wrong := self.misspelt(right)]):
                return wrong

    def misspelt(self, word: str) -> str:
        at, letter = self.rng.randrange(1, len(word)), self.rng.choice(string.ascii_lowercase)
        return self.rng.choice(
            [
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + letter + word[at + 1 :],
                word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
            ]
        )
