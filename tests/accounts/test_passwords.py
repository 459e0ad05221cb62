"""A lost password is replaced by a link that works once, for a day, and tells a stranger nothing."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from retineye.accounts import passwords, people
from retineye.accounts.links import LinkError
from retineye.accounts.models import AuditEvent, Membership, PasswordLink, Role, User
from tests.cast import PASSWORD, Clinic

NEW = "another quiet walk 9"


def made(clinic: Clinic, user: User) -> str:
    path = passwords.link_for(clinic.administrator, Membership.objects.get(user=user))
    return path.strip("/").split("/")[-1]


def outbox() -> list[mail.EmailMessage]:
    passwords._POST.submit(lambda: None).result()  # mail goes out one after the other, so all before this is out
    return mail.outbox


def test_the_link_sets_a_new_password_once_and_signs_out_wherever_the_old_one_was_used(hill: Clinic) -> None:
    old = Client()
    old.post("/account/login/", {"login": hill.doctor.email, "password": PASSWORD})
    token = made(hill, hill.doctor)
    passwords.choose(token, NEW)
    hill.doctor.refresh_from_db()
    assert hill.doctor.check_password(NEW)
    assert old.get("/worklist/").status_code == 302
    with pytest.raises(LinkError):
        passwords.choose(token, "a third quiet walk 7")
    assert set(AuditEvent.objects.filter(object_id=hill.doctor.pk).values_list("action", flat=True)) >= {
        "password_link_made",
        "password_changed",
    }


def test_only_the_newest_link_opens_for_a_day_and_only_its_hash_is_kept(hill: Clinic) -> None:
    first, second = made(hill, hill.doctor), made(hill, hill.doctor)
    with pytest.raises(LinkError):
        passwords.find_link(first)
    assert second not in repr(PasswordLink.objects.values().get())
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)), pytest.raises(LinkError):
        passwords.find_link(second)


def test_a_weak_password_is_refused_and_the_link_stays_good(hill: Clinic) -> None:
    token = made(hill, hill.doctor)
    with pytest.raises(ValidationError):
        passwords.choose(token, "password")
    assert passwords.choose(token, NEW) == hill.doctor


def test_a_closed_account_and_a_closed_door(hill: Clinic, lake: Clinic) -> None:
    token = made(hill, hill.doctor)
    people.close(hill.administrator, Membership.objects.get(user=hill.doctor), people.Reason.LEFT)
    with pytest.raises(LinkError):
        passwords.find_link(token)
    with pytest.raises(Membership.DoesNotExist):
        made(hill, hill.doctor)
    with pytest.raises(Membership.DoesNotExist):
        made(hill, lake.doctor)
    with pytest.raises(PermissionDenied):
        passwords.link_for(hill.manager, Membership.objects.get(user=hill.technician))
    with pytest.raises(people.PeopleError):
        made(hill, hill.administrator)


def test_a_link_by_mail_goes_to_who_has_an_account_and_to_nobody_twice_in_five_minutes(
    hill: Clinic, settings: Any
) -> None:
    settings.RETINEYE_MAIL_FROM = "eyes@hill.example"
    passwords.mail_link("nobody@hill.example", "https://eyes.example/")
    assert outbox() == []
    passwords.mail_link("Doctor@hill.example", "https://eyes.example/")
    passwords.mail_link("doctor@hill.example", "https://eyes.example/")
    (message,) = outbox()
    assert message.to == ["doctor@hill.example"]
    token = message.body.split("https://eyes.example/password/new/")[1].split("/")[0]
    assert passwords.find_link(token).user == hill.doctor
    assert hill.doctor.full_name not in message.body + message.subject


def test_who_runs_the_server_helps_the_last_administrator(hill: Clinic) -> None:
    Authenticator.objects.create(user=hill.administrator, type="totp", data={})
    out = StringIO()
    call_command("password_link", "administrator@hill.example", "--no-second-factor", stdout=out)
    assert not Authenticator.objects.exists()
    assert passwords.choose(out.getvalue().strip().strip("/").split("/")[-1], NEW) == hill.administrator
    with pytest.raises(CommandError, match="Nobody"):
        call_command("password_link", "nobody@hill.example")


def test_a_program_has_no_password(hill: Clinic) -> None:
    user = User.objects.create_user("x@program.invalid", None, full_name="Bridge", machine=True)
    Membership.objects.create(user=user, organisation=hill.organisation, role=Role.TECHNICIAN)
    with pytest.raises(Membership.DoesNotExist):
        made(hill, user)
    assert passwords.server_link(user.email) is None
