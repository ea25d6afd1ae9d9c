"""Background work on companies; see directory.tasks."""

from procrastinate.contrib.django import app


@app.periodic(cron="15 22 * * *")  # UTC: 3:15 at night in Pakistan
@app.task(lock="find_duplicates", queueing_lock="find_duplicates")
def find_duplicates(timestamp: int) -> None:
    """Bring the queue of duplicates up to date."""
    from companies import duplicates  # this module is imported before the models are ready

    duplicates.find_duplicates()
