"""Who did what: ids and codes only, never changed, sealed in blocks that hang on each other by their hashes.

`record` adds an event to the caller's transaction. The sweep calls `seal` every few seconds; `verify` walks the chain.
A chain over blocks and not over rows, because a chain over rows would make every writer wait for the one before.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from retineye.accounts.models import AuditBlock, AuditEvent, AuditSeal, Organisation, User
from retineye.accounts.policy import Right, require

Detail = Mapping[str, str | int | bool | None]
"""Codes, ids and whole numbers that say more about an event."""

_CODE = re.compile(r"[A-Za-z0-9_.:/+-]{0,80}")
_GENESIS = "0" * 64
_BLOCK = 1000
# A transaction that began before the last block was sealed may commit after it; none lasts for a day.
_LATE = timedelta(days=1)


class Action(StrEnum):
    """What can be done that is worth remembering."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of an event
    SERVICE_SET_UP = "service_set_up"
    INVITED = "invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    JOINED = "joined"
    SITE_ADDED = "site_added"
    SITE_CHANGED = "site_changed"
    SITE_ASSIGNED = "site_assigned"
    ROLE_CHANGED = "role_changed"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_OPENED = "account_opened"
    MACHINE_ADDED = "machine_added"
    PASSWORD_LINK_MADE = "password_link_made"  # noqa: S105  the name of an event
    SECOND_FACTOR_CHANGED = "second_factor_changed"
    SECOND_FACTOR_DROPPED = "second_factor_dropped"
    SESSION_ENDED = "session_ended"
    GUARDING_CHANGED = "guarding_changed"
    PATIENT_ADDED = "patient_added"
    PATIENT_CHANGED = "patient_changed"
    PATIENT_VIEWED = "patient_viewed"
    PATIENTS_SEARCHED = "patients_searched"
    EXAM_ADDED = "exam_added"
    EXAM_CHANGED = "exam_changed"
    EXAM_VIEWED = "exam_viewed"
    PHOTOGRAPH_RECEIVED = "photograph_received"
    PHOTOGRAPH_CHANGED = "photograph_changed"
    PHOTOGRAPH_WITHDRAWN = "photograph_withdrawn"
    PHOTOGRAPH_VIEWED = "photograph_viewed"
    EXAM_READ = "exam_read"
    SECOND_READ_ASKED = "second_read_asked"
    EXAM_ASSIGNED = "exam_assigned"
    EXAM_SIGNED = "exam_signed"
    ADDENDUM_ADDED = "addendum_added"
    SIGNATURE_WITHDRAWN = "signature_withdrawn"
    EXAM_ESCALATED = "exam_escalated"
    AGREEMENT_VIEWED = "agreement_viewed"
    CORRECTED = "corrected"
    OTHER_PATIENT_CONFIRMED = "other_patient_confirmed"
    ORIGINAL_OPENED = "original_opened"
    GRADED = "graded"
    GRADING_FAILED = "grading_failed"
    REGRADE_ASKED = "regrade_asked"
    REPORT_MADE = "report_made"
    REPORT_OPENED = "report_opened"
    REPORT_SUPERSEDED = "report_superseded"
    REPORT_VOID = "report_void"
    REPORT_TEXT_CHANGED = "report_text_changed"
    REPORT_TEXTS_REVIEWED = "report_texts_reviewed"
    CALL_BACK_OPENED = "call_back_opened"
    CALL_BACK_TRIED = "call_back_tried"
    CALL_BACK_CLOSED = "call_back_closed"
    ARRIVED = "arrived"
    ARRIVAL_FILED = "arrival_filed"
    ARRIVAL_SET_ASIDE = "arrival_set_aside"
    SENDER_ADDED = "sender_added"
    SENDER_CHANGED = "sender_changed"
    DESTINATION_ADDED = "destination_added"
    DESTINATION_CHANGED = "destination_changed"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    RECALL_VIEWED = "recall_viewed"
    REMINDED = "reminded"
    RECALL_CHANGED = "recall_changed"
    REFERRAL_FOLLOWED = "referral_followed"
    STATISTICS_VIEWED = "statistics_viewed"
    SETTINGS_CHANGED = "settings_changed"
    PATIENT_HELD = "patient_held"
    PATIENT_RELEASED = "patient_released"
    PATIENT_ERASED = "patient_erased"
    EXPORTED = "exported"
    IMPORTED = "imported"
    TOKEN_MADE = "token_made"  # noqa: S105  the name of an event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  the name of an event
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_CHANGED = "webhook_changed"
    GRADED_ALONE = "graded_alone"
    BATCH_BEGUN = "batch_begun"
    BATCH_CHANGED = "batch_changed"
    AUDIT_READ = "audit_read"


def record(
    action: Action,
    *,
    actor: User | None,
    organisation: Organisation | UUID | None,
    object_type: str = "",
    object_id: UUID | None = None,
    detail: Detail | None = None,
) -> AuditEvent:
    """Remember that somebody did something.

    Parameters
    ----------
    actor
        Who did it; None for the service itself and for people who are not known.
    organisation
        Whose event it is: its administrators read it.
    object_type, object_id
        What it was done to, such as `photograph` and its id.
    detail
        Codes, ids and whole numbers.

    Raises
    ------
    ValueError
        If a detail could be free text, in which a name may hide.
    """
    kept = dict(detail or {})
    for key, value in kept.items():
        if value is not None and not (_CODE.fullmatch(value) if isinstance(value, str) else isinstance(value, int)):
            raise ValueError(f"The audit keeps codes, ids and whole numbers only; {key!r} is something else.")
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor.pk if actor is not None else None,
        organisation_id=organisation.pk if isinstance(organisation, Organisation) else organisation,
        object_type=object_type,
        object_id=object_id,
        detail=kept,
    )


def events_for(user: User) -> QuerySet[AuditEvent]:
    """Give the events of the person's clinic, the newest first.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not read them.
    """
    require(user, Right.READ_AUDIT)
    return AuditEvent.objects.filter(organisation_id=user.membership.organisation_id).order_by("-at", "-id")


def seal() -> int:
    """Close the events that lie open into one block, and give how many they were.

    Of two processes that seal at the same moment one succeeds, and the other leaves its events to the next time.
    """
    try:
        with transaction.atomic():
            return _seal()
    except IntegrityError:
        return 0


def _seal() -> int:
    last = AuditBlock.objects.order_by("-number").first()
    open_events = AuditEvent.objects.filter(seal__isnull=True)
    if last is not None:
        open_events = open_events.filter(at__gte=last.sealed_at - _LATE)
    events = list(open_events.order_by("at", "id")[:_BLOCK])
    if not events:
        return 0
    previous = last.hash if last else _GENESIS
    block = AuditBlock.objects.create(
        number=last.number + 1 if last else 1,
        events=len(events),
        previous_hash=previous,
        hash=block_hash(previous, events),
    )
    AuditSeal.objects.bulk_create(
        AuditSeal(block=block, event=event, position=position) for position, event in enumerate(events)
    )
    return len(events)


def block_hash(previous: str, events: list[AuditEvent]) -> str:
    """Give the SHA-256 (hex) over the hash of the block before and every field of the events, in order."""
    digest = hashlib.sha256(previous.encode("ascii"))
    for event in events:
        digest.update(b"\n" + _line(event))
    return digest.hexdigest()


def _line(event: AuditEvent) -> bytes:
    fields = {
        "id": str(event.id),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": event.action,
        "actor": str(event.actor_id or ""),
        "organisation": str(event.organisation_id or ""),
        "object_type": event.object_type,
        "object": str(event.object_id or ""),
        "detail": event.detail,
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def verify() -> Iterator[str]:
    """Walk the chain from its first block and give a sentence for each thing that is wrong; none when all is well."""
    previous, number = _GENESIS, 0
    for block in AuditBlock.objects.order_by("number").iterator():
        number += 1
        seals = block.seals.select_related("event").order_by("position")
        events = [seal.event for seal in seals]
        if block.number != number:
            yield f"Block {number} is missing: the next one is block {block.number}."
            number = block.number
        if block.previous_hash != previous:
            yield f"Block {block.number} does not hang on the block before it."
        if len(events) != block.events:
            yield f"Block {block.number} sealed {block.events} events and has {len(events)} now."
        elif block_hash(block.previous_hash, events) != block.hash:
            yield f"An event in block {block.number} is not what was sealed."
        previous = block.hash
    last = AuditBlock.objects.order_by("-number").first()
    if last is None:
        return
    late = AuditEvent.objects.filter(seal__isnull=True, at__lt=last.sealed_at - _LATE).count()
    if late:
        yield f"{late} events are older than the last block and were never sealed."
