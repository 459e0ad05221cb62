"""Change how a clinic works: its settings and the referral table that new exams are read by."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import Organisation, User
from retineye.accounts.policy import Right, require
from retineye.clinic import standing
from retineye.clinic.guidelines import GUIDELINES
from retineye.clinic.models import ClinicSettings, Exam, ReadState, Standing
from retineye.clinic.settings import settings_of

SETTINGS = (
    "time_zone",
    "language",
    "report_contact",
    "blind_first",
    "second_read_percent",
    "escalate_after_hours",
    "shadow_mode",
    "retention_years",
    "low_acuity_logmar",
    "capture_warn_days",
)
"""What a clinic decides, besides its guideline."""


def decide(user: User, values: Mapping[str, Any]) -> ClinicSettings:
    """Change settings of the person's clinic, and the guideline of exams that are opened from now on.

    Where shadow mode begins or ends, what lists say of the exams that nobody has signed is written anew.

    Parameters
    ----------
    values
        By the names of `SETTINGS`, and `guideline`; what is not named stays.

    Raises
    ------
    ValidationError
        By the name of what can not be.
    """
    require(user, Right.CHANGE_SETTINGS)
    organisation = user.membership.organisation
    guideline = values.get("guideline", organisation.guideline)
    if guideline not in GUIDELINES:
        raise ValidationError({"guideline": _("There is no such table.")})
    decided = settings_of(organisation)
    changed = [name for name in SETTINGS if name in values and getattr(decided, name) != values[name]]
    for name in changed:
        setattr(decided, name, values[name])
    decided.full_clean(exclude=["organisation"])
    if guideline != organisation.guideline:
        changed.append("guideline")
    if not changed:
        return decided
    with transaction.atomic():
        decided.save()
        Organisation.objects.filter(pk=organisation.pk).update(guideline=guideline)
        for name in changed:
            _remember(user, name, guideline if name == "guideline" else values[name])
        if "shadow_mode" in changed:
            _say_anew(organisation)
    organisation.guideline = guideline
    return decided


def _say_anew(organisation: Organisation) -> None:
    exams = Exam.objects.filter(clinic_id=organisation.pk).exclude(standing__in=(Standing.EMPTY, Standing.CANCELLED))
    for key in exams.exclude(read_state=ReadState.SIGNED).values_list("pk", flat=True).iterator():
        standing.refresh(standing.lock(key))


def _remember(user: User, name: str, value: object) -> None:
    # Texts may name a person, and the audit keeps codes only.
    kept = value if isinstance(value, bool | int) or name in ("time_zone", "language", "guideline") else None
    audit.record(
        audit.Action.SETTINGS_CHANGED,
        actor=user,
        organisation=user.membership.organisation_id,
        object_type="settings",
        detail={"setting": name, "value": kept if isinstance(kept, str | int | bool) else None},
    )
