"""The admin's pages on which a file becomes companies: upload, columns, what is to be decided, progress, undo."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse

from companies import background
from companies.additions import additions
from companies.batches import facts
from companies.cleaning import COLUMNS, claimed_twice
from companies.files import TOO_LARGE, Refused, read_table
from companies.leftovers import Guesser, left_out_lines, most_frequent
from companies.models import Company
from companies.serializers import CompanySerializer
from companies.staged import Decision, Import, ImportRow, State
from companies.staging import decide, receive
from companies.workflow import Status, publishes
from directory.api.exports import plain
from directory.uploads import LARGEST
from directory.wording import Difference, Wording

ADD, CHANGE, VIEW = "companies.add_import", "companies.change_import", "companies.view_import"
PAGE_SIZE = 20
# The tab of the rows of which something is left out.
LEFT_OUT = "left-out"
LEFT_OUT_COLUMNS = ["row", "company", "column", "value", "perhaps"]
# Values shown beside each column, so that one sees what it holds.
SAMPLES, LONGEST_SAMPLE = 3, 40
# Field → its label.
FIELDS = {name: name.replace("_", " ") for name in COLUMNS} | {
    "hub": "city",
    "offices": "other cities",
    "hourly_rate": "hourly rate, US dollars",
    "summary": "summary, one sentence",
}


class UploadForm(forms.Form):
    """A file, which is kept only if it can be read."""

    file = forms.FileField(
        label="File",
        help_text="CSV, XLSX or JSON with a row for each company; at most 20 MB.",
        error_messages={"required": "Choose a file."},
    )
    reason = forms.CharField(
        max_length=300,
        required=False,
        label="Where it comes from",
        help_text="An address, or the name of a list. It becomes a source of each company, for what the file says of"
        " it, unless the file names a source for the row. Curators read it in the history as well.",
    )

    def receive(self, by: Any) -> Import | None:
        """The import that the file begins; None, with an error on the field, where it is refused."""
        file = self.cleaned_data["file"]
        try:
            return receive(file.name, file.read(), by=by, reason=self.cleaned_data["reason"])
        except Refused as error:
            self.add_error("file", str(error))
            return None


def upload_page(request: HttpRequest) -> HttpResponse:
    require(request, ADD)
    form = UploadForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST and not request.FILES:
        form.errors["file"] = form.error_class([TOO_LARGE])
    elif form.is_valid() and (batch := form.receive(request.user)):
        return HttpResponseRedirect(address(batch))
    context = {
        **admin.site.each_context(request),
        "title": "Import companies",
        "opts": Import._meta,
        "form": form,
    }
    return TemplateResponse(request, "admin/companies/import/upload.html", context)


def import_page(request: HttpRequest, import_id: int) -> HttpResponse:
    """What an import needs now; POST does what its button ``do`` says."""
    require(request, CHANGE if request.method == "POST" else VIEW)
    batch = get_object_or_404(Import.objects.without_file().select_related("by", "undone_by"), pk=import_id)
    if request.method == "POST":
        act(request, batch)
        if not Import.objects.filter(pk=batch.pk).exists():
            return HttpResponseRedirect(reverse("admin:companies_import_changelist"))
        return HttpResponseRedirect(f"{address(batch)}{'?' if request.GET else ''}{request.GET.urlencode()}")
    counts = batch.rows.tally()
    show = shown(request.GET.get("show", ""), counts)
    rows = batch.rows.with_leftovers() if show == LEFT_OUT else batch.rows.filter(decision=show)
    page = Paginator(rows.select_related("company").order_by("number"), PAGE_SIZE).get_page(request.GET.get("p"))
    guesser = Guesser(batch)
    context = {
        **admin.site.each_context(request),
        "title": batch.name,
        "opts": Import._meta,
        "batch": batch,
        "state": batch.state,
        "counts": counts,
        "decisions": [(value, label, counts[value], value == show) for value, label in Decision.choices],
        "left_out": batch.rows.with_leftovers().count(),
        "frequent": most_frequent(batch, guesser) if show == LEFT_OUT else [],
        "outcome": batch.outcome(counts) if counts["done"] else None,
        "show": show,
        "page": page,
        "entries": list(entries(list(page.object_list), guesser)),
        "columns": list(columns_of(batch)) if batch.state in ACTIONS["stage"][0] else [],
        "fields": list(FIELDS.items()),
        **choices_of(request, batch, show, counts),
        "may_publish": publishes(request.user),
    }
    return TemplateResponse(request, "admin/companies/import/import.html", context)


def shown(asked: str, counts: dict[str, int]) -> str:
    """The tab that is asked for; else what is to be decided or, where nothing is, the first that has rows."""
    if asked in (*Decision.values, LEFT_OUT):
        return asked
    order = (Decision.UNDECIDED, Decision.CREATE, Decision.UPDATE, Decision.REFUSED)
    return next((value for value in order if counts[value]), Decision.UNDECIDED)


def columns_of(batch: Import) -> Iterator[tuple[str, str, list[str]]]:
    """(column, the field that it is read as, its first values)."""
    try:
        rows = [row for _, row in islice(read_table(batch.name, bytes(batch.content)).rows, SAMPLES)]
    except ValueError:  # which staging tells
        rows = []
    for column in batch.columns:
        yield column, batch.mapping.get(column, ""), [row[column][:LONGEST_SAMPLE] for row in rows if column in row]


def choices_of(request: HttpRequest, batch: Import, show: str, counts: dict[str, int]) -> dict[str, Any]:
    """What the page offers: nothing that the import's state would refuse."""
    may_change = request.user.has_perm(CHANGE)
    pending = batch.rows.pending().count()
    may_decide = may_change and batch.state in ACTIONS["decide"][0] and show == Decision.UNDECIDED and counts[show]
    is_unwritten = not counts["done"]
    return {
        "may_map": may_change and is_unwritten and batch.state in ACTIONS["stage"][0],
        "may_cancel": may_change and is_unwritten and batch.state in ACTIONS["cancel"][0],
        "may_undo": may_change and not is_unwritten and batch.state in ACTIONS["undo"][0],
        "may_change": may_change,
        "pending": pending,
        "may_decide": may_decide,
        "may_write": may_change and batch.state in ACTIONS["apply"][0] and (pending or may_decide),
    }


def act(request: HttpRequest, batch: Import) -> None:
    """Do what a button says, unless somebody else, or the background, has moved the import on."""
    do = request.POST.get("do", "")
    with transaction.atomic():
        now = Import.objects.select_for_update(of=("self",)).filter(pk=batch.pk).first()
        allowed, action = ACTIONS.get(do, ((), None))
        if now is None or action is None or now.state not in allowed:
            messages.error(request, "The import has moved on meanwhile. Nothing was done: look at it as it is now.")
            return
        action(request, now)
    if now.is_busy:
        background.call()


def take_mapping(request: HttpRequest, batch: Import) -> None:
    """Read the rows with the columns as they are mapped now; not once rows were written, which an undo needs."""
    if batch.rows.done().exists():
        messages.error(request, "Rows of it were written already: undo the import, and upload the file again.")
        return
    chosen = [(column, request.POST.get(f"column-{n}", "")) for n, column in enumerate(batch.columns)]
    mapping = {column: name for column, name in chosen if name in COLUMNS}
    if "name" not in mapping.values():
        messages.error(request, "Say which column holds the companies’ names.")
        return
    if twice := claimed_twice(mapping):
        messages.error(request, " ".join(too_many(name, columns) for name, columns in twice.items()))
        return
    is_published = request.POST.get("status") == Status.PUBLISHED and publishes(request.user)
    batch.mapping = mapping
    batch.status = Status.PUBLISHED if is_published else Status.DRAFT
    batch.save(update_fields=["mapping", "status"])
    batch.move(State.STAGING)


def too_many(name: str, columns: list[str]) -> str:
    """That several columns are read as a field of one value."""
    named = " and ".join(f"“{column}”" for column in columns)
    return f"{named} are both read as {FIELDS[name]}, of which a company has one: leave one of them out."


def take_decisions(request: HttpRequest, batch: Import) -> None:
    """Settle the rows of a page; each of its buttons does so first, that nothing ticked is lost."""
    chosen = dict(read_choices(request.POST))
    if not chosen:
        return
    settled = 0
    for row in batch.rows.filter(number__in=chosen, done=False):
        try:
            decide(row, chosen[row.number])
        except ValueError:
            messages.error(request, f"Row {row.number} does not offer this choice.")
        else:
            settled += 1
    if settled:
        batch.count()
        messages.success(request, f"Decided: {settled}.")


def read_choices(post: QueryDict) -> Iterator[tuple[int, str]]:
    for name, value in post.items():
        number = name.removeprefix("row-")
        if name.startswith("row-") and number.isascii() and number.isdigit() and len(number) < 10:
            yield int(number), str(value)


def skip_undecided(request: HttpRequest, batch: Import) -> None:
    take_decisions(request, batch)
    number = batch.rows.filter(decision=Decision.UNDECIDED).update(decision=Decision.SKIP)
    batch.count()
    messages.success(request, f"Left out: {number}.")


def apply(request: HttpRequest, batch: Import) -> None:
    take_decisions(request, batch)
    if not batch.rows.pending().exists():
        messages.error(request, "Nothing is decided yet that could be written.")
        return
    batch.move(State.APPLYING)


def cancel(request: HttpRequest, batch: Import) -> None:
    """Forget a file of which nothing was written."""
    if batch.rows.done().exists():
        messages.error(request, "Rows of it were written already: undo the import.")
        return
    messages.success(request, f"The import of {batch.name} was cancelled. Nothing was written.")
    batch.delete()


def undo(request: HttpRequest, batch: Import) -> None:
    why = request.POST.get("why", "").strip()[:400]
    if not why:
        messages.error(request, "Say why it is undone: others have to know.")
        return
    batch.undone_by, batch.why_undone, batch.is_checked = request.user, why, False  # type: ignore[assignment]
    batch.save(update_fields=["undone_by", "why_undone", "is_checked"])
    batch.move(State.UNDOING)


# Button → the states in which it is there, and what it does.
ACTIONS: dict[str, Any] = {
    "stage": ((State.UPLOADED, State.STAGED, State.FAILED), take_mapping),
    "decide": ((State.STAGED, State.APPLIED), take_decisions),
    "skip": ((State.STAGED, State.APPLIED), skip_undecided),
    "apply": ((State.STAGED, State.APPLIED, State.FAILED), apply),
    "cancel": ((State.UPLOADED, State.STAGED, State.FAILED), cancel),
    "undo": ((State.APPLIED, State.FAILED), undo),
}


def entries(rows: list[ImportRow], guesser: Guesser) -> Iterator[dict[str, Any]]:
    """Rows as the page shows them: each with what it may be, and with what it would add to that."""
    pks = {pk for row in rows for pk in [row.company_id, *(pk for pk, _, _ in row.candidates)] if pk and pk > 0}
    companies = Company.objects.for_document().in_bulk(pks)
    serializer, wording = CompanySerializer(), Wording(Company)
    for row in rows:
        yield {
            "row": row,
            "name": row.patch.get("name") or name_as_in_file(row, guesser.mapping),
            "unplaced": [(column, value, guesser.guess(column, value)) for column, value in row.unplaced],
            "raw": list(row.raw.items()),
            "options": [
                {
                    "value": pk,
                    "company": companies.get(pk),
                    "earlier": -pk,
                    "reasons": ", ".join(reasons),
                    "differences": differences(serializer, wording, companies.get(pk), row),
                }
                for pk, _, reasons in row.candidates
                if pk < 0 or pk in companies
            ],
            "patch": [(FIELDS.get(name, name), wording.say(name, value)) for name, value in row.patch.items()],
            "differences": differences(serializer, wording, companies.get(row.company_id or 0), row),
        }


def name_as_in_file(row: ImportRow, mapping: Mapping[str, str]) -> str:
    return next((value for column, value in row.raw.items() if mapping.get(column) == "name"), "A row without a name")


def differences(serializer: Any, wording: Wording, company: Company | None, row: ImportRow) -> list[Difference]:
    """What a row adds to a company, or did."""
    if company is None:
        return []
    if row.done:
        before, after = row.before or {}, row.after or {}
    else:
        before = facts(serializer, company)
        after = additions(before, row.patch)
    return [wording.difference(name, before.get(name), after[name]) for name in after]


def refused_page(request: HttpRequest, import_id: int) -> StreamingHttpResponse:
    """The refused rows as CSV: as they were in the file, behind their numbers and reasons."""
    require(request, VIEW)
    batch = get_object_or_404(Import.objects.without_file(), pk=import_id)
    return csv_response(f"import-{batch.pk}-refused.csv", ["row", "why", *batch.columns], refused_lines(batch))


def left_out_page(request: HttpRequest, import_id: int) -> StreamingHttpResponse:
    """What found no place of rows that go in, as CSV: a line for each value."""
    require(request, VIEW)
    batch = get_object_or_404(Import.objects.without_file(), pk=import_id)
    return csv_response(f"import-{batch.pk}-left-out.csv", LEFT_OUT_COLUMNS, left_out_lines(batch))


def refused_lines(batch: Import) -> Iterator[list[str]]:
    rows = batch.rows.filter(decision=Decision.REFUSED).order_by("number")
    for row in rows.iterator(chunk_size=1000):
        yield [str(row.number), " ".join(row.reasons), *(row.raw.get(column, "") for column in batch.columns)]


class Echo:
    """A file that hands back what is written into it."""

    def write(self, text: str) -> str:
        return text


def csv_response(name: str, columns: list[str], lines: Iterable[list[str]]) -> StreamingHttpResponse:
    """A table to download, escaped so that no spreadsheet runs any of it."""
    writer: Any = csv.writer(Echo())
    texts = chain(["\ufeff"], (writer.writerow(map(plain, line)) for line in chain([columns], lines)))
    response = StreamingHttpResponse(texts, content_type="text/csv; charset=utf-8; header=present")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def progress_page(request: HttpRequest, import_id: int) -> JsonResponse:
    """How far an import is, for the bar on its page."""
    require(request, VIEW)
    batch = get_object_or_404(Import.objects.without_file(), pk=import_id)
    done, pending = batch.rows.done().count(), batch.rows.pending().count()
    whole = batch.counts.get("done", 0) if batch.state == State.UNDOING else done + pending
    return JsonResponse(
        {"busy": batch.is_busy, "done": whole - done if batch.state == State.UNDOING else done, "all": whole}
    )


def require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def address(batch: Import) -> str:
    return reverse("admin:companies_import_change", args=[batch.pk])
