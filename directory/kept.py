"""Nothing typed is lost: a form that cannot be saved now comes back with what is in it, to be sent again."""

import re
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import capfirst
from django.views import csrf

from directory import opened

# What the machinery of a form sends beside what was typed.
MACHINERY = re.compile(r"csrfmiddlewaretoken|_\w+|take-.*|.+-(TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS|.*-__prefix__-.*")
# A field of an inline's row: prefix, number, name.
CELL = re.compile(r"(.+)-(\d+)-(\w+)")


def kept_page(request: HttpRequest, why: str, *, sign_in: bool = False) -> HttpResponse:
    """Says why nothing was saved, shows what was typed, and sends it again when asked; status 403."""
    context = {
        "title": "Nothing was saved, and nothing is lost",
        "why": why,
        "sign_in": f"{reverse('admin:login')}?next={reverse('admin:index')}" if sign_in else "",
        "sent": list(sent(request)),
        "typed": list(typed(request)),
    }
    return render(request, "admin/directory/kept.html", context, status=403)


def sent(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Each field of the form that was sent, in order, but for the token against forgery, which is made anew."""
    for name, values in request.POST.lists():
        if name != "csrfmiddlewaretoken":
            yield from ((name, str(value)) for value in values)


def typed(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """(label, value) of what differs from what the form was opened with."""
    was = opened.read(request.POST)
    for name, values in request.POST.lists():
        found = [text for value in values if (text := str(value).replace("\r\n", "\n").strip())]
        if (
            found
            and name != opened.FIELD
            and not MACHINERY.fullmatch(name)
            and sorted(found) != before(request, was, name)
        ):
            yield capfirst(re.sub("[-_]", " ", name)), "\n".join(found)


def before(request: HttpRequest, was: opened.Opened | None, name: str) -> list[str]:
    """What a field had when the form was opened, in order of the alphabet."""
    if was is None:
        return []
    cell = CELL.fullmatch(name)
    if cell is None:
        return sorted(was.state.fields.get(name, []))
    prefix, number, field = cell.groups()
    owner = was.of.partition(":")[0]
    if field in ("id", owner.partition(".")[2]):  # which row it is, and whose
        return sorted(request.POST.getlist(name))
    row = was.state.parts.get(prefix, {}).get(request.POST.get(f"{prefix}-{number}-id", ""), {})
    return sorted(row.get(field, []))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form of ours that is older than the last sign-in comes back with its input; anything else is refused.

    A browser tells by Origin which site a form was on, so no other site gets its own form approved here.
    """
    is_ours = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
    if is_ours and request.path.startswith(reverse("admin:index")) and opened.read(request.POST):
        return kept_page(request, "You have signed in since this form was opened: send it once more.")
    return csrf.csrf_failure(request, reason)
