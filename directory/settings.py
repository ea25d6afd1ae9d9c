"""Settings: the only file that reads the environment.

Every variable is listed in docs; a malformed one, and in production an unsafe one, stops the start with one message
that lists everything to fix.
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from directory.environment import Environment, is_origin, is_sample_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(os.environ)

# Where it runs

PRODUCTION = env.switch("PRODUCTION")
DEBUG = env.switch("DEBUG")
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / ".data"))).absolute()
# Some shells export their machine's name as HOST: outside production it must not decide who can reach us.
HOST = env.text("HOST", "127.0.0.1") if PRODUCTION else "127.0.0.1"
PORT = env.number("PORT", 8000, least=1, most=65535)
WEB_WORKERS = env.number("WEB_WORKERS", min(os.cpu_count() or 1, 4), least=1, most=64)
WEB_THREADS = env.number("WEB_THREADS", 4, least=1, most=64)
SITE_URL = env.origin("SITE_URL", f"http://127.0.0.1:{PORT}")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", [] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [])
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0, least=0, most=9)
OWN_ADDRESSES = env.networks("OWN_ADDRESSES")
REQUESTS_A_MINUTE = env.number("REQUESTS_A_MINUTE", 6_000, least=1, most=100_000_000)
REQUESTS_A_MINUTE_WITH_KEY = env.number("REQUESTS_A_MINUTE_WITH_KEY", 30_000, least=1, most=100_000_000)
HISTORY_DAYS = env.number("HISTORY_DAYS", 3_650, least=30, most=36_500)
LOG_DAYS = env.number("LOG_DAYS", 365, least=30, most=36_500)
LINK_CHECKS = env.switch("LINK_CHECKS", PRODUCTION)
WEBHOOKS_HTTP = env.switch("WEBHOOKS_HTTP")
SECRET_KEY = env.text("SECRET_KEY")
SECURITY_CONTACT = env.contact("SECURITY_CONTACT")
database = env.database("DATABASE_URL")


def unsafe() -> list[str]:
    """What has to be fixed before strangers may reach this."""
    https = [SITE_URL, *CSRF_TRUSTED_ORIGINS]
    found = {
        "DEBUG shows strangers our inside: unset it.": DEBUG,
        "WEBHOOKS_HTTP sends to partners in clear text: unset it.": WEBHOOKS_HTTP,
        "SECRET_KEY is not set to a random text of at least 50 characters.": is_sample_key(SECRET_KEY),
        "ALLOWED_HOSTS has to name the hosts we answer for, separated by commas, and no *.": (
            not ALLOWED_HOSTS or any("*" in host for host in ALLOWED_HOSTS)
        ),
        "CSRF_TRUSTED_ORIGINS has to name the origins of the admin, such as https://directory.example.": (
            not CSRF_TRUSTED_ORIGINS or not all(is_origin(origin) for origin in CSRF_TRUSTED_ORIGINS)
        ),
        "SITE_URL and CSRF_TRUSTED_ORIGINS have to begin with https://.": (
            not all(origin.startswith("https://") for origin in https)
        ),
        "DATABASE_URL is missing: the embedded database is for trying out.": not env.text("DATABASE_URL"),
        "TRUSTED_PROXIES is 0, but gunicorn speaks plain http: say how many proxies end TLS before it.": (
            TRUSTED_PROXIES == 0
        ),
    }
    return [sentence for sentence, is_so in found.items() if is_so]


problems = env.problems + (unsafe() if PRODUCTION else [])
if problems:
    raise ImproperlyConfigured("\n".join(["These settings have to be fixed first:", *(f"- {p}" for p in problems)]))


def kept_secret_key(path: Path) -> str:
    """A key of this machine, made once. Of several processes that start at once, all take the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


SECRET_KEY = SECRET_KEY or kept_secret_key(DATA_DIR / "secret_key")

# What it consists of

INSTALLED_APPS = [
    "directory",  # first, as its templates replace others'
    "directory.apps.CuratorsConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular_sidecar",  # Swagger UI's files
    "pgtrigger",
    "procrastinate.contrib.django",
    "axes",
    "allauth",
    "directory.apps.SignInConfig",  # allauth.account
    "allauth.mfa",
    "hubs",
    "companies",
    "partners",
]
MIDDLEWARE = [
    "directory.events.identify",
    "directory.transport.drop_body_of_head",
    "directory.transport.refuse_trace",
    "directory.transport.leave_cookies",
    "directory.transport.ContentSecurityPolicy",  # outermost, so that redirects and static files have the policy too
    *(["directory.transport.refuse_plain_http"] if PRODUCTION else []),
    "django.middleware.security.SecurityMiddleware",
    "partners.admission.admit",
    "directory.transport.refuse_large_bodies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "directory.transport.serve_accounts",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
FILES_DIR = DATA_DIR / "files"  # the nightly files: all that is published, to take whole
LIMITS_FILE = DATA_DIR / "limits"  # memory that all web processes of this machine count requests in
# Bytes of a body: it is held in memory. Batches and suggestions are far smaller.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
ROOT_URLCONF = "directory.urls"
WSGI_APPLICATION = "directory.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from the packages as they are: no collectstatic to forget

FILE_UPLOAD_HANDLERS = ["directory.uploads.BoundedUpload"]

TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en-gb"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {
    "NUM_PROXIES": TRUSTED_PROXIES,
    "EXCEPTION_HANDLER": "directory.api.errors.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "directory.api.rendering.Negotiation",
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # reading is for everybody; writing is the admin's
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # ours is a declared parameter like the others
}
LICENSE = {
    "id": "CC-BY-4.0",
    "url": "https://creativecommons.org/licenses/by/4.0/",
    "attribution": "Pakistan technology directory",
}

# The database

DATABASE_OPTIONS = (
    "-c jit=off "  # compiles for longer than our queries take
    "-c random_page_cost=1.1 "  # solid state: otherwise it reads whole tables where an index would do
    "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
)


def database_settings(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """Django's settings for the parameters of DATABASE_URL, or for the embedded server where there are none."""
    rest = dict(parameters or {"dbname": "postgres", "user": "postgres"})
    return {
        "ENGINE": "django.db.backends.postgresql" if parameters else "directory.postgres",
        "NAME": rest.pop("dbname"),
        "USER": rest.pop("user", ""),
        "PASSWORD": rest.pop("password", ""),
        "HOST": rest.pop("host", ""),
        "PORT": rest.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "application_name": "directory",
            "connect_timeout": 10,
            **rest,
            "options": f"{DATABASE_OPTIONS} {rest.get('options', '')}".strip(),
        },
    }


DATABASES = {"default": database_settings(database)}
IS_EMBEDDED = database is None
WEB_STATEMENT_TIMEOUT = "30s"  # nobody waits longer for a page; commands and the worker may take their time

# Who may do what

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
LOGOUT_REDIRECT_URL = "account_login"
MAY_POSTPONE = IS_EMBEDDED and not PRODUCTION  # a second factor, on a machine of one's own
ACCOUNT_ADAPTER = "directory.signin.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # as long as SESSION_COOKIE_AGE says
ACCOUNT_RATE_LIMITS = False  # axes counts, for all processes together
MFA_ADAPTER = "directory.signin.SecretsAdapter"
MFA_FORMS = {
    "authenticate": "directory.signin.CodeForm",
    "reauthenticate": "directory.signin.CodeAgainForm",
    "activate_totp": "directory.signin.SetUpForm",
}
MFA_TOTP_TOLERANCE = 1  # clocks differ
MFA_RECOVERY_CODES_SHOW_ONCE = True
AXES_HANDLER = "directory.lockout.Handler"
AXES_CLIENT_IP_CALLABLE = "directory.lockout.client_address"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username"]
AXES_FAILURE_LIMIT = 5
FAILURES_FROM_ANYWHERE = 20
AXES_COOLOFF_TIME = timedelta(minutes=30)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or a stranger could lock somebody out for ever
AXES_SENSITIVE_PARAMETERS = ["login", "username", "code"]
AXES_DISABLE_ACCESS_LOG = True  # the log of the process has them
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # its middleware only answers what our forms say themselves
SESSION_ENGINE = "directory.sessions"
SESSION_COOKIE_AGE = 60 * 60  # seconds without use
SESSION_LONGEST = 12 * 60 * 60  # seconds in all
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "directory.kept.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^api/", r"^livez$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 2 * 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"

# What it tells

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"id": {"()": "directory.events.IdFilter"}},
    "formatters": {
        "line": {
            "class": "directory.events.LineFormatter",
            "format": "{asctime} {levelname} {name} [{request_id}]: {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["id"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "directory": {"level": "INFO"},
        "axes": {"level": "ERROR"},  # directory.signin tells the same without what a client may forge
        "django": {"handlers": [], "level": "WARNING"},  # Django's own would mail tracebacks
        "django.request": {"level": "ERROR"},  # a stranger's typo is no event
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.TooManyFieldsSent": {"level": "CRITICAL"},
    },
}
