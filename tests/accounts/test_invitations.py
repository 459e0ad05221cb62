"""Colleagues come by invitation and by no other way."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from retineye.accounts import invitations
from retineye.accounts.invitations import AlreadyHereError, accept, find_invitation, invitations_for, invite, withdraw
from retineye.accounts.links import LinkError
from retineye.accounts.models import AuditEvent, Invitation, Role, User
from tests.cast import PASSWORD, Clinic


def token_of(path: str) -> str:
    return path.strip("/").split("/")[-1]


def asked(hill: Clinic, email: str = "New@Hill.example", role: Role = Role.DOCTOR) -> str:
    return token_of(invite(hill.administrator, email=email, role=role)[1])


def test_an_invited_colleague_joins_with_the_role_that_was_given(hill: Clinic) -> None:
    user = accept(asked(hill), full_name="Noor Said", password=PASSWORD)
    assert (user.email, user.membership.role) == ("new@hill.example", Role.DOCTOR)
    assert user.membership.organisation == hill.organisation
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {"invited", "joined"}


def test_an_invitation_opens_once(hill: Clinic) -> None:
    token = asked(hill)
    accept(token, full_name="Noor Said", password=PASSWORD)
    with pytest.raises(LinkError, match="Ask your administrator"):
        accept(token, full_name="Somebody Else", password=PASSWORD)
    assert User.objects.filter(membership__organisation=hill.organisation).count() == 5


def test_an_invitation_opens_for_so_many_days_as_the_settings_say(hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_INVITATION_DAYS = 3
    token = asked(hill)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LinkError):
        find_invitation(token)
    invitation, _ = invite(hill.administrator, email="other@hill.example", role=Role.DOCTOR)
    assert abs(invitation.expires_at - timezone.now() - timedelta(days=3)) < timedelta(minutes=1)


def test_only_the_hash_of_the_token_is_kept(hill: Clinic) -> None:
    token = asked(hill)
    assert token not in repr(Invitation.objects.values().get())


def test_a_withdrawn_invitation_opens_nothing(hill: Clinic) -> None:
    token = asked(hill)
    withdraw(hill.administrator, invitations_for(hill.administrator).get())
    with pytest.raises(LinkError):
        find_invitation(token)
    assert AuditEvent.objects.filter(action="invitation_withdrawn").exists()


def test_a_second_invitation_for_the_same_address_takes_the_place_of_the_first(hill: Clinic) -> None:
    first, second = asked(hill), asked(hill)
    with pytest.raises(LinkError):
        find_invitation(first)
    assert find_invitation(second).role == Role.DOCTOR


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
def test_only_an_administrator_invites(hill: Clinic, role: str) -> None:
    with pytest.raises(PermissionDenied):
        invite(hill.people[role], email="new@hill.example", role=Role.DOCTOR)
    with pytest.raises(PermissionDenied):
        invitations_for(hill.people[role])


def test_one_clinic_s_administrator_sees_and_withdraws_no_other_clinic_s_invitations(
    hill: Clinic, lake: Clinic
) -> None:
    asked(hill)
    assert not invitations_for(lake.administrator).exists()
    with pytest.raises(Invitation.DoesNotExist):
        withdraw(lake.administrator, Invitation.objects.get())
    assert Invitation.objects.count() == 1


def test_who_has_an_account_can_not_be_invited_and_is_never_changed(hill: Clinic, lake: Clinic) -> None:
    before = User.objects.filter(pk=lake.doctor.pk).values().get()
    with pytest.raises(AlreadyHereError):
        invite(hill.administrator, email="DOCTOR@lake.example", role=Role.DOCTOR)
    assert User.objects.filter(pk=lake.doctor.pk).values().get() == before


def test_an_account_that_came_in_the_meantime_is_not_replaced(hill: Clinic) -> None:
    token = asked(hill)
    taken = User.objects.create_user("new@hill.example", "another quiet walk", full_name="First")
    with pytest.raises(AlreadyHereError):
        accept(token, full_name="Second", password=PASSWORD)
    taken.refresh_from_db()
    assert taken.full_name == "First"


def test_a_weak_password_is_refused_and_the_invitation_stays_good(hill: Clinic) -> None:
    token = asked(hill)
    with pytest.raises(ValidationError):
        accept(token, full_name="Noor Said", password="noor said")
    assert accept(token, full_name="Noor Said", password=PASSWORD)


def test_of_two_that_use_the_link_at_one_moment_one_comes_in(hill: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    token = asked(hill)
    seen = find_invitation(token)
    accept(token, full_name="Noor Said", password=PASSWORD)
    monkeypatch.setattr(invitations, "find_invitation", lambda token: seen)
    with pytest.raises(LinkError):
        accept(token, full_name="Noor Twice", password=PASSWORD)
