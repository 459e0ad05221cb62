"""The pool of connections to PostgreSQL: few connections for many threads, and none that has died."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from retineye.config import environment


def test_a_pool_is_made_for_postgresql_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://clinic:secret@db.example/eyes")
    assert "pool" not in environment.database("DATABASE_URL", tmp_path / "none")["OPTIONS"]
    found = environment.database("DATABASE_URL", tmp_path / "none", pool=8)
    assert found["OPTIONS"]["pool"]["max_size"] == 8
    assert found["CONN_HEALTH_CHECKS"]
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'eyes'}")
    assert "pool" not in environment.database("DATABASE_URL", tmp_path / "none", pool=8)["OPTIONS"]


POOL = {"min_size": 1, "max_size": 2, "timeout": 30}


def pooled() -> DatabaseWrapper:
    """Give a connection as one more thread opens it."""
    given = connection.settings_dict
    return DatabaseWrapper(
        {**given, "CONN_HEALTH_CHECKS": True, "OPTIONS": {**given.get("OPTIONS", {}), "pool": POOL}}, "pooled"
    )


@pytest.fixture()
def closed() -> Iterator[None]:
    """Close the pool after the test."""
    yield
    pooled().close_pool()


def backend(wrapper: DatabaseWrapper) -> int:
    """Ask for the number of the server's process, and give the connection back."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        number: int = cursor.fetchone()[0]
    wrapper.close()
    return number


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("closed")
def test_twelve_threads_share_two_connections() -> None:
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(backend(pooled()))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 12
    assert len(set(seen)) <= 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("closed")
def test_a_connection_that_has_died_is_not_handed_on() -> None:
    dead = backend(pooled())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [dead])
    assert backend(pooled()) != dead
