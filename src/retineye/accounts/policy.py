"""Who may do what: one table of roles and rights."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from retineye.accounts.models import Membership, Role, User

Person = User | AbstractBaseUser | AnonymousUser
"""Whoever a request carries."""


class Right(StrEnum):
    """A thing that a role may be allowed to do inside its own clinic."""

    VIEW_PATIENTS = "view_patients"
    """See patients, exams, photographs (display copies) and verdicts."""
    ADD_PATIENT = "add_patient"
    """Add patients and exams, and write down what is known of them."""
    SEND_PHOTOGRAPH = "send_photograph"
    """Hand photographs in, and decide whether identical ones belong to another patient."""
    CORRECT = "correct"
    """Put things right, always with a reason: move photographs and exams, merge patients, cancel exams."""
    READ = "read"
    """Read photographs: say the grade, ask for a second read, arbitrate."""
    SIGN = "sign"
    """Sign what one has read, add to it, and take the signature back."""
    ASSIGN = "assign"
    """Say who is to read an exam."""
    SEE_AGREEMENT = "see_agreement"
    """See how often readers and the software agree."""
    OPEN_ORIGINAL = "open_original"
    """Download the bytes that came from the camera."""
    REGRADE = "regrade"
    """Have a failed photograph graded again."""
    PRINT_REPORT = "print_report"
    """Print the page for the patient and the report for the clinician."""
    CALL_BACK = "call_back"
    """Call patients whose result became worse than what they were told, and write down what came of it."""
    EDIT_REPORT_TEXTS = "edit_report_texts"
    """Put the sentences of the reports into the clinic's own words, and record who reviewed a translation."""
    RECALL = "recall"
    """Call patients to their next visit, and write down what became of those who were referred."""
    SEE_STATISTICS = "see_statistics"
    """See how much is done, how long it takes, and how many photographs can not be graded."""
    HOLD = "hold"
    """Put a patient under a legal hold, so that nothing of theirs is erased, and lift it."""
    ERASE = "erase"
    """Erase a patient: photographs, exams and name. The audit's lines stay."""
    EXPORT_RESEARCH = "export_research"
    """Take photographs and grades of patients who agreed to it out without names, for research."""
    CHANGE_SETTINGS = "change_settings"
    """Decide how the clinic works: guideline, time zone, blind reading, retention, shadow mode."""
    EXPORT = "export"
    """Take results out of the service."""
    CONNECT = "connect"
    """Say which cameras, archives and systems may bring photographs and take results."""
    USE_API = "use_api"
    """Make tokens for programs that work in one's own name, with one's own rights."""
    TAKE_IN_BATCH = "take_in_batch"
    """Take a whole archive of photographs in from a table, and get its results as a table."""
    INVITE = "invite"
    """Invite colleagues and withdraw invitations."""
    MANAGE_PEOPLE = "manage_people"
    """Say where colleagues work and what they are, close and open accounts, keep the list of sites."""
    READ_AUDIT = "read_audit"
    """Read who did what."""


_WITH_PATIENTS = frozenset(
    {
        Right.VIEW_PATIENTS,
        Right.USE_API,
        Right.PRINT_REPORT,
        Right.CALL_BACK,
        Right.RECALL,
        Right.ADD_PATIENT,
        Right.SEND_PHOTOGRAPH,
        Right.REGRADE,
        Right.CORRECT,
    }
)

_DOCTORS = frozenset({Right.READ, Right.SIGN, Right.ASSIGN, Right.SEE_AGREEMENT, Right.SEE_STATISTICS})

RIGHTS: Mapping[str, frozenset[Right]] = MappingProxyType(
    {
        Role.TECHNICIAN: _WITH_PATIENTS,
        Role.DOCTOR: _WITH_PATIENTS | _DOCTORS | {Right.OPEN_ORIGINAL, Right.EXPORT, Right.TAKE_IN_BATCH},
        Role.MANAGER: frozenset(
            {
                Right.VIEW_PATIENTS,
                Right.USE_API,
                Right.ASSIGN,
                Right.SEE_AGREEMENT,
                Right.PRINT_REPORT,
                Right.CALL_BACK,
                Right.RECALL,
                Right.SEE_STATISTICS,
                Right.HOLD,
                Right.EXPORT_RESEARCH,
                Right.EXPORT,
            }
        ),
        # A grade and a signature are a doctor's alone, whatever else somebody may do.
        Role.ADMINISTRATOR: frozenset(Right) - {Right.READ, Right.SIGN},
    }
)


MACHINE_ROLES: Final = (Role.TECHNICIAN, Role.MANAGER)
"""What a program of the clinic's may be: a read and a decision about people are a person's."""


def membership_of(user: Person) -> Membership | None:
    """Give the person's place in a clinic, or None for strangers, anonymous and inactive people."""
    if not isinstance(user, User) or not user.is_active:
        return None
    try:
        return user.membership
    except Membership.DoesNotExist:
        return None


def allowed(user: Person, right: Right) -> bool:
    """Say whether the person's role holds the right."""
    membership = membership_of(user)
    return membership is not None and right in RIGHTS[membership.role]


def require(user: Person, right: Right) -> None:
    """Stop who may not.

    Raises
    ------
    PermissionDenied
        If the person's role does not hold the right.
    """
    if not allowed(user, right):
        raise PermissionDenied(f"Your role does not include: {right.value.replace('_', ' ')}.")
