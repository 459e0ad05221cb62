"""Read the first RetinEye's MongoDB. The one file that knows pymongo."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from retineye.exchange.retineye1.rows import Document, Kind, document, kind_of

if TYPE_CHECKING or find_spec("pymongo"):
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

_ANSWER_MS = 10_000
_OWN = ("admin", "config", "local")


class SourceError(Exception):
    """The server does not give what is asked; the message says what a person can do."""


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that was read."""

    documents: Mapping[Kind, list[Document]]
    passed_over: Mapping[str, int]
    """Documents of each collection that was not understood, and not read."""


def is_available() -> bool:
    """Say whether pymongo is installed."""
    return find_spec("pymongo") is not None


def read(uri: str, database: str, *, named: Mapping[str, str], renamed: Mapping[str, str]) -> Source:
    """Read every collection that is understood.

    Parameters
    ----------
    uri
        Address of the server. It may hold a password, and is never written anywhere.
    database
        Name of the database; empty takes the only one that there is.
    named
        What a collection holds, by its name, where its name does not say so.
    renamed
        Names of fields by ours, see `rows.document`.

    Raises
    ------
    SourceError
        If the server does not answer, refuses, or has no such database.
    """
    if not is_available():
        raise SourceError("Reading MongoDB needs another package: install retineye[mongo].")
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            uri, serverSelectionTimeoutMS=_ANSWER_MS, connectTimeoutMS=_ANSWER_MS
        )
        with client:
            return _read(client, database, named, renamed)
    except PyMongoError as exc:
        # Its own text may repeat the address, and with it a password.
        raise SourceError(
            f"The MongoDB server did not answer as it should ({type(exc).__name__}). Check --mongo-uri and the server."
        ) from None
    except ValueError as exc:
        raise SourceError("The address of the MongoDB server can not be read. Check --mongo-uri.") from exc


def _read(
    client: "MongoClient[dict[str, Any]]", database: str, named: Mapping[str, str], renamed: Mapping[str, str]
) -> Source:
    names = [name for name in client.list_database_names() if name not in _OWN]
    if database and database not in names:
        raise SourceError(f"The server has no database named {database}. Name it with --database.")
    if not database and len(names) != 1:
        raise SourceError(f"Name the database with --database: {', '.join(sorted(names)) or 'the server has none'}.")
    held = client[database or names[0]]
    found: dict[Kind, list[Document]] = {kind: [] for kind in Kind}
    passed_over: dict[str, int] = {}
    for collection in sorted(held.list_collection_names()):
        kind = Kind(named[collection]) if collection in named else kind_of(collection)
        if kind is None:
            passed_over[collection] = held[collection].count_documents({})
        else:
            # The plain passwords stay where they are.
            documents = held[collection].find(projection={"password": 0, "pass": 0, "pwd": 0})
            found[kind] += [document(kind, one, renamed) for one in documents]
    return Source({kind: sorted(ones, key=lambda one: one.key) for kind, ones in found.items()}, passed_over)
