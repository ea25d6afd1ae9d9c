"""What every kind of published object has, and the log of what was published."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

import pgtrigger
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from directory import ids
from directory.names import check_names

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Fold(models.Func):
    """Text as it is compared: compatibility forms united, accents and case dropped."""

    function = "directory_fold"
    output_field = models.TextField(db_collation="C")


def marks(kind: str, column: str = "id") -> list[pgtrigger.Trigger]:
    """Triggers that put (kind, ``column``) of each changed row into the outbox, whoever changes it and however.

    One for each operation, a statement at a time: a transition table belongs to one operation, and one INSERT for
    a hundred thousand updated rows costs a fraction of a hundred thousand.
    """
    silent = "IF current_setting('directory.publishing', true) = 'on' THEN RETURN NULL; END IF;"
    insert = "INSERT INTO directory_mark (kind, object_id)"
    select = f"SELECT '{kind}', {column} FROM {{}} WHERE {column} IS NOT NULL"  # noqa: S608 - names of ours
    rows = {
        pgtrigger.Insert: ("new",),
        pgtrigger.Update: ("old", "new"),
        pgtrigger.Delete: ("old",),
    }
    return [
        pgtrigger.Trigger(
            name=f"mark_{operation}_{column}".lower(),
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=pgtrigger.Referencing(**{side: f"{side}_rows" for side in sides}),
            func=" ".join(
                [silent, insert, " UNION ".join(select.format(f"{side}_rows") for side in sides), "; RETURN NULL;"]
            ),
        )
        for operation, sides in rows.items()
    ]


def published_triggers(kind: str) -> list[pgtrigger.Trigger]:
    """The triggers that every published table carries."""
    return [
        # A plain save() of an instance loaded before a publication would put the old document back.
        pgtrigger.Trigger(
            name="keep_document",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            func="""
                IF NEW.id <> OLD.id THEN
                    RAISE EXCEPTION 'a primary key is a public id and never changes'
                    USING ERRCODE = 'check_violation';
                END IF;
                IF current_setting('directory.publishing', true) IS DISTINCT FROM 'on' THEN
                    NEW.document := OLD.document;
                    NEW.revision := OLD.revision;
                    NEW.updated_at := OLD.updated_at;
                    NEW.created_at := OLD.created_at;
                END IF;
                RETURN NEW;
            """,
        ),
        pgtrigger.Trigger(
            name="start_unpublished",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            func="NEW.document := NULL; NEW.revision := NULL; NEW.updated_at := NULL; RETURN NEW;",
        ),
        # A slug that ever led to one object never leads to another.
        pgtrigger.Trigger(
            name="keep_address",
            when=pgtrigger.After,
            operation=pgtrigger.Insert | pgtrigger.Update,
            func=f"""
                IF TG_OP = 'UPDATE' AND NEW.slug = OLD.slug THEN RETURN NULL; END IF;
                INSERT INTO directory_address (kind, slug, object_id) VALUES ('{kind}', NEW.slug, NEW.id)
                ON CONFLICT (kind, slug) DO NOTHING;
                IF NOT EXISTS (
                    SELECT FROM directory_address
                    WHERE kind = '{kind}' AND slug = NEW.slug AND object_id = NEW.id
                ) THEN
                    RAISE EXCEPTION 'the slug "%" has belonged to another {kind}', NEW.slug
                    USING ERRCODE = 'unique_violation';
                END IF;
                RETURN NULL;
            """,  # noqa: S608
        ),
        *marks(kind),
    ]


class PublishedQuerySet(models.QuerySet[Any]):
    def published(self) -> PublishedQuerySet:
        """What the world sees: the objects that have a document."""
        return self.filter(document__isnull=False)

    def seen_or_shown(self) -> PublishedQuerySet:
        """What the world sees, or is to see once it is published."""
        shown: dict[str, Any] = self.model.shown_by
        return self.filter(Q(document__isnull=False) | Q(**shown)) if shown else self

    def for_document(self) -> PublishedQuerySet:
        """With all that rendering the document reads, in a fixed number of queries."""
        return self


class Published(models.Model):
    """An object that curators edit and the world reads as a document.

    ``document``, ``revision`` and ``updated_at`` (of the last public change) are written by ``publish()`` alone; a
    trigger keeps everybody else from changing them.
    """

    # Part of the public id, so it never changes: see directory.ids.
    kind_number: ClassVar[int]
    # The path segment of the collection, "companies".
    collection: ClassVar[str]
    # The slug of one of them in the starter directory, for the documentation to show.
    example: ClassVar[str]
    # Dotted path of the serializer that renders, describes and writes this kind.
    serializer: ClassVar[str]
    # Kind → look-ups by which this kind's documents name it: they follow when its name or slug changes.
    follows: ClassVar[dict[str, tuple[str, ...]]] = {}
    # The fields that hold names, one or a list.
    named_by: ClassVar[tuple[str, ...]] = ("name",)
    # What documents do not show and makes the world see an object of this kind.
    shown_by: ClassVar[dict[str, Any]] = {}

    slug = models.SlugField(
        max_length=80,
        unique=True,
        blank=True,
        help_text="The name in the address. Made from the name when left empty; the old address keeps working.",
    )
    name = models.CharField(max_length=200)
    name_key = models.GeneratedField(
        expression=Fold("name"), output_field=models.TextField(db_collation="C"), db_persist=True
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    document = models.TextField(null=True, editable=False)  # noqa: DJ001 - null is "not published"
    revision = models.BigIntegerField(null=True, editable=False)
    updated_at = models.DateTimeField(null=True, editable=False)

    objects = PublishedQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["name_key", "id"]
        constraints = [
            models.CheckConstraint(
                name="%(class)s_slug_form",
                condition=Q(slug__regex=SLUG_PATTERN) & ~Q(slug__regex=ids.PATTERN),
                violation_error_message="A slug is lower-case letters, digits and single hyphens, and not an id.",
            ),
            models.CheckConstraint(
                name="%(class)s_name_trimmed",
                condition=Q(name__regex=r"^\S(.*\S)?$"),
                violation_error_message="A name is not empty and neither starts nor ends with a space.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.slug = self.slug or self.free_slug()
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return f"/api/v1/{self.collection}/{self.slug}/"

    @property
    def public_id(self) -> str:
        return ids.encode(self.kind_number, self.pk)

    @property
    def url(self) -> str:
        return f"{settings.SITE_URL}/api/v1/{self.collection}/{self.slug}/"

    @property
    def is_public(self) -> bool:
        """Whether the world is to see this object once published."""
        return True

    def hide(self, *, by: User | None = None, reason: str = "") -> None:
        """Make an object that the world sees one that it does not see; ``by`` and why, where a kind keeps that."""
        self.delete()

    def was_shown(self, before: Any, *, by: User | None, reason: str) -> None:
        """Keep, where a kind does, that the world sees it again; ``before`` is it as it was, None if deleted."""

    def clean(self) -> None:
        """Name the slug's earlier owner before the database refuses it."""
        super().clean()
        if self.slug and Address.objects.taken(self).filter(slug=self.slug).exists():
            raise ValidationError({"slug": f"The slug “{self.slug}” belongs, or once belonged, to another."})

    def clean_fields(self, exclude: Any = None) -> None:
        """Refuse names that are none, too."""
        faults: dict[str, Any] = {}
        try:
            super().clean_fields(exclude=exclude)
        except ValidationError as error:
            error.update_error_dict(faults)
        for field in set(self.named_by) - set(exclude or ()) - faults.keys():
            try:
                check_names(getattr(self, field))
            except ValidationError as error:
                faults[field] = error.error_list
        if faults:
            raise ValidationError(faults)

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        self.slug = self.slug or self.free_slug()
        super().full_clean(*args, **kwargs)

    def free_slug(self, promised: Iterable[str] = ()) -> str:
        """A slug made from the name that nobody has or ever had, and that is not ``promised`` to another."""
        stem = self.slug_stem()
        taken = set(Address.objects.taken(self).filter(slug__startswith=stem).values_list("slug", flat=True))
        taken.update(promised)
        candidates = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 3))
        return next(slug for slug in candidates if slug not in taken and not is_id(slug))

    def slug_stem(self) -> str:
        """What a slug is made of; a number follows where others had it first."""
        stem = slug_of(self.name)[:70].strip("-")
        return stem or f"{self._meta.model_name}-{get_random_string(6).lower()}"


def slug_of(text: str) -> str:
    """What there is of ``text`` in a slug, where underscores are hyphens too; may be nothing."""
    return slugify(text.replace("_", " "))


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of a public id, which no slug may have."""
    return len(text) == 9 and text[0] == "0" and text[7:].isdigit()


def kinds() -> dict[str, type[Published]]:
    """Kind → model, in the order in which a document may name another: hubs before companies."""
    found = [m for m in apps.get_models() if issubclass(m, Published) and not m._meta.proxy]
    return {m._meta.model_name or "": m for m in sorted(found, key=lambda m: m.kind_number)}


class AddressQuerySet(models.QuerySet["Address"]):
    def of(self, slug: str, queryset: Any) -> Any:
        """The primary key of the object of ``queryset``'s kind that ``slug`` leads, or once led, to."""
        return self.filter(kind=queryset.model._meta.model_name, slug=slug).values("object_id")

    def taken(self, owner: Published) -> AddressQuerySet:
        """The addresses of ``owner``'s kind that belong, or belonged, to others."""
        return self.filter(kind=owner._meta.model_name).exclude(object_id=owner.pk or 0)


class Address(models.Model):
    """Each slug that ever led to an object. Triggers fill it; nothing is ever removed."""

    kind = models.CharField(max_length=16)
    slug = models.CharField(max_length=80)
    object_id = models.BigIntegerField()

    objects = AddressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [models.UniqueConstraint(fields=["kind", "slug"], name="address_once")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind}/{self.slug}"


class TransactionIdField(models.Field):
    """PostgreSQL's 64-bit transaction id, which never wraps around."""

    def db_type(self, connection: Any) -> str:
        return "xid8"


class Mark(models.Model):
    """The outbox: somebody changed this object, by any path, and it is not published yet.

    Append-only and without a uniqueness, so that marking never waits for anybody.
    """

    kind = models.CharField(max_length=16)
    object_id = models.BigIntegerField()
    xid = TransactionIdField(db_default=models.Func(function="pg_current_xact_id"), db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class Source(models.TextChoices):
    """Where an edit came from."""

    ADMIN = "admin"
    IMPORT = "import"
    SUGGESTION = "suggestion"
    SYSTEM = "system"


class RevisionQuerySet(models.QuerySet["Revision"]):
    def current(self) -> int:
        """The directory's revision: the number of the newest, 0 before the first."""
        return self.aggregate(newest=models.Max("id"))["newest"] or 0

    def with_names(self, most: int) -> RevisionQuerySet:
        """With ``names`` of what each changed, at most so many, and ``objects``, how many these are."""
        versions = Version.objects.filter(revision=models.OuterRef("pk"))
        name = KeyTextTransform("name", Cast("document", models.JSONField()))
        shown = Coalesce(name, "slug", output_field=models.TextField())
        named = versions.order_by("pk").values(shown=shown)[:most]
        counted = versions.order_by().values("revision").values(number=models.Count("pk"))
        return self.annotate(names=ArraySubquery(named), objects=models.Subquery(counted))


class Revision(models.Model):
    """One committed change that the public can see. Number order is commit order; numbers may skip."""

    created_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="revisions"
    )
    reason = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("undo_revision", "Can undo revision")]

    def __str__(self) -> str:
        return str(self.pk)


class Action(models.TextChoices):
    """What a version did to its object, as the world saw it."""

    CREATED = "created"
    UPDATED = "updated"
    RENAMED = "renamed"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"


class BitsField(models.Field):
    """PostgreSQL's ``bit(256)``, which it can XOR."""

    def db_type(self, connection: Any) -> str:
        return "bit(256)"


class Bucket(models.Model):
    """A 256th of the published objects of a kind: how many they are, and their digest. See directory.buckets."""

    kind = models.CharField(max_length=16)
    number = models.PositiveSmallIntegerField()
    rows = models.IntegerField()
    digest = BitsField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="bucket_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Version(models.Model):
    """One object as one revision left it. Append-only; its primary key is the order within a revision."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="versions")
    kind = models.CharField(max_length=16)
    object_id = models.BigIntegerField()
    slug = models.CharField(max_length=80)
    action = models.CharField(max_length=16, choices=Action.choices)
    document = models.TextField(null=True)  # noqa: DJ001 - null is a tombstone
    successor = models.CharField(max_length=9, blank=True, help_text="Public id of what it was merged into.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["revision", "kind", "object_id"], name="version_once"),
            models.CheckConstraint(
                name="version_tombstone_empty",
                condition=Q(action__in=[Action.MERGED, Action.WITHDRAWN], document__isnull=True)
                | (~Q(action__in=[Action.MERGED, Action.WITHDRAWN]) & Q(document__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "object_id", "-id"], name="version_history"),
            models.Index(fields=["kind", "id"], name="version_feed"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id} {self.action} at {self.revision_id}"

    @property
    def public_id(self) -> str:
        return ids.encode(kinds()[self.kind].kind_number, self.object_id)


class LogQuerySet(models.QuerySet["Log"]):
    def forgotten(self) -> int:
        """The revision from which on everything is kept: see directory.retention."""
        return self.values_list("forgotten", flat=True).first() or 0


class Log(models.Model):
    """The log as a whole, a single row: which log it is, and what its documents were rendered with."""

    epoch = models.UUIDField(default=uuid.uuid4, help_text="New after a restore: cursors of another log are void.")
    rendering = models.CharField(max_length=64, blank=True)
    forgotten = models.BigIntegerField(default=0, help_text="Up to this revision, versions are no longer kept.")

    objects = LogQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(name="log_is_one", condition=Q(pk=1))]

    def __str__(self) -> str:
        return str(self.epoch)


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def open_to(self, user: Any) -> SavedViewQuerySet:
        """The user's own, and those that are shared."""
        return self.filter(Q(user=user) | Q(shared=True))


class SavedView(models.Model):
    """Filters, search and order of one of the admin's lists, kept under a name. Never public."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="The list's address behind the question mark.")
    shared = models.BooleanField(default=False, help_text="For all curators; otherwise you alone see it.")

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "name"],
                name="saved_view_once",
                violation_error_message="You have a view of this name already.",
            ),
            models.CheckConstraint(
                name="saved_view_of_something",
                condition=~Q(query=""),
                violation_error_message="There is nothing to keep: filter, search or sort the list first.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        opts = kinds()[self.kind]._meta
        return f"{reverse(f'admin:{opts.app_label}_{opts.model_name}_changelist')}?{self.query}"
