"""Who may do what: three groups, each of which may do what the one before it may, and more.

A group's permissions may be changed in the admin; what is written here is what it starts with.
"""

from typing import Any

VIEWED = [
    *("directory.revision", "directory.version", "companies.step", "companies.merge", "companies.word"),
    *("companies.duplicate", "companies.suggestion", "companies.linkcheck", "companies.unplacedvalue"),
    *("companies.company", "companies.industry", "companies.specialty"),
    *("hubs.hub", "hubs.program", "hubs.indicator", "partners.publicview"),
]
PARTS = ["companies.office", "companies.credential", "companies.identifier", "companies.source"]
CURATED = ["companies.company", "companies.industry", "companies.specialty", "hubs.hub", "hubs.program"]


def permitted(verbs: str, models: list[str]) -> list[str]:
    """The permissions of ``verbs``, apart by spaces, on ``models``."""
    pairs = (model.split(".") for model in models)
    return [f"{app}.{verb}_{model}" for app, model in pairs for verb in verbs.split()]


CONTRIBUTOR = [
    *permitted("view", VIEWED),
    *permitted("add change", ["companies.company"]),
    *permitted("change", ["companies.suggestion"]),
    *permitted("view add change delete", PARTS),
    *permitted("view add", ["directory.savedview"]),  # their own they may also change and delete
]
EDITOR = [
    *CONTRIBUTOR,
    *permitted("view add change delete", [*CURATED, "hubs.indicator", "partners.publicview"]),
    *permitted("view add change", ["companies.import"]),
    *permitted("view", ["companies.importrow"]),
    *permitted("delete", ["companies.unplacedvalue"]),
    "companies.publish_company",
    "companies.merge_company",
    "companies.decide_duplicate",
    "directory.undo_revision",
]
ADMINISTRATOR = [
    *EDITOR,
    *permitted(
        "view", ["directory.mark", "directory.address", "directory.log", "partners.usage", "partners.delivery"]
    ),
    *permitted("view add change delete", ["auth.user", "auth.group"]),
    *permitted("view delete", ["axes.accessattempt", "mfa.authenticator"]),
    *permitted("delete", ["companies.suggestion"]),
    *permitted("change delete", ["directory.savedview"]),
    *permitted("view add change", ["partners.partner", "partners.apikey"]),
    *permitted("view add change delete", ["partners.webhook"]),
]
ROLES = {"contributor": CONTRIBUTOR, "editor": EDITOR, "administrator": ADMINISTRATOR}


def give_roles(apps: Any) -> None:
    """Make the groups and give each what it has not yet; whatever the order in which apps were migrated.

    ``apps`` is a migration's, or today's. Permissions are usually made after all migrations: here, those needed
    are made under the names that Django gives them, and it finds them. A model that is not there yet is another
    migration's.
    """
    group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    content_type = apps.get_model("contenttypes", "ContentType")
    present = {(model._meta.app_label, model._meta.model_name) for model in apps.get_models()}
    wanted = {label for labels in ROLES.values() for label in labels if place(label)[::2] in present}
    known = permission.objects.values_list("content_type__app_label", "codename")
    missing = []
    for label in sorted(wanted - {".".join(names) for names in known}):
        app, verb, model = place(label)
        kind, _ = content_type.objects.get_or_create(app_label=app, model=model)
        name = f"Can {verb} {model_name(apps, app, model)}"
        missing.append(permission(content_type=kind, codename=f"{verb}_{model}", name=name))
    permission.objects.bulk_create(missing)
    every = permission.objects.values_list("content_type__app_label", "codename", "pk")
    numbers = {f"{app}.{codename}": number for app, codename, number in every}
    for role, labels in ROLES.items():
        made, _ = group.objects.get_or_create(name=role)
        made.permissions.add(*(numbers[label] for label in labels if label in wanted))


def place(label: str) -> tuple[str, str, str]:
    """The app, the verb and the model of a permission."""
    app, codename = label.split(".")
    verb, model = codename.split("_", 1)
    return app, verb, model


def model_name(apps: Any, app: str, model: str) -> str:
    return str(apps.get_model(app, model)._meta.verbose_name_raw)
