"""No later migration takes away the guard of rows that are written once."""

import importlib
import pkgutil

import pytest
from django.db import connection

import retineye.accounts.migrations
import retineye.clinic.migrations
from retineye.accounts.triggers import Guard

pytestmark = pytest.mark.django_db


def guards() -> set[Guard]:
    """Gather the guards that the migrations speak of."""
    found: set[Guard] = set()
    for package in (retineye.accounts.migrations, retineye.clinic.migrations):
        for module in pkgutil.iter_modules(package.__path__):
            for value in vars(importlib.import_module(f"{package.__name__}.{module.name}")).values():
                found |= {
                    one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, Guard)
                }
    return found


def guarded_tables() -> set[str]:
    """Ask the database which tables have a trigger that refuses."""
    question = (
        "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT event_object_table FROM information_schema.triggers"
    )
    with connection.cursor() as cursor:
        cursor.execute(question)
        return {row[0] for row in cursor.fetchall()}


def test_every_guard_that_a_migration_set_still_stands_after_the_last_one() -> None:
    named = {guard.table for guard in guards()}
    assert {"clinic_verdict", "clinic_review", "accounts_auditevent"} <= named
    assert named <= guarded_tables()
