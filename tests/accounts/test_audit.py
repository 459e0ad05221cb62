"""The audit trail: ids only, never changed, sealed."""

import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from retineye.accounts import audit
from retineye.accounts.audit import Action, record, seal, verify
from retineye.accounts.models import AuditBlock, AuditEvent, AuditSeal
from retineye.accounts.triggers import Guard, install, remove
from tests.cast import Clinic


def happen(hill: Clinic, times: int = 1, **detail: Any) -> None:
    for _ in range(times):
        record(
            Action.PATIENT_VIEWED,
            actor=hill.doctor,
            organisation=hill.organisation,
            object_type="patient",
            object_id=uuid4(),
            detail=detail,
        )


def tamper(statement: str, *values: object, table: str = "accounts_auditevent") -> None:
    """Change what is sealed, as somebody could who owns the database and lifts its guard."""
    guard = Guard(table)
    remove(connection, guard)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
    install(connection, guard)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET action = 'exported'",
        "DELETE FROM accounts_auditevent",
        "UPDATE accounts_auditblock SET events = 0",
        "DELETE FROM accounts_auditseal",
        "UPDATE accounts_auditseal SET position = 7",
    ],
)
def test_the_database_itself_refuses_to_change_or_delete_what_happened(hill: Clinic, statement: str) -> None:
    happen(hill)
    seal()
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(verify()) == []
    assert AuditEvent.objects.count() == 1


def test_the_models_refuse_too(hill: Clinic) -> None:
    happen(hill)
    event = AuditEvent.objects.get()
    event.action = "exported"
    for change in (event.save, event.delete, AuditEvent.objects.all().delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.postgres
def test_postgresql_refuses_to_empty_the_table_as_well(hill: Clinic) -> None:
    happen(hill)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_auditevent CASCADE")


@pytest.mark.parametrize("value", ["Ana Ruiz", "ana@hill.example", "José", "x" * 81, 0.5, ["a"], {"a": 1}])
def test_free_text_in_which_a_name_may_hide_is_not_taken(hill: Clinic, value: Any) -> None:
    with pytest.raises(ValueError, match="codes, ids and whole numbers"):
        happen(hill, what=value)
    assert not AuditEvent.objects.exists()


def test_codes_ids_and_numbers_are_taken(hill: Clinic) -> None:
    happen(hill, eye="left", verdict=str(uuid4()), count=3, confirmed=True, nothing=None)
    assert AuditEvent.objects.get().detail["count"] == 3


def test_every_action_is_a_code() -> None:
    for action in Action:
        assert action.value.replace("_", "").isalpha()


def test_blocks_hang_on_each_other_and_verify(hill: Clinic) -> None:
    happen(hill, 3)
    assert seal() == 3
    happen(hill, 2)
    assert seal() == 2
    assert seal() == 0
    first, second = AuditBlock.objects.order_by("number")
    assert (first.number, second.number) == (1, 2)
    assert first.previous_hash == "0" * 64
    assert second.previous_hash == first.hash != second.hash
    assert list(verify()) == []


def test_a_changed_event_is_found(hill: Clinic) -> None:
    happen(hill, 3)
    seal()
    victim = AuditEvent.objects.first()
    assert victim is not None
    tamper("UPDATE accounts_auditevent SET actor_id = NULL WHERE id = %s", _key(victim))
    assert list(verify()) == ["An event in block 1 is not what was sealed."]


def test_a_removed_event_is_found(hill: Clinic) -> None:
    happen(hill, 3)
    seal()
    victim = AuditSeal.objects.first()
    assert victim is not None
    tamper("DELETE FROM accounts_auditseal WHERE id = %s", _key(victim), table="accounts_auditseal")
    assert list(verify()) == ["Block 1 sealed 3 events and has 2 now."]


def test_a_removed_block_is_found(hill: Clinic) -> None:
    for _ in range(3):
        happen(hill)
        seal()
    tamper("DELETE FROM accounts_auditseal WHERE position >= 0", table="accounts_auditseal")
    tamper("DELETE FROM accounts_auditblock WHERE number = 2", table="accounts_auditblock")
    assert "Block 2 is missing: the next one is block 3." in list(verify())


def test_a_forged_block_is_found(hill: Clinic) -> None:
    happen(hill)
    seal()
    AuditBlock.objects.create(number=2, events=0, previous_hash="f" * 64, hash="e" * 64)
    assert "Block 2 does not hang on the block before it." in list(verify())


def test_an_event_that_was_slipped_in_with_an_old_date_is_found(hill: Clinic) -> None:
    happen(hill)
    seal()
    AuditEvent.objects.create(action="patient_viewed", at=timezone.now() - timedelta(days=2))
    assert seal() == 0
    assert list(verify()) == ["1 events are older than the last block and were never sealed."]


def test_a_long_trail_is_sealed_in_blocks_of_a_bounded_size(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_BLOCK", 4)
    happen(hill, 10)
    assert [seal() for _ in range(4)] == [4, 4, 2, 0]
    assert list(verify()) == []


def test_the_command_says_the_head_or_what_is_wrong(hill: Clinic) -> None:
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    assert "Nothing is sealed yet" in said.getvalue()
    happen(hill)
    seal()
    call_command("verify_audit", stdout=said)
    assert AuditBlock.objects.get().hash in said.getvalue()
    tamper("UPDATE accounts_auditevent SET action = 'exported'")
    with pytest.raises(CommandError, match="not what was sealed"):
        call_command("verify_audit")


def test_an_administrator_reads_the_own_clinic_s_trail_and_nobody_else_does(hill: Clinic, lake: Clinic) -> None:
    happen(hill, 2)
    assert audit.events_for(hill.administrator).count() == 2
    assert audit.events_for(lake.administrator).count() == 0
    for role in ("technician", "doctor", "manager"):
        with pytest.raises(PermissionDenied):
            audit.events_for(hill.people[role])


def _key(row: AuditEvent | AuditSeal) -> str:
    return row.pk.hex if connection.vendor == "sqlite" else str(row.pk)
