"""Have the database itself refuse changes to rows that are written once: SQLite and PostgreSQL."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

_FUNCTION = """
CREATE OR REPLACE FUNCTION retineye_refuse() RETURNS trigger AS $body$
BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $body$ LANGUAGE plpgsql
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """A table whose rows stay as they were written."""

    table: str
    deletable: bool = False
    """True where a row may go as a whole, when a patient is erased."""
    fixed: tuple[str, ...] = ()
    """Columns that are never changed, where the others may be written once more; empty: no column may be."""
    closed_by: str = ""
    """With `fixed`: the column that says, once it is filled, that nothing more may be written."""

    @property
    def reopened(self) -> bool:
        """Say whether a row may be written to once more."""
        return bool(self.fixed)

    @property
    def refused(self) -> tuple[str, ...]:
        """Name the statements that are refused."""
        return ("UPDATE",) if self.deletable else ("UPDATE", "DELETE")


def install(connection: BaseDatabaseWrapper, guard: Guard) -> None:
    """Set the guard. Other databases than SQLite and PostgreSQL go without."""
    _run(connection, _install(connection.vendor, guard))


def remove(connection: BaseDatabaseWrapper, guard: Guard) -> None:
    """Take the guard away, as a migration that goes back must."""
    _run(connection, _remove(connection.vendor, guard))


def _run(connection: BaseDatabaseWrapper, statements: Iterator[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _install(vendor: str, guard: Guard) -> Iterator[str]:
    table = guard.table
    if vendor == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
        for verb in guard.refused:
            yield f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {_verb(guard, verb)} ON {table} {refuse}"
        if guard.reopened:
            once = f"FOR EACH ROW WHEN OLD.{guard.closed_by} IS NOT NULL"
            yield f"CREATE TRIGGER {table}_no_reopen BEFORE UPDATE ON {table} {once} {refuse}"
    elif vendor == "postgresql":
        yield _FUNCTION
        if guard.reopened:
            yield (
                f"CREATE TRIGGER {table}_no_reopen BEFORE UPDATE ON {table} "
                f"FOR EACH ROW WHEN (OLD.{guard.closed_by} IS NOT NULL) EXECUTE FUNCTION retineye_refuse()"
            )
        verbs = " OR ".join(_verb(guard, verb) for verb in guard.refused)
        yield (
            f"CREATE TRIGGER {table}_no_change BEFORE {verbs} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION retineye_refuse()"
        )
        if not guard.deletable:
            yield (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION retineye_refuse()"
            )


def _verb(guard: Guard, verb: str) -> str:
    return f"UPDATE OF {', '.join(guard.fixed)}" if verb == "UPDATE" and guard.fixed else verb


def _remove(vendor: str, guard: Guard) -> Iterator[str]:
    table = guard.table
    if vendor == "sqlite":
        for verb in guard.refused:
            yield f"DROP TRIGGER IF EXISTS {table}_no_{verb.lower()}"
        yield f"DROP TRIGGER IF EXISTS {table}_no_reopen"
    elif vendor == "postgresql":
        yield f"DROP TRIGGER IF EXISTS {table}_no_change ON {table}"
        yield f"DROP TRIGGER IF EXISTS {table}_no_reopen ON {table}"
        yield f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}"
