"""A migration must not lock a large table for long, nor break the version that still runs beside it."""

import pytest
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]

LAST_BEFORE_RELEASE = {"accounts": "0006", "clinic": "0017"}
"""Up to these nothing was released: no machine has a large table that they change."""


def complaints(*migrations: tuple[str, str]) -> int:
    """Count the migrations that the linter finds fault with, by the SQL that PostgreSQL would get."""
    linter = MigrationLinter(no_cache=True, no_output=True, all_warnings_as_errors=True)
    known = MigrationLoader(None).disk_migrations
    for one in migrations:
        linter.lint_migration(known[one])
    return int(linter.nb_erroneous)


def test_no_later_migration_locks_a_table_or_breaks_the_version_before_it() -> None:
    ours = [
        (app, name)
        for app, name in sorted(MigrationLoader(None).disk_migrations)
        if name[:4] > LAST_BEFORE_RELEASE.get(app, "9999")
    ]
    assert [one for one in ours if complaints(one)] == []


def test_the_linter_sees_an_index_that_locks_and_a_column_that_an_older_version_can_not_fill() -> None:
    assert complaints(("clinic", "0013_exam_site"), ("accounts", "0006_language")) == 2
    assert complaints(("accounts", "0004_sites")) == 0
