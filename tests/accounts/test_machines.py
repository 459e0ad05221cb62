"""Programs of a clinic: they work by tokens, nobody signs in with them, and they are never mixed with people."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client

from retineye.accounts import machines, people, tokens
from retineye.accounts.models import AuditEvent, Membership, Role, User
from retineye.accounts.people import PeopleError, Reason
from tests.cast import Clinic


def bridge(clinic: Clinic) -> Membership:
    return machines.add_machine(clinic.administrator, name=" Camera  bridge ", role=Role.TECHNICIAN)


def test_a_program_works_by_a_token_that_an_administrator_makes(hill: Clinic) -> None:
    made = machines.make_token(hill.administrator, bridge(hill), name="first", scopes=["photographs:write"], days=30)
    found = tokens.find(made.text)
    assert found is not None
    assert (found.user.full_name, found.user.machine) == ("Camera bridge", True)
    assert AuditEvent.objects.get(action="token_made").actor_id == hill.administrator.pk
    machines.revoke_token(hill.administrator, bridge_of(hill), made.token)
    assert tokens.find(made.text) is None


def bridge_of(clinic: Clinic) -> Membership:
    return Membership.objects.get(organisation=clinic.organisation, user__machine=True)


def test_nobody_signs_in_with_it(hill: Clinic, client: Client) -> None:
    member = bridge(hill)
    assert not member.user.has_usable_password()
    client.post("/account/login/", {"login": member.user.email, "password": "!"})
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.ADMINISTRATOR])
def test_it_never_reads_signs_or_decides_about_people(hill: Clinic, role: Role) -> None:
    with pytest.raises(ValidationError):
        machines.add_machine(hill.administrator, name="Robot", role=role)
    with pytest.raises(PeopleError):
        people.change_role(hill.administrator, bridge(hill), role)


def test_a_closed_program_opens_nothing(hill: Clinic) -> None:
    member = bridge(hill)
    made = machines.make_token(hill.administrator, member, name="first", scopes=["patients:read"], days=30)
    people.close(hill.administrator, member, Reason.OTHER)
    assert tokens.find(made.text) is None


def test_a_colleagues_own_tokens_are_no_business_of_the_administrators(hill: Clinic) -> None:
    person = Membership.objects.get(user=hill.doctor)
    with pytest.raises(Membership.DoesNotExist):
        machines.tokens_of(hill.administrator, person)
    with pytest.raises(Membership.DoesNotExist):
        machines.make_token(hill.administrator, person, name="x", scopes=["patients:read"], days=1)


def test_others_and_other_clinics_have_no_hand_in_it(hill: Clinic, lake: Clinic) -> None:
    member = bridge(hill)
    with pytest.raises(PermissionDenied):
        machines.add_machine(hill.doctor, name="Robot", role=Role.TECHNICIAN)
    with pytest.raises(Membership.DoesNotExist):
        machines.tokens_of(lake.administrator, member)


def test_cameras_that_were_added_before_are_marked_as_machines(hill: Clinic) -> None:
    camera = User.objects.create_user("machine-0123456789ab@machines.invalid", full_name="Room 2")
    migration = import_module("retineye.accounts.migrations.0007_cameras_are_machines")
    migration.mark(apps, SimpleNamespace(connection=connection))
    camera.refresh_from_db()
    assert camera.machine
    assert not User.objects.get(pk=hill.technician.pk).machine
