"""Log lines as JSON: ids and codes, never a name.

Text that an exception carries may quote a row of the database, so a log line holds the exception's type and the
places it passed, and not its message.
"""

import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger


def places_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the type of the exception and the places it passed where its text would be."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["error"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["places"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    event.pop("stack_info", None)
    return event


def route_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the pattern of a request's address where the address would be: people type names into addresses."""
    record = event.get("_record")
    request = getattr(record, "request", None)
    if record is None or request is None:
        return event
    # Text without a place for arguments is an exception's own; Django puts the address behind the last colon.
    form = str(record.msg)
    head = form.rpartition(":")[0] if "%s" in form else record.name.rpartition(".")[2]
    # "%s: %s" is Django's form for an answer's reason ("Not Found") and the address.
    event["event"] = str(event["event"]).partition(":")[0] if head == "%s" else head
    match = getattr(request, "resolver_match", None)
    event["route"] = match.route if match else ""
    event["method"] = getattr(request, "method", "")
    event["status"] = getattr(record, "status_code", None)
    return event


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        places_only,
        route_only,
    ]


def logging_config(level: str) -> dict[str, Any]:
    """Give the dictionary for `logging.config`, and set structlog to write through it."""
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers (mail to admins, console) would print what ours leaves out.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # httpx writes whole addresses, and a webhook's may hold a secret.
            "httpx": {"level": "WARNING", "propagate": True},
            # axes writes the name that somebody signed in with.
            "axes": {"handlers": [], "level": "CRITICAL", "propagate": False},
        },
    }
