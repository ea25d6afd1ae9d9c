"""What goes on with imports while nobody waits: the step that each one's state says, again and again."""

import logging
import time
from contextlib import suppress
from typing import Any

from django.db import OperationalError, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from companies.applying import apply_chunk
from companies.retracting import undo_chunk
from companies.staged import Import, State
from companies.staging import stage

log = logging.getLogger(__name__)

TASK = "directory.tasks.carry_on_imports"
STEPS = {State.STAGING: stage, State.APPLYING: apply_chunk, State.UNDOING: undo_chunk}


def ask(task: str, **locks: Any) -> None:
    """Ask the worker to do now what it does by the clock, unless it was asked already."""
    with suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(task, **locks).defer(timestamp=0)


def call() -> None:
    """Ask the worker to look at the imports now; without it, it does so in a while."""
    ask(TASK, queueing_lock="imports")


def carry_on(batch: Import) -> None:
    """Take the next step of an import. One that fails for no fault of the database leaves it as failed."""
    try:
        STEPS[State(batch.state)](batch)
    except OperationalError:
        raise
    except Exception:
        log.exception("import %s cannot go on", batch.pk)
        batch.move(State.FAILED, "Something went wrong that is not the file’s fault; it is in the log of the server.")
    batch.refresh_from_db(fields=["state", "problem", "counts"])


def carry_on_all(seconds: float) -> bool:
    """Go on with all imports for so long; whether there is more to do. Other tasks want their turn too."""
    end = time.monotonic() + seconds
    for batch in Import.objects.waiting().without_file():
        while batch.is_busy:
            if time.monotonic() > end:
                return True
            carry_on(batch)
    return False
