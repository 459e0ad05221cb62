"""Tell somebody when a case that presses waits too long for a doctor, without a word about the patient.

What presses: severe or proliferative disease, suspected macular oedema, and a patient who complains or sees badly. How
long is too long, each clinic decides. The notice stands in the service, for doctors and managers, until the exam is
read; where mail is set up, each of them gets one too, which says how many wait and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from retineye.accounts import audit
from retineye.accounts.models import Membership, Role
from retineye.clinic.models import Exam, ReadState
from retineye.clinic.referral import AT_ONCE_URGENCY
from retineye.clinic.settings import settings_of
from retineye.grading.result import Grade

log = structlog.get_logger(__name__)

TOLD = (Role.DOCTOR, Role.MANAGER)
"""Who gets the mail."""

_SOONEST = timedelta(hours=1)
_BATCH = 500
_SEVERE = [int(Grade.SEVERE), int(Grade.PROLIFERATIVE)]


def pressing() -> Q:
    """Say which exams must not wait."""
    return (
        Q(right_grade__in=_SEVERE)
        | Q(left_grade__in=_SEVERE)
        | Q(dme_suspected=True)
        | Q(urgency__gte=AT_ONCE_URGENCY)
        | ~Q(symptoms=[])
    )


def overdue(now: datetime) -> QuerySet[Exam]:
    """Give the unread exams that press and nobody was told of, older than the shortest time a clinic can set."""
    unread = Exam.objects.filter(read_state=ReadState.UNREAD, escalated_at=None, created_at__lt=now - _SOONEST)
    return unread.filter(pressing()).order_by("created_at")


def escalate(now: datetime) -> int:
    """Mark what has waited too long, put it into the audit, and tell the clinics' people; give how many exams.

    Twice at the same moment does no harm: each exam is marked once, and a mail counts only what was marked by its own
    sweep. A mail that can not be sent is logged; the notice in the service stands all the same.
    """
    by_clinic: dict[UUID, list[Exam]] = defaultdict(list)
    for exam in overdue(now)[:_BATCH]:
        if exam.clinic_id is not None:  # the field fills itself
            by_clinic[exam.clinic_id].append(exam)
    told = 0
    for clinic, exams in by_clinic.items():
        limit = now - timedelta(hours=settings_of(clinic).escalate_after_hours)
        marked = sum(_mark(exam, now) for exam in exams if exam.created_at < limit)
        if marked:
            told += marked
            log.warning("escalated", exams=marked)
            _mail(clinic, marked)
    return told


def _mark(exam: Exam, now: datetime) -> int:
    with transaction.atomic():
        mine = Exam.objects.filter(pk=exam.pk, read_state=ReadState.UNREAD, escalated_at=None)
        if not mine.update(escalated_at=now):
            return 0
        audit.record(
            audit.Action.EXAM_ESCALATED,
            actor=None,
            organisation=exam.clinic_id,
            object_type="exam",
            object_id=exam.pk,
            detail={"hours": int((now - exam.created_at).total_seconds() // 3600)},
        )
    return 1


def sender() -> str:
    """Give the address that the service's mails come from; empty where mail is not set up."""
    return settings.RETINEYE_MAIL_FROM or ""


def _mail(clinic: UUID, count: int) -> None:
    if not sender():
        return
    people = Membership.objects.filter(organisation=clinic, role__in=TOLD, user__is_active=True, user__machine=False)
    _send(people.values_list("user__email", flat=True), count)


def _send(addresses: Iterable[str], count: int) -> None:
    subject = ngettext(
        "RetinEye: %(count)d exam waits too long for a doctor",
        "RetinEye: %(count)d exams wait too long for a doctor",
        count,
    ) % {"count": count}
    body = _("Sign in to RetinEye and open the worklist. This message names nobody on purpose.")
    for address in addresses:
        try:
            send_mail(subject, body, sender(), [address])
        except (SMTPException, OSError):
            log.exception("mail_refused", what="escalation")
