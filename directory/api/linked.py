"""Linked data: documents in the words of schema.org, as JSON-LD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from directory.api.related import Document


@dataclass(frozen=True)
class LinkedData:
    """What documents of a kind are in the words of schema.org: their type, and property → field or function.

    A function gets the document. What is missing is left out.
    """

    type: str
    properties: Mapping[str, str | Callable[[Document], Any]]

    def of(self, document: Document) -> Document:
        node: Document = {"@type": self.type, "@id": document["url"], "identifier": document["id"]}
        for name, source in self.properties.items():
            value = document.get(source) if isinstance(source, str) else source(document)
            if value not in (None, [], ""):
                node[name] = value
        return node


def linked_data(content: Document) -> bytes:
    """JSON-LD that may also stand inside <script>: no ``<`` ends it early, no line separator breaks it."""
    text = orjson.dumps({"@context": "https://schema.org"} | content)
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return text


def node(referred: Mapping[str, str], collection: str, type: str) -> Document:
    return {
        "@type": type,
        "@id": f"{settings.SITE_URL}/api/v1/{collection}/{referred['slug']}/",
        "name": referred["name"],
    }


def reference(field: str, collection: str, type: str) -> Callable[[Document], Document | None]:
    """What reads a field that refers to an object of ``collection``."""
    return lambda document: document[field] and node(document[field], collection, type)


def references(field: str, collection: str, type: str) -> Callable[[Document], list[Document]]:
    """What reads a field that refers to several objects of ``collection``."""
    return lambda document: [node(referred, collection, type) for referred in document[field]]


def year(field: str) -> Callable[[Document], str | None]:
    """What reads a year, as the date that it is there."""
    return lambda document: document[field] and str(document[field])


def at(latitude: str, longitude: str) -> Callable[[Document], Document]:
    """What reads coordinates."""
    return lambda document: {
        "@type": "GeoCoordinates",
        "latitude": document[latitude],
        "longitude": document[longitude],
    }
