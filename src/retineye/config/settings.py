"""Every setting of the service, read from the environment in this one file. docs/configure.md explains each."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from retineye.config import environment as read
from retineye.config.logs import logging_config

DEBUG = read.flag("RETINEYE_DEBUG")

# --- where things lie
DATA_DIR = read.made(Path(read.text("RETINEYE_DATA_DIR", "var")))
RETINEYE_PACK = read.text("RETINEYE_PACK")
MEDIA_ROOT = DATA_DIR / "photographs"
STATIC_ROOT = read.made(DATA_DIR / "static")
STATIC_URL = "static/"
FILE_UPLOAD_TEMP_DIR = str(read.made(DATA_DIR / "incoming"))
FILE_UPLOAD_PERMISSIONS = 0o400
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STORAGES = {
    "default": read.bucket(
        "RETINEYE_S3_BUCKET",
        endpoint=read.text("RETINEYE_S3_ENDPOINT"),
        region=read.text("RETINEYE_S3_REGION"),
        key_id=read.text("RETINEYE_S3_KEY"),
        secret=read.key("RETINEYE_S3_SECRET"),
        prefix=read.text("RETINEYE_S3_PREFIX"),
    ),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# --- what a photograph may weigh, and how it is graded
RETINEYE_MAX_UPLOAD_BYTES = read.number("RETINEYE_MAX_UPLOAD_MB", 192, least=1, most=4096) * 1024 * 1024
RETINEYE_MAX_PIXELS = read.number("RETINEYE_MAX_PIXELS", 100_000_000, least=10_000, most=1_000_000_000)
RETINEYE_LEASE_S = read.number("RETINEYE_LEASE_S", 30, least=2, most=3600)
RETINEYE_ALLOW_TEST_PACK = DEBUG
RETINEYE_THREADS = read.number("RETINEYE_THREADS", 2, least=1, most=64)

# --- what is spoken with cameras, archives and hospital systems
RETINEYE_DICOM_AE_TITLE = read.text("RETINEYE_DICOM_AE_TITLE", "RETINEYE")
RETINEYE_DICOM_CERTIFICATE = read.text("RETINEYE_DICOM_CERTIFICATE")
RETINEYE_DICOM_KEY = read.text("RETINEYE_DICOM_KEY")
RETINEYE_DICOM_AUTHORITIES = read.text("RETINEYE_DICOM_AUTHORITIES")
RETINEYE_INBOXES = read.words("RETINEYE_INBOXES", [])

# --- what programs may ask, and whom the service calls
RETINEYE_API_RATE = read.number("RETINEYE_API_RATE", 600, least=1, most=1_000_000)
RETINEYE_API_WAIT_S = read.number("RETINEYE_API_WAIT_S", 20, least=0, most=300)
RETINEYE_API_QUEUE = read.number("RETINEYE_API_QUEUE", 100, least=1, most=1_000_000)
RETINEYE_WEBHOOK_PRIVATE = read.flag("RETINEYE_WEBHOOK_PRIVATE")
RETINEYE_BATCH_DIR = read.text("RETINEYE_BATCH_DIR")
RETINEYE_MAIL_FROM = read.text("RETINEYE_MAIL_FROM")
globals().update(read.mail("RETINEYE_MAIL_URL", sender=RETINEYE_MAIL_FROM))

# --- who may ask, and over what
OWN_SECRET_FILE = DATA_DIR / "secret-key"
SECRET_KEY = read.secret("RETINEYE_SECRET_KEY", OWN_SECRET_FILE)
ALLOWED_HOSTS = read.words("RETINEYE_ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = read.words("RETINEYE_TRUSTED_ORIGINS", [])
LAN = read.flag("RETINEYE_LAN")
HTTPS = read.flag("RETINEYE_HTTPS") or LAN
PROXIES = read.number("RETINEYE_PROXIES", 0, least=0, most=9)
if HTTPS and PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
# What looks after the process asks it from within, past the proxy that speaks https.
SECURE_REDIRECT_EXEMPT = [r"^health/(live|ready)/$", r"^metrics/$"] if PROXIES else []
# The certificate of a local network is made anew now and then: a browser must not refuse what it knew before.
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS and not LAN else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "retineye_session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = read.number("RETINEYE_IDLE_LOGOUT_MIN", 60, least=1, most=1440) * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "retineye_csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- who may watch
RETINEYE_WATCH_TOKEN = read.key("RETINEYE_WATCH_TOKEN")
RETINEYE_WATCH_FROM = read.networks("RETINEYE_WATCH_FROM")

# --- the rooms and what they stand on
INSTALLED_APPS = [
    "retineye.web",
    "retineye.exchange",
    "retineye.clinic",
    "retineye.accounts",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "ninja",
    "django_tasks",
    "django_tasks_db",
]
if find_spec("django_linear_migrations"):
    # A developer's tool: it keeps migrations in one line and is no part of an installed service.
    INSTALLED_APPS.append("django_linear_migrations")
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # It adds a random number of bytes, so that a page's size tells nothing of what is on it.
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "retineye.web.language.LanguageMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "retineye.accounts.idle.IdleMiddleware",
    "retineye.web.owner.OwnerMiddleware",
    "retineye.web.middleware.ClinicClockMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "retineye.web.middleware.ClosedMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "retineye.accounts.second_factor.SecondFactorMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "retineye.config.urls"
ASGI_APPLICATION = "retineye.config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- database, cache, queue
_POOL = read.number("RETINEYE_DATABASE_POOL", 0, least=0, most=200)
DATABASES: dict[str, Any] = {"default": read.database("DATABASE_URL", DATA_DIR / "retineye.sqlite3", pool=_POOL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "retineye_cache"}}
RETINEYE_QUEUE = read.one_of("RETINEYE_QUEUE", "database", ("database", "celery"))
RETINEYE_BROKER_URL = read.text("RETINEYE_BROKER_URL")
RETINEYE_PROCESSES = read.number("RETINEYE_PROCESSES", 1, least=1, most=256)
RETINEYE_GRADE_LIMIT_S = read.number("RETINEYE_GRADE_LIMIT_S", 300, least=10, most=3600)
if (RETINEYE_QUEUE == "celery") != bool(RETINEYE_BROKER_URL):
    raise ImproperlyConfigured("RETINEYE_QUEUE=celery and RETINEYE_BROKER_URL belong together: set both or neither.")
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["grading"]}}

# --- people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "full_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "worklist"
ACCOUNT_ADAPTER = "retineye.accounts.adapter.ClinicAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_RATE_LIMITS = {"login_failed": None, "second_factor": "5/5m/key"}
MFA_ADAPTER = "retineye.accounts.second_factor.ClinicMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {"authenticate": "retineye.accounts.second_factor.CodeForm"}
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1
# A passkey signs for a doctor: the finger or the screen lock must be asked, a key that lies on the desk is not enough.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
RETINEYE_INVITATION_DAYS = read.number("RETINEYE_INVITATION_DAYS", 7, least=1, most=90)
AXES_FAILURE_LIMIT = read.number("RETINEYE_SIGN_IN_TRIES", 10, least=3, most=100)
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "retineye.accounts.adapter.sign_in_name"
AXES_CLIENT_IP_CALLABLE = "retineye.accounts.adapter.client_address"
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_HTTP_RESPONSE_CODE = 429

# --- language, time, logs
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("fr", "Français"), ("hi", "हिन्दी"), ("ar", "العربية")]
LOCALE_PATHS = [Path(__file__).resolve().parent.parent / "locale"]
LANGUAGE_COOKIE_NAME = "retineye_language"
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_TZ = True
TIME_ZONE = read.zone("RETINEYE_TIME_ZONE", "UTC")
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(read.one_of("RETINEYE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")))

if HTTPS and DEBUG:
    raise ImproperlyConfigured(
        "RETINEYE_DEBUG shows patients' data on error pages; it can not be on with RETINEYE_HTTPS."
    )
