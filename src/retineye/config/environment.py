"""Read RETINEYE_* variables; a bad one stops the start with a sentence."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

SQLITE_OPTIONS: Mapping[str, Any] = MappingProxyType(
    {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;",
    }
)
"""One writer at a time: who writes waits for the lock at the start of a transaction, never in its middle."""

_SHORTEST_KEY = 16
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str = "") -> str:
    """Give the variable's text, or the default where it is unset or empty."""
    return str(env.str(name, default="")).strip() or default


def flag(name: str, default: bool = False) -> bool:
    """Give a yes or no.

    Raises
    ------
    ImproperlyConfigured
        If the text is neither.
    """
    word = text(name).lower()
    if not word:
        return default
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false; it is {word!r}.")


def number(name: str, default: int, *, least: int, most: int) -> int:
    """Give a whole number between two bounds, both included.

    Raises
    ------
    ImproperlyConfigured
        If the text is no such number.
    """
    word = text(name)
    if not word:
        return default
    try:
        value = int(word.replace("_", ""))
    except ValueError as exc:
        raise ImproperlyConfigured(f"{name} must be a whole number; it is {word!r}.") from exc
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be between {least} and {most}; it is {value}.")
    return value


def mail(name: str, *, sender: str) -> dict[str, Any]:
    """Give Django's settings of the mail server; none where the variable is unset.

    Raises
    ------
    ImproperlyConfigured
        If it is no address of a mail server, or nobody is named whom the mail comes from.
    """
    if not text(name):
        if sender:
            raise ImproperlyConfigured(f"RETINEYE_MAIL_FROM is set, but {name} names no mail server.")
        return {}
    try:
        settings: dict[str, Any] = env.email_url(name)
    except (ValueError, KeyError, ImproperlyConfigured) as exc:
        raise ImproperlyConfigured(f"{name} must be like smtp+tls://user:password@host:587.") from exc
    if not settings.get("EMAIL_HOST"):
        raise ImproperlyConfigured(f"{name} must be like smtp+tls://user:password@host:587.")
    if not sender:
        raise ImproperlyConfigured(f"{name} is set, but RETINEYE_MAIL_FROM does not say whom the mail comes from.")
    return {key: value for key, value in settings.items() if key.startswith("EMAIL_")} | {"DEFAULT_FROM_EMAIL": sender}


def words(name: str, default: list[str]) -> list[str]:
    """Give the parts of a list that is written with commas."""
    parts = [part.strip() for part in text(name).split(",") if part.strip()]
    return parts or default


def one_of(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Give one of the choices.

    Raises
    ------
    ImproperlyConfigured
        If the text is none of them.
    """
    word = text(name, default)
    if word not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}; it is {word!r}.")
    return word


def made(folder: Path) -> Path:
    """Give a folder's whole path, and make the folder where it is missing, open to its owner alone.

    Raises
    ------
    ImproperlyConfigured
        If it can not be made.
    """
    path = folder.expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ImproperlyConfigured(f"The folder {str(path)!r} can not be made: {exc.strerror}.") from exc
    return path


def zone(name: str, default: str) -> str:
    """Give a time zone by its IANA name.

    Raises
    ------
    ImproperlyConfigured
        If there is no such zone.
    """
    word = text(name, default)
    try:
        ZoneInfo(word)
    except (ValueError, OSError, ZoneInfoNotFoundError) as exc:
        raise ImproperlyConfigured(f"{name} must be a zone such as Europe/Berlin; it is {word!r}.") from exc
    return word


def database(name: str, sqlite_file: Path, *, pool: int = 0) -> dict[str, Any]:
    """Give Django's settings of the database at the address, an SQLite file where there is none.

    Parameters
    ----------
    pool
        So many connections a process of PostgreSQL are kept and shared; with 0 each request opens its own.

    Raises
    ------
    ImproperlyConfigured
        If the address is not one of SQLite or PostgreSQL. The address itself is not repeated: it may hold a password.
    """
    wrong = ImproperlyConfigured(f"{name} must look like postgres://user:password@host/name or sqlite:///path.")
    address = text(name, f"sqlite:///{sqlite_file}")
    scheme = address.partition(":")[0]
    if scheme not in ("sqlite", "postgres", "postgresql"):
        raise wrong
    try:
        found: dict[str, Any] = dict(env.db_url_config(address))
    except (ValueError, ImproperlyConfigured):
        raise wrong from None
    if scheme == "sqlite":
        return {**found, "OPTIONS": {**SQLITE_OPTIONS, **found.get("OPTIONS", {})}}
    options = {**found.get("OPTIONS", {})}
    if pool:
        # The check makes sure that a connection still stands before it is handed on: a database may start again.
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10, "max_idle": 300}
    return {**found, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}


def secret(name: str, made_in: Path) -> str:
    """Give a secret from the variable, from the file that NAME_FILE names, or from a file made once (mode 0600).

    Raises
    ------
    ImproperlyConfigured
        If it is too short to be one, or its file can not be read or made.
    """
    given, named = text(name), text(f"{name}_FILE")
    path = Path(named) if named else made_in
    if not given:
        try:
            if not named and not path.exists():
                _make_secret(path)
            given = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as exc:
            which = f"{name}_FILE" if named else f"The file of {name}"
            raise ImproperlyConfigured(f"{which} is {str(path)!r}, and that can not be read: {exc}.") from exc
    if len(given) < 40:
        raise ImproperlyConfigured(f"{name} must have at least 40 characters; it has {len(given)}.")
    return given


def key(name: str) -> str:
    """Give a secret from the variable or from the file that NAME_FILE names; empty where neither is set.

    Raises
    ------
    ImproperlyConfigured
        If it is too short to be one, or its file can not be read.
    """
    given, named = text(name), text(f"{name}_FILE")
    if not given and named:
        try:
            given = Path(named).read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as exc:
            raise ImproperlyConfigured(f"{name}_FILE is {named!r}, and that can not be read: {exc}.") from exc
    if (given or named) and len(given) < _SHORTEST_KEY:
        raise ImproperlyConfigured(f"{name} must have at least {_SHORTEST_KEY} characters; it has {len(given)}.")
    return given


def bucket(name: str, *, endpoint: str, region: str, key_id: str, secret: str, prefix: str) -> dict[str, Any]:
    """Give Django's settings of the store of files: the bucket, or the media folder where none is named.

    Raises
    ------
    ImproperlyConfigured
        If something of a bucket is set and no bucket, or half of a key.
    """
    folder = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    named = text(name)
    if not named:
        if endpoint or region or key_id or secret or prefix:
            raise ImproperlyConfigured(f"{name} names no bucket, but another RETINEYE_S3_ variable is set.")
        return folder
    if bool(key_id) != bool(secret):
        raise ImproperlyConfigured("RETINEYE_S3_KEY and RETINEYE_S3_SECRET belong together: set both or neither.")
    options: dict[str, Any] = {"bucket_name": named, "location": prefix}
    if endpoint:
        # A store of one's own seldom has a name for each bucket.
        options |= {"endpoint_url": endpoint, "path_style": True}
    if key_id:
        options |= {"access_key": key_id, "secret_key": secret}
    options["region_name"] = region or "us-east-1"
    return {"BACKEND": "retineye.clinic.bucket.BucketStorage", "OPTIONS": options}


def networks(name: str) -> list[str]:
    """Give addresses and networks, such as 10.1.0.0/16, that are written with commas; none where the variable is unset.

    Raises
    ------
    ImproperlyConfigured
        If one of them is neither.
    """
    found = words(name, [])
    for word in found:
        try:
            ip_network(word)
        except ValueError as exc:
            raise ImproperlyConfigured(f"{name} must hold addresses such as 10.1.0.0/16; {word!r} is none.") from exc
    return found


def _make_secret(path: Path) -> None:
    # Written aside and linked into place: who starts at the same moment, process or thread, reads the same, whole file.
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # mode 0600
    aside = Path(name)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(aside, path)
    except FileExistsError:
        return
    finally:
        aside.unlink()
