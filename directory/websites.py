"""Websites, and the bare domain that makes two addresses the same company's."""

import re
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import tldextract
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

# The list of public suffixes that the package ships: nothing is fetched.
suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


# What needs no closer look, as most addresses do not: it is one, in its normal spelling.
ORDINARY = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?\.){1,3}[a-z]{2,60}/[!-~]{0,400}")


class WebsiteValidator(URLValidator):
    """Django's for http(s), which looks at each sign."""

    def __call__(self, value: Any) -> None:
        if not (isinstance(value, str) and ORDINARY.fullmatch(value)):
            super().__call__(value)


class WebsiteField(models.URLField):
    """An http(s) address with a host, and nothing else that a browser would follow."""

    invalid = "Give an http:// or https:// address, such as https://example.com/."
    default_validators = [WebsiteValidator(schemes=["http", "https"], message=invalid)]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": 500, "blank": True} | kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        website = normal_website(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, website)
        return website

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"assume_scheme": "https", "error_messages": {"invalid": self.invalid}} | kwargs)


def normal_website(website: str) -> str:
    """One spelling of an address: scheme and host in lower case, and a path of at least ``/`` (RFC 3986, 6.2)."""
    if ORDINARY.fullmatch(website):
        return website
    try:
        parts = urlsplit(website)
    except ValueError:
        return website
    if not parts.netloc:
        return website
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower(), path=parts.path or "/").geturl()


def website_constraint(model: str) -> models.CheckConstraint:
    """The same rule in the database, where no import or script gets around it."""
    return models.CheckConstraint(
        name=f"{model}_website_http",
        condition=Q(website="") | Q(website__iregex=r"^https?://[^\s/?#]+\S*$"),
        violation_error_message="A website starts with http:// or https:// and names a host.",
    )


@cache
def flat_endings() -> frozenset[str]:
    """The endings below which every name is somebody's own, as .com is and .pk, with its .com.pk, is not."""
    parents = {suffix.rpartition(".")[2] for suffix in suffixes.tlds if "." in suffix}
    return frozenset(suffixes.tlds) - parents


@lru_cache(maxsize=4096)  # a row of an import asks for it again and again
def bare_domain(website: str) -> str:
    """``https://www.careers.10pearls.com/jobs`` → ``10pearls.com``; the host where there is no public suffix.

    Empty where there is no host to be found.
    """
    try:
        host = (urlsplit(website).hostname or "").rstrip(".")
    except ValueError:
        return ""
    names = host.split(".")
    if len(names) > 1 and names[-1] in flat_endings() and all(names) and host.isascii():
        return ".".join(names[-2:])
    return suffixes(host).top_domain_under_public_suffix or host


class DomainField(models.CharField):
    """The bare domain of the model's ``website``, kept in step whenever a row is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        domain = bare_domain(getattr(model_instance, "website", ""))
        setattr(model_instance, self.attname, domain)
        return domain
