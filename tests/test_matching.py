import pytest

from companies.matching import Facts, Matcher, find
from companies.models import Company

pytestmark = pytest.mark.django_db


def test_x(starter_directory):
    matcher = Matcher.of_directory()
    for company in Company.objects.for_matching():
        facts = Facts.of(company)
        assert find(facts) == matcher.match(facts)
