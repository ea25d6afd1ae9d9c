from importlib import import_module

from allauth.account import apps as accounts
from django.apps import AppConfig
from django.contrib.admin import apps as admin


class DirectoryConfig(AppConfig):
    name = "directory"
    verbose_name = "Directory"
    default = True


class CuratorsConfig(admin.AdminConfig):
    """Django's admin as our own site."""

    default_site = "directory.site.CuratorSite"
    default = False

    def ready(self) -> None:
        super().ready()
        import_module("directory.accounts")  # after the packages' admins, some of which it replaces


class SignInConfig(accounts.AccountConfig):
    """allauth's accounts, whose middleware runs for its pages only: see directory.transport."""

    def ready(self) -> None:
        """Do not ask for the middleware by its name."""
        import_module("allauth.account.checks")
