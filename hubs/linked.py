"""What hubs, programs and indicators are in the words of schema.org."""

from directory.api.linked import LinkedData, at, reference, year

HUB = LinkedData(
    "City",
    {
        "name": "name",
        "alternateName": "aliases",
        "description": "summary",
        "geo": at("latitude", "longitude"),
        "containedInPlace": lambda document: {
            "@type": "AdministrativeArea",
            "name": document["province_name"],
            "identifier": document["province"],
        },
    },
)
PROGRAM = LinkedData(
    "Organization",
    {
        "name": "name",
        "url": "website",
        "description": "summary",
        "parentOrganization": lambda document: (
            document["organiser"] and {"@type": "Organization", "name": document["organiser"]}
        ),
        "location": reference("hub", "hubs", "City"),
        "foundingDate": year("started_year"),
    },
)
INDICATOR = LinkedData(
    "Observation",
    {
        "name": "name",
        "variableMeasured": "measure",
        "value": "value",
        "unitText": "unit",
        "observationDate": "period_end",
        "observationAbout": reference("hub", "hubs", "City"),
        "description": "note",
    },
)
