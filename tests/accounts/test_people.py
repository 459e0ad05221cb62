"""Who works in a clinic: roles change, accounts are closed and opened, and a clinic keeps its administrator."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.exceptions import PermissionDenied
from django.test import Client

from retineye.accounts import people, tokens
from retineye.accounts.models import AuditEvent, Membership, Role, User
from retineye.accounts.people import PeopleError, Reason
from tests.cast import PASSWORD, Clinic


def place_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def sign_in(user: User) -> Client:
    client = Client()
    assert client.post("/account/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    return client


def test_a_changed_role_holds_at_once_and_is_on_record(hill: Clinic) -> None:
    people.change_role(hill.administrator, place_of(hill.technician), Role.MANAGER)
    assert place_of(hill.technician).role == Role.MANAGER
    event = AuditEvent.objects.get(action="role_changed")
    assert (event.object_id, event.detail) == (hill.technician.pk, {"role": "manager", "before": "technician"})


def test_a_closed_account_is_signed_out_everywhere_and_its_tokens_open_nothing(hill: Clinic) -> None:
    one, other = sign_in(hill.doctor), sign_in(hill.doctor)
    token = tokens.make(hill.doctor, name="script", scopes=["patients:read"], days=7)
    people.close(hill.administrator, place_of(hill.doctor), Reason.LEFT)
    for client in (one, other):
        assert client.get("/worklist/").status_code == 302
    assert tokens.find(token.text) is None
    assert not UserSession.objects.filter(user=hill.doctor).exists()
    assert AuditEvent.objects.get(action="account_closed").detail == {"reason": "left", "tokens": 1}
    assert User.objects.filter(pk=hill.doctor.pk).exists(), "what was done keeps its name"


def test_an_account_that_is_opened_again_signs_in_but_old_sessions_and_tokens_stay_dead(hill: Clinic) -> None:
    old = sign_in(hill.doctor)
    token = tokens.make(hill.doctor, name="script", scopes=["patients:read"], days=7)
    people.close(hill.administrator, place_of(hill.doctor), Reason.AWAY)
    people.open_again(hill.administrator, place_of(hill.doctor), Reason.BACK)
    assert old.get("/worklist/").status_code == 302
    assert tokens.find(token.text) is None
    assert sign_in(hill.doctor).get("/worklist/").status_code == 200
    assert AuditEvent.objects.get(action="account_opened").detail == {"reason": "back"}


def test_the_last_administrator_is_neither_closed_nor_made_anything_else(hill: Clinic) -> None:
    with pytest.raises(PeopleError, match="at least one administrator"):
        people.change_role(hill.administrator, place_of(hill.administrator), Role.DOCTOR)
    assert place_of(hill.administrator).role == Role.ADMINISTRATOR
    people.change_role(hill.administrator, place_of(hill.manager), Role.ADMINISTRATOR)
    people.close(hill.administrator, place_of(hill.manager), Reason.LEFT)
    with pytest.raises(PeopleError, match="at least one administrator"):
        people.change_role(hill.administrator, place_of(hill.administrator), Role.DOCTOR)


def test_with_a_second_administrator_the_first_may_become_something_else(hill: Clinic) -> None:
    people.change_role(hill.administrator, place_of(hill.manager), Role.ADMINISTRATOR)
    people.change_role(hill.administrator, place_of(hill.administrator), Role.DOCTOR)
    assert place_of(hill.administrator).role == Role.DOCTOR


def test_nobody_closes_their_own_account(hill: Clinic) -> None:
    people.change_role(hill.administrator, place_of(hill.manager), Role.ADMINISTRATOR)
    with pytest.raises(PeopleError, match="their own account"):
        people.close(hill.administrator, place_of(hill.administrator), Reason.LEFT)
    assert User.objects.get(pk=hill.administrator.pk).is_active


def test_a_lost_second_factor_is_taken_away_whole_and_signs_out(hill: Clinic) -> None:
    for kind in ("totp", "webauthn", "recovery_codes"):
        Authenticator.objects.create(user=hill.doctor, type=kind, data={})
    here = Client()
    here.force_login(hill.doctor, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert here.get("/worklist/").status_code == 200
    people.drop_second_factor(hill.administrator, place_of(hill.doctor))
    assert not Authenticator.objects.exists()
    assert here.get("/worklist/").status_code == 302
    assert AuditEvent.objects.get(action="second_factor_dropped").object_id == hill.doctor.pk
    with pytest.raises(PeopleError):
        people.drop_second_factor(hill.administrator, place_of(hill.administrator))


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
def test_nobody_but_an_administrator_does_any_of_it(hill: Clinic, role: str) -> None:
    by, member = hill.people[role], place_of(hill.technician)
    for deed in (
        lambda: people.members_for(by),
        lambda: people.change_role(by, member, Role.ADMINISTRATOR),
        lambda: people.close(by, member, Reason.OTHER),
        lambda: people.open_again(by, member, Reason.OTHER),
        lambda: people.drop_second_factor(by, member),
    ):
        with pytest.raises(PermissionDenied):
            deed()


def test_another_clinics_people_are_out_of_reach(hill: Clinic, lake: Clinic) -> None:
    member = place_of(lake.doctor)
    for deed in (
        lambda: people.change_role(hill.administrator, member, Role.ADMINISTRATOR),
        lambda: people.close(hill.administrator, member, Reason.OTHER),
        lambda: people.open_again(hill.administrator, member, Reason.OTHER),
        lambda: people.drop_second_factor(hill.administrator, member),
    ):
        with pytest.raises(Membership.DoesNotExist):
            deed()
