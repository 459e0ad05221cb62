"""Who may do what, in one table."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from retineye.accounts.models import Role, User
from retineye.accounts.policy import RIGHTS, Right, allowed, require
from tests.cast import Clinic

TABLE = {
    Right.VIEW_PATIENTS: {"technician", "doctor", "manager", "administrator"},
    Right.ADD_PATIENT: {"technician", "doctor", "administrator"},
    Right.SEND_PHOTOGRAPH: {"technician", "doctor", "administrator"},
    Right.REGRADE: {"technician", "doctor", "administrator"},
    Right.CORRECT: {"technician", "doctor", "administrator"},
    Right.READ: {"doctor"},
    Right.SIGN: {"doctor"},
    Right.ASSIGN: {"doctor", "manager", "administrator"},
    Right.SEE_AGREEMENT: {"doctor", "manager", "administrator"},
    Right.OPEN_ORIGINAL: {"doctor", "administrator"},
    Right.PRINT_REPORT: {"technician", "doctor", "manager", "administrator"},
    Right.CALL_BACK: {"technician", "doctor", "manager", "administrator"},
    Right.EDIT_REPORT_TEXTS: {"administrator"},
    Right.RECALL: {"technician", "doctor", "manager", "administrator"},
    Right.SEE_STATISTICS: {"doctor", "manager", "administrator"},
    Right.HOLD: {"manager", "administrator"},
    Right.ERASE: {"administrator"},
    Right.EXPORT_RESEARCH: {"manager", "administrator"},
    Right.CHANGE_SETTINGS: {"administrator"},
    Right.EXPORT: {"doctor", "manager", "administrator"},
    Right.CONNECT: {"administrator"},
    Right.USE_API: {"technician", "doctor", "manager", "administrator"},
    Right.TAKE_IN_BATCH: {"doctor", "administrator"},
    Right.INVITE: {"administrator"},
    Right.MANAGE_PEOPLE: {"administrator"},
    Right.READ_AUDIT: {"administrator"},
}


def test_the_table_knows_every_right_and_every_role() -> None:
    assert set(TABLE) == set(Right)
    assert set(RIGHTS) == set(Role)


@pytest.mark.parametrize("right", list(Right))
def test_each_role_holds_the_rights_of_the_table_and_no_other(right: Right, hill: Clinic) -> None:
    assert {role for role, user in hill.people.items() if allowed(user, right)} == TABLE[right]


@pytest.mark.parametrize("right", list(Right))
def test_nobody_without_a_clinic_holds_a_right(right: Right, hill: Clinic) -> None:
    loose = User.objects.create_user("loose@nowhere.example", "a quiet walk by the lake")
    hill.administrator.is_active = False
    for user in (AnonymousUser(), loose, hill.administrator):
        assert not allowed(user, right)
        with pytest.raises(PermissionDenied):
            require(user, right)
