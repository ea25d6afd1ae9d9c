import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from directory.models import Source
from directory.publishing import is_behind, publication, published_site
from directory.serving import (
    CannotServe,
    Children,
    Stopped,
    StopRequest,
    check_port,
    gunicorn_command,
    worker_command,
)

OLDEST_POSTGRESQL = 15
EXTENSIONS = ["btree_gin", "pg_trgm", "unaccent"]
PREPARING = 7_382_915_046  # the number of the advisory lock: only has to differ from others'
DEFAULT_ACCOUNTS = ["admin", "administrator", "curator", "root"]
DEFAULT_PASSWORDS = ["admin", "changeme", "curator", "password"]


class Command(BaseCommand):
    help = "Prepare the database and serve the directory: web processes and the background worker."
    requires_system_checks: list[str] = []  # `make lint` checks; here they would only delay the first answer

    def handle(self, *args: Any, **options: Any) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # a log file has to show the password and "Ready" at once
        stop_request = StopRequest()
        children = Children(stop_request)
        try:
            check_port(settings.HOST, settings.PORT)
            check_database()
            with preparing_alone():
                self.prepare()
            connection.ensure_connection()  # by which another server sees that this database is served
            stop_request.interrupts = False
            self.serve(children)
        except Stopped:
            self.stdout.write("Stopping.")
        except CannotServe as error:
            sys.exit(str(error))
        finally:
            stop_request.interrupts = False
            children.stop()

    def serve(self, children: Children) -> None:
        """Everything up to the end, which is an exception: Stopped or CannotServe."""
        children.start("gunicorn", gunicorn_command())
        children.wait_for_answer(settings.HOST, settings.PORT)
        # Only now: its start would compete with that of the first answer for the processor.
        children.start("The worker", worker_command(), again=True)
        self.stdout.write(f"Ready: {settings.SITE_URL}/api/v1/ and, for curators, {settings.SITE_URL}/admin/")
        children.watch()

    def prepare(self) -> None:
        """Bring the database to where it can be served: tables, a directory, somebody who may sign in."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Migrating the database.")
            call_command("migrate", interactive=False, verbosity=0)
        if settings.PRODUCTION:
            refuse_default_accounts()
        if not apps.get_model("companies.Company").objects.exists():
            # One publication: all of it is loaded, or none and the next start tries again.
            with publication(source=Source.IMPORT, reason="The starter directory"):
                call_command("load_starter")
            # Behind it: a view's query is checked against what is published.
            call_command("load_starter_views")
        if is_behind():
            # What was rendered by other serializers or for another SITE_URL is never served.
            refuse_to_take_over()
            call_command("publish", all=True, moved=True)
        if not settings.PRODUCTION and not get_user_model().objects.filter(is_superuser=True).exists():
            self.make_first_curator()

    def make_first_curator(self) -> None:
        password = secrets.token_urlsafe(12)
        get_user_model().objects.create_superuser(username="curator", password=password)
        self.stdout.write(f"The first account is curator with the password {password} (shown only now).")


def check_database() -> None:
    """Raise CannotServe unless the database answers and can do what we need."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_available_extensions")
            available = {name for (name,) in cursor.fetchall()}
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0]) // 10_000
    except Error as error:
        whose = "The embedded database" if settings.IS_EMBEDDED else "The database of DATABASE_URL"
        raise CannotServe(f"{whose} cannot be used: {' '.join(str(error).split())}") from error
    if version < OLDEST_POSTGRESQL:
        raise CannotServe(f"The database is PostgreSQL {version}, but {OLDEST_POSTGRESQL} or newer is needed.")
    if missing := [name for name in EXTENSIONS if name not in available]:
        raise CannotServe(
            f"This PostgreSQL lacks {', '.join(missing)}: install the extensions that come with it "
            "(the package is often called postgresql-contrib)."
        )


@contextmanager
def preparing_alone() -> Iterator[None]:
    """Hold a lock of the whole database: of several servers that start at once, one prepares and the rest wait."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")  # a first migration with its data takes longer than ours
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARING])
        cursor.execute("RESET lock_timeout")
    try:
        yield
    finally:
        connection.close()  # which drops the lock, whatever state a failure has left the connection in


def refuse_to_take_over() -> None:
    """Raise CannotServe when a running server's documents would be rendered for another address than its own."""
    site = published_site()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'directory%' AND pid <> pg_backend_pid()"
        )
        (others,) = cursor.fetchone()
    if others and site != settings.SITE_URL:
        raise CannotServe(
            f"Another process uses this database and serves {site}: stop it, give this one the same SITE_URL, "
            "or another DATA_DIR."
        )


def refuse_default_accounts() -> None:
    """Raise CannotServe when a superuser with a name everybody tries has a password everybody tries."""
    accounts = get_user_model().objects.filter(is_superuser=True, is_active=True, username__in=DEFAULT_ACCOUNTS)
    hashed = list(accounts.values_list("username", "password"))
    tries = [(name, password, code) for name, code in hashed for password in {*DEFAULT_PASSWORDS, name}]
    with ThreadPoolExecutor() as pool:
        matches = list(pool.map(lambda attempt: check_password(attempt[1], attempt[2]), tries))
    weak = sorted({attempt[0] for attempt, is_match in zip(tries, matches, strict=True) if is_match})
    if weak:
        raise CannotServe(
            f"The superuser {', '.join(weak)} has a password that everybody tries first: "
            f"change it with `manage.py changepassword {weak[0]}`."
        )
