"""Background work. A job only says "look": the truth is in our tables, and losing the queue loses nothing.

So no task has a `lock`: a worker that was killed would keep it for ever.
"""

import logging

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.jobs import Status

logger = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */10")  # the sixth field is seconds
@app.task(queueing_lock="sweep")
def sweep(timestamp: int) -> None:
    """Publish what was edited behind the application's back."""
    from directory import publishing  # this module is imported before the models are ready

    publishing.sweep()


@app.periodic(cron="30 21 * * *")  # UTC: 2:30 at night in Pakistan
@app.task(queueing_lock="check")
def check(timestamp: int) -> None:
    """Render everything and log which documents differ from what is published."""
    from directory import publishing

    for kind, public_id in publishing.check():
        logger.error("the published document of %s %s is not what rendering it gives", kind, public_id)


@app.periodic(cron="0 22 * * *")
@app.task(queueing_lock="write_files")
def write_files(timestamp: int) -> None:
    """Write all that is published into files, to be taken whole."""
    from directory import nightly

    nightly.make_night(timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="check_links")
def check_links(timestamp: int) -> None:
    """Ask the websites of some companies whether they are still there."""
    if settings.LINK_CHECKS:
        from companies import reaching
        from directory.outbound import Sender

        reaching.check_due_links(reaching.Visitor(Sender()))


@app.periodic(cron="* * * * * */15")
@app.task(queueing_lock="imports")
def carry_on_imports(timestamp: int) -> None:
    """Read, apply or undo the imports that wait for it; for some seconds, so that others have their turn."""
    from companies import background

    if background.carry_on_all(seconds=5):
        background.call()


@app.periodic(cron="0 22 * * *")
@app.task(queueing_lock="prune")
def prune(timestamp: int) -> None:
    """Drop what is older than it is to be kept."""
    call_command("prune", verbosity=0)


@app.periodic(cron="45 21 * * *")
@app.task(queueing_lock="forget_stalled_jobs")
async def forget_stalled_jobs(timestamp: int) -> None:
    """Delete the jobs of workers that were killed; the worker itself deletes those that ended."""
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
