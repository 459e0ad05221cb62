"""Call patients to their next visit, and follow those who were referred until somebody knows what became of them.

An exam is due on the day of its result: the signed one, or, while nobody has signed, the software's, which is marked as
provisional. A person may put another day in its place, or end it with a reason. A later exam that was done takes the
patient off the list; one that only was opened, or is incomplete, does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Person, Right, allowed, require
from retineye.clinic import standing
from retineye.clinic.access import exams_for
from retineye.clinic.models import Exam, RecallEnd, ReferralOutcome, Reminder, Standing
from retineye.clinic.settings import today_at

SOON = timedelta(days=30)
"""Who is due within these days is called now."""
LATER = timedelta(days=92)

_DONE = (Standing.ROUTINE, Standing.REFER, Standing.EXAMINATION, Standing.HUMAN_READ)
_REFERRED = (Standing.REFER, Standing.EXAMINATION)
_LONGEST_NOTE = 300


class Due(StrEnum):
    """Which patients a recall list holds."""

    OVERDUE = "overdue"
    SOON = "soon"
    """Due today or within thirty days."""
    LATER = "later"
    """Due after that, within three months."""
    ENDED = "ended"
    """Not called any more, for a reason that somebody gave."""


class Referred(StrEnum):
    """Which referrals a list holds."""

    OPEN = "open"
    """Nobody knows yet whether the patient was seen."""
    BOOKED = "booked"
    MISSED = "missed"
    """Did not go, or does not want to."""
    SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Row:
    """One patient on a list."""

    exam: Exam
    """With its patient."""
    due_on: date | None
    days: int | None
    """Days until then; negative: overdue by so many."""
    provisional: bool
    """Nobody has signed the result that the day follows from."""
    referred: bool
    """To be seen by an eye doctor, not photographed again."""
    reminder: Reminder | None
    """The last one."""
    outcome: ReferralOutcome | None
    """The last word on the referral."""


@dataclass(frozen=True, slots=True)
class Case:
    """One exam with its whole log."""

    row: Row
    reminders: list[Reminder]
    """The newest first."""
    outcomes: list[ReferralOutcome]
    """The newest first."""


def recall_for(user: Person, show: Due = Due.OVERDUE, *, limit: int | None = 200) -> list[Row]:
    """Give the patients of a list, who is due longest first."""
    rows = _recall(user)
    if rows is None:
        return []
    today = today_at(user.membership.organisation_id)  # type: ignore[union-attr]
    return _rows(rows.filter(_lists(today)[show]).order_by("due_on", "patient__name_key", "pk")[:limit], today)


def recall_counts(user: Person) -> dict[Due, int]:
    """Give the length of each list, in one query."""
    rows = _recall(user)
    if rows is None:
        return dict.fromkeys(Due, 0)
    lists = _lists(today_at(user.membership.organisation_id))  # type: ignore[union-attr]
    counted = rows.order_by().aggregate(**{show.value: Count("pk", filter=lists[show]) for show in Due})
    return {show: counted[show.value] for show in Due}


def referrals_for(user: Person, show: Referred = Referred.OPEN, *, limit: int | None = 200) -> list[Row]:
    """Give the referred patients of a list: who is to be seen soonest first, and those without a day at the end."""
    rows = _referrals(user)
    if rows is None:
        return []
    today = today_at(user.membership.organisation_id)  # type: ignore[union-attr]
    order = ("-taken_on",) if show is Referred.SEEN else ("-urgency", "due_on", "taken_on")
    return _rows(rows.filter(_REFERRALS[show]).order_by(*order, "pk")[:limit], today)


def referral_counts(user: Person) -> dict[Referred, int]:
    """Give the length of each list, in one query."""
    rows = _referrals(user)
    if rows is None:
        return dict.fromkeys(Referred, 0)
    counted = rows.order_by().aggregate(**{show.value: Count("pk", filter=_REFERRALS[show]) for show in Referred})
    return {show: counted[show.value] for show in Referred}


def _lists(today: date) -> dict[Due, Q]:
    open_ = Q(recall_end="", due_on__isnull=False)
    return {
        Due.OVERDUE: open_ & Q(due_on__lt=today),
        Due.SOON: open_ & Q(due_on__gte=today, due_on__lte=today + SOON),
        Due.LATER: open_ & Q(due_on__gt=today + SOON, due_on__lte=today + LATER),
        Due.ENDED: ~Q(recall_end=""),
    }


_REFERRALS = {
    Referred.OPEN: Q(last_state__isnull=True, recall_end=""),
    Referred.BOOKED: Q(last_state=ReferralOutcome.State.BOOKED, recall_end=""),
    Referred.MISSED: Q(last_state__in=(ReferralOutcome.State.MISSED, ReferralOutcome.State.REFUSED)),
    Referred.SEEN: Q(last_state=ReferralOutcome.State.SEEN),
}


def _recall(user: Person) -> QuerySet[Exam] | None:
    if not allowed(user, Right.RECALL):
        return None
    rows = exams_for(user).exclude(standing=Standing.CANCELLED)
    return rows.filter(patient__merged_into=None, patient__deceased_on=None).exclude(Exists(_later()))


def _referrals(user: Person) -> QuerySet[Exam] | None:
    if not allowed(user, Right.RECALL):
        return None
    last = ReferralOutcome.objects.filter(exam=OuterRef("pk")).order_by("-at", "-id").values("state")[:1]
    rows = exams_for(user).filter(standing__in=_REFERRED, patient__merged_into=None, patient__deceased_on=None)
    return rows.annotate(last_state=Subquery(last))


def _later() -> QuerySet[Exam]:
    same = Exam.objects.filter(patient=OuterRef("patient"), standing__in=_DONE)
    after = Q(taken_on__gt=OuterRef("taken_on"))
    return same.filter(after | Q(taken_on=OuterRef("taken_on"), created_at__gt=OuterRef("created_at")))


def _rows(exams: Iterable[Exam], today: date) -> list[Row]:
    listed = list(exams)
    keys = [exam.pk for exam in listed]
    reminders: dict[UUID, Reminder] = {}
    for reminder in Reminder.objects.filter(exam__in=keys).select_related("by").order_by("at", "id"):
        reminders[reminder.exam_id] = reminder
    outcomes: dict[UUID, ReferralOutcome] = {}
    for found in ReferralOutcome.objects.filter(exam__in=keys).select_related("by").order_by("at", "id"):
        outcomes[found.exam_id] = found
    return [_row(exam, today, reminders.get(exam.pk), outcomes.get(exam.pk)) for exam in listed]


def _row(exam: Exam, today: date, reminder: Reminder | None, outcome: ReferralOutcome | None) -> Row:
    return Row(
        exam=exam,
        due_on=exam.due_on,
        days=(exam.due_on - today).days if exam.due_on else None,
        provisional=exam.signed_at is None and exam.due_set_on is None,
        referred=exam.standing in _REFERRED and not (outcome and outcome.state == ReferralOutcome.State.SEEN),
        reminder=reminder,
        outcome=outcome,
    )


def case_of(user: Person, exam: Exam) -> Case:
    """Give one exam with every call and every word on its referral."""
    reminders = list(Reminder.objects.filter(exam=exam).select_related("by").order_by("-at", "-id"))
    outcomes = list(ReferralOutcome.objects.filter(exam=exam).select_related("by").order_by("-at", "-id"))
    today = today_at(exam.patient.organisation_id)
    row = _row(exam, today, reminders[0] if reminders else None, outcomes[0] if outcomes else None)
    return Case(row, reminders, outcomes)


def remind(user: User, exam: Exam, how: Reminder.How, *, next_on: date | None = None, note: str = "") -> Reminder:
    """Write down one attempt to call the patient to the next visit.

    Raises
    ------
    ValidationError
        If an appointment has no day, or the day is over.
    """
    mine = _mine(user, exam)
    if how == Reminder.How.BOOKED and next_on is None:
        raise ValidationError(_("Name the day of the appointment."))
    if next_on is not None and next_on < today_at(mine.patient.organisation_id):
        raise ValidationError(_("That day is over. Name one that is still to come."))
    with transaction.atomic():
        made = Reminder.objects.create(exam=mine, how=how, next_on=next_on, note=_note(note, _LONGEST_NOTE), by=user)
        _remember(audit.Action.REMINDED, user, mine, how=how.value)
    return made


def follow(
    user: User,
    exam: Exam,
    state: ReferralOutcome.State,
    *,
    where: str = "",
    on: date | None = None,
    found: str = "",
    note: str = "",
    back_on: date | None = None,
) -> ReferralOutcome:
    """Write down what is known of a referred patient: seen or not, where, when, and what was found.

    Parameters
    ----------
    back_on
        The eye doctor sends the patient back to be photographed here on this day. Who was seen and is not sent back is
        under that doctor's care, and called no more.

    Raises
    ------
    ValidationError
        If a visit lies in the future, or its place is not named.
    """
    mine = _mine(user, exam)
    today = today_at(mine.patient.organisation_id)
    seen = state == ReferralOutcome.State.SEEN
    if seen and not where.strip():
        raise ValidationError(_("Say where the patient was seen."))
    if seen and on is not None and on > today:
        raise ValidationError(_("A visit that has been can not lie in the future."))
    if back_on is not None and back_on < today:
        raise ValidationError(_("That day is over. Name one that is still to come."))
    with transaction.atomic():
        made = ReferralOutcome.objects.create(
            exam=mine,
            state=state,
            where=_note(where, 200),
            on=on,
            found=(found or ReferralOutcome.Found.NOT_KNOWN) if seen else "",
            note=_note(note, 500),
            by=user,
        )
        if seen:
            _set(mine, day=back_on, end="" if back_on else RecallEnd.UNDER_CARE.value)
        _remember(audit.Action.REFERRAL_FOLLOWED, user, mine, state=state.value, found=made.found)
    return made


def change_day(user: User, exam: Exam, day: date | None) -> None:
    """Put another day in the place of the result's; None gives the result's own back."""
    mine = _mine(user, exam)
    if day is not None and day < today_at(mine.patient.organisation_id):
        raise ValidationError(_("That day is over. Name one that is still to come."))
    with transaction.atomic():
        _set(mine, day=day, end="")
        _remember(audit.Action.RECALL_CHANGED, user, mine, day=day.isoformat() if day else None)


def end(user: User, exam: Exam, why: RecallEnd | None) -> None:
    """Call the patient no more for this exam; None: call again."""
    mine = _mine(user, exam)
    with transaction.atomic():
        _set(mine, day=mine.due_set_on, end=why.value if why else "")
        _remember(audit.Action.RECALL_CHANGED, user, mine, end=why.value if why else None)


def fill_due(limit: int = 500) -> int:
    """Give those exams their day that were there before days were kept; give how many."""
    lacking = Exam.objects.filter(due_on=None, standing__in=(Standing.ROUTINE, Standing.REFER))
    keys = list(lacking.values_list("pk", flat=True)[:limit])
    for key in keys:
        with transaction.atomic():
            standing.refresh(standing.lock(key))
    return len(keys)


def _set(exam: Exam, *, day: date | None, end: str) -> None:
    locked = standing.lock(exam.pk)
    locked.due_set_on, locked.recall_end = day, end
    locked.save(update_fields=["due_set_on", "recall_end"])
    standing.refresh(locked)


def _mine(user: User, exam: Exam) -> Exam:
    require(user, Right.RECALL)
    return exams_for(user).get(pk=exam.pk)


def _note(text: str, most: int) -> str:
    return " ".join(text.split())[:most]


def _remember(action: audit.Action, user: User, exam: Exam, **detail: str | None) -> None:
    audit.record(
        action,
        actor=user,
        organisation=exam.patient.organisation_id,
        object_type="exam",
        object_id=exam.pk,
        detail=detail,
    )
