from directory.api.filters import Id, Slug
from directory.api.texts import Text
from hubs.filters import PublishedFilters
from partners.public_views import PublicView


class PublicViewFilters(PublishedFilters):
    id = Id(PublicView)
    slug = Slug(PublicView)
    description = Text(example="Lahore")
