"""What hubs, programs and indicators are counted by."""

from directory.api.facets import FacetSet
from directory.api.groupings import Values
from hubs.filters import HubFilters, IndicatorFilters, ProgramFilters
from hubs.models import Hub, Indicator, Program, Province

HUB_FACETS = FacetSet(
    Hub,
    HubFilters,
    {
        "province": Values("province", dict(Province.choices)),
        "notable": Values("notable", {"true": "Main hubs", "false": "Other hubs"}),
    },
)
PROGRAM_FACETS = FacetSet(
    Program,
    ProgramFilters,
    {
        "kind": Values("kind", dict(Program.Kind.choices)),
        "hub": Values("hub"),
        "for_women": Values("for_women", {"true": "For women", "false": "For everybody"}),
    },
)
INDICATOR_FACETS = FacetSet(Indicator, IndicatorFilters, {"hub": Values("hub")})
