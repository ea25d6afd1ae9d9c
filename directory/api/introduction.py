"""What somebody reads first who opens the API's description: its conventions, and calls that work."""

from urllib.parse import quote

# Call → what it asks.
EXAMPLES = {
    "/api/v1/companies/?hub=lahore,karachi&specialty=artificial-intelligence": "in one of two cities, and does AI",
    "/api/v1/companies/?q=machine learning lahore": "a search, the best first",
    "/api/v1/companies/?founded_year__gte=2015&ordering=-founded_year&count=exact": (
        "founded since 2015, the youngest first, counted"
    ),
    "/api/v1/companies/?hub=lahore&facets=specialty,kind&page_size=5": "with counts to narrow it by",
    "/api/v1/companies/?fields=name,website,hub(slug)&page_size=100": "a few fields of each",
    "/api/v1/companies/?include=hub&fields=name,hub(name,province)": "with fields of its hub’s own document",
    "/api/v1/companies/?hub=karachi&format=csv": "the whole result as a table",
    "/api/v1/stats/?group=hub": "how many there are in each hub, and their medians",
    "/api/v1/suggest/?q=lah": "the names and slugs that begin so",
}

INTRODUCTION = """\
No key needed: every link here works in your browser; a key only raises the limit of requests. It is read-only,
but for the suggestions that anybody may send: `POST /api/v1/suggestions/` corrects a company, or names one that
is missing.

{examples}

**Filters.** Within a parameter, commas are OR: `hub=lahore,karachi`. Different parameters are AND. `__all`
wants all values (`specialty__all=artificial-intelligence,blockchain`), `__not` none of them
(`hub__not=islamabad`), `__gte`, `__gt`, `__lte` and `__lt` are ranges (`employees__gte=100`). Hubs,
specialties, industries and programs are named by slug; their collections list the slugs, and
[suggest](/api/v1/suggest/?q=lah) finds them. Whatever is not declared here is refused by a 400, which names
each mistake and what may have been meant. [All errors](/problems/) have a page.

**Empty means unknown.** Many facts are not known yet: `women_led__isnull=true` finds the companies of which
nobody has said it, `women_led=false` those known not to be. Unknown fields are `null`.

**Pages.** Follow `next` until it is null. `count` is null unless you ask for a `page` or `count=exact`.
`facets=hub,kind` counts the values beside a page. JSON, GeoJSON and JSON-LD come in pages; CSV and NDJSON are
the whole result, and the last line of NDJSON, `{{"rows": …, "revision": …}}`, tells that nothing got lost.

**What changed.** Answers have an `ETag`: send it as `If-None-Match`, and a 304 says that nothing did.
`Directory-Revision` is the number of the newest change. [Changes](/api/v1/changes/?after=1) are all that was
published since a revision, in order, with what was withdrawn or merged; given `wait`, it answers as soon as
there is another, so nobody polls. A copy begins with the [snapshot](/api/v1/snapshot/). Partners with
a key are told by webhooks; anybody may read the news as [Atom](/feed.atom). An object's
[history](/api/v1/companies/devsinc/history/) lists its versions, and `as_of` shows it as it was at a
revision or on a date.
""".format(
    examples="\n".join(f"- [`{call}`]({quote(call, safe='/?=&,')}): {meaning}" for call, meaning in EXAMPLES.items())
)
