"""Asks companies' websites whether they are still there, politely: one after the other, and with pauses."""

import datetime
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from companies.links import Finding, LinkCheck, State
from companies.models import Company
from directory.outbound import LATE, NoAnswer, Reply, Sender, Unreachable
from directory.targets import Refused
from directory.websites import bare_domain

log = logging.getLogger(__name__)

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
GONE = (404, 410)
# Between two requests to one host.
PAUSE_SECONDS = 1.0
# The worker has more to do: a run ends after so many websites or, between two of them, so many seconds.
MOST_IN_A_RUN, RUN_SECONDS = 10, 30
# So many that cannot be reached are no coincidence, while nobody ever could.
MANY = 4
# No redirect is followed later than this.
VISIT_SECONDS = 30
# Any constant will do; every process must use the same one.
CHECKERS_LOCK = 7_305_923_015


class Visitor:
    """Asks one website at a time; ``sleep`` and ``clock`` are the system's but in tests."""

    def __init__(
        self,
        sender: Sender,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sender, self.sleep, self.clock = sender, sleep, clock
        self.asked_at: dict[str, float] = {}

    def visit(self, website: str) -> Finding:
        """What is at ``website``, wherever its redirects lead."""
        url = website.partition("#")[0]
        ends_at = self.clock() + VISIT_SECONDS
        try:
            for _ in range(MOST_REDIRECTS + 1):
                reply = self.ask(url)
                place = reply.headers.get("Location") if reply.status in REDIRECTS else None
                if not place:
                    return judge(website, url, reply.status)
                url = follow(url, place)
                if self.clock() >= ends_at:
                    raise Unreachable(LATE)
        except Refused as refusal:
            return Finding(State.REFUSED, final_url=url, problem=str(refusal))
        except Unreachable as failure:
            return Finding(State.UNREACHABLE, final_url=url, problem=str(failure))
        return Finding(State.BROKEN, reply.status, url, f"It redirects more than {MOST_REDIRECTS} times.")

    def ask(self, url: str) -> Reply:
        """Ask for the headers alone; for the beginning where those are refused, as many servers do not know HEAD."""
        try:
            reply = self.send("HEAD", url)
        except NoAnswer:
            reply = None
        if reply is None or reply.status >= 400:
            reply = self.send("GET", url, {"Range": "bytes=0-1023"})
        return reply

    def send(self, method: str, url: str, headers: dict[str, str] | None = None) -> Reply:
        host = self.sender.read(url, http=True).host
        if (asked_at := self.asked_at.get(host)) is not None:
            self.sleep(max(0.0, asked_at + PAUSE_SECONDS - self.clock()))
        try:
            return self.sender.send(method, url, headers=headers, http=True)
        finally:
            self.asked_at[host] = self.clock()


def follow(url: str, place: str) -> str:
    """Where the answer of ``url`` leads; raises Refused."""
    # Header lines are read as Latin-1, but addresses are written in UTF-8.
    place = place.encode("latin-1", "replace").decode(errors="replace")
    try:
        return urljoin(url, place).partition("#")[0]
    except ValueError as error:
        raise Refused("Its redirect leads to no address.") from error


def judge(website: str, url: str, status: int) -> Finding:
    """What the last answer says. Who refuses robots (401, 403, 429) is there all the same."""
    if status in GONE or status >= 500:
        return Finding(State.BROKEN, status, url, f"It answers with status {status}.")
    has_moved = bare_domain(url) != bare_domain(website)
    return Finding(State.MOVED if has_moved else State.OK, status, url)


def check_due_links(visitor: Visitor, *, now: datetime.datetime | None = None) -> int:
    """Check the websites whose turn it is, as many as a run may; how many were checked.

    When none of them could be reached, and none that answered lately can, the fault is likely here: then they are
    put off for an hour, and nobody's failures are counted.
    """
    now = now or timezone.now()
    with checking_alone() as is_alone:
        if not is_alone:
            return 0
        due = Company.objects.to_check_link(now).values_list("pk", "website")[:MOST_IN_A_RUN]
        ends_at = visitor.clock() + RUN_SECONDS
        found = [(*row, visitor.visit(row[1])) for row in due if visitor.clock() < ends_at]
        unreached = [finding.state == State.UNREACHABLE for *_, finding in found]
        is_offline = bool(found) and all(unreached) and is_cut_off(visitor, {pk for pk, *_ in found})
        if is_offline:
            log.warning("no website can be reached: is this server cut off?")
        for pk, website, finding in found:
            keep(pk, website, None if is_offline else finding, now)
        return len(found)


def is_cut_off(visitor: Visitor, unreached: set[int]) -> bool:
    """Whether those that answered last do not answer either; where there are none, whether it is many at once."""
    known = LinkCheck.objects.filter(state=State.OK).exclude(company__in=unreached)
    urls = list(known.order_by("-checked_at").values_list("url", flat=True)[:3])
    if not urls:
        return len(unreached) >= MANY
    return all(visitor.visit(url).state == State.UNREACHABLE for url in urls)


def keep(company_id: int, website: str, finding: Finding | None, now: datetime.datetime) -> None:
    """Save what was found; None: that nothing could be."""
    try:
        with transaction.atomic():
            checks = LinkCheck.objects.select_for_update()
            check = checks.filter(company=company_id).first() or LinkCheck(company_id=company_id, url=website)
            if finding:
                check.note(finding, website, now)
            else:
                check.postpone(website, now)
            check.save()
    except IntegrityError:
        log.info("a company was deleted while its website was checked")


def ask_for_check(company: Company) -> None:
    """Let the next run begin with ``company``."""
    now = timezone.now()
    LinkCheck.objects.update_or_create(
        company=company, defaults={"asked_at": now}, create_defaults={"asked_at": now, "url": company.website}
    )


@contextmanager
def checking_alone() -> Iterator[bool]:
    """Whether no other process is checking; none begins until the end of this."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [CHECKERS_LOCK])
        (is_alone,) = cursor.fetchone()
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [CHECKERS_LOCK])
