"""What companies, specialties and industries are in the words of schema.org."""

from typing import Any

from directory.api.linked import LinkedData, reference, references, year

INDUSTRY = SPECIALTY = LinkedData("DefinedTerm", {"name": "name", "alternateName": "aliases"})


def employees(document: dict[str, Any]) -> dict[str, Any] | None:
    """A range of schema.org, with the ends that are known."""
    ends = document["employees"] or {}
    values = {"minValue": ends.get("min"), "maxValue": ends.get("max")}
    known = {name: value for name, value in values.items() if value is not None}
    return {"@type": "QuantitativeValue", **known} if known else None


def identifiers(document: dict[str, Any]) -> list[dict[str, str]]:
    """The directory's own id, then those of registers."""
    own = {"@type": "PropertyValue", "propertyID": "directory", "value": document["id"]}
    return [
        own,
        *(
            {"@type": "PropertyValue", "propertyID": identifier["scheme"], "value": identifier["value"]}
            for identifier in document["identifiers"]
        ),
    ]


COMPANY = LinkedData(
    "Organization",
    {
        "identifier": identifiers,
        "name": "name",
        "legalName": "legal_name",
        "alternateName": "aliases",
        "url": "website",
        "slogan": "summary",
        "description": "description",
        "foundingDate": year("founded_year"),
        "numberOfEmployees": employees,
        "location": reference("hub", "hubs", "City"),
        "knowsAbout": references("specialties", "specialties", "DefinedTerm"),
        "areaServed": "export_markets",
        "memberOf": references("programs", "programs", "Organization"),
    },
)
