"""Background work for partners; see directory.tasks."""

from procrastinate.contrib.django import app


@app.periodic(cron="* * * * * */10")  # the sixth field is seconds
@app.task(queueing_lock="look_after_webhooks")
def look_after_webhooks(timestamp: int) -> None:
    """Look which webhooks are due; between two of these, each revision is heard of as soon as it is published."""
    from partners.dispatching import dispatcher  # this module is imported before the models are ready

    dispatcher().listen()
    dispatcher().look()
