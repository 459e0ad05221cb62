"""The team page and the page of one colleague or program, as the administrator gets them."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from retineye.accounts import machines, tokens
from retineye.accounts.models import Membership, OrganisationPolicy, Role, User
from tests.cast import PASSWORD, Clinic

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture()
def administrator(client: Client, hill: Clinic) -> Client:
    """Have the administrator signed in."""
    client.force_login(hill.administrator, backend=BACKEND)
    return client


def page_of(user: User) -> str:
    return reverse("member", args=[Membership.objects.get(user=user).pk])


def told(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_role_is_changed_on_the_page_of_a_colleague(administrator: Client, hill: Clinic) -> None:
    page = told(administrator.post(page_of(hill.technician), {"do": "role", "role": "manager"}, follow=True))
    assert "The role is changed" in page
    assert Membership.objects.get(user=hill.technician).role == Role.MANAGER
    refused = administrator.post(page_of(hill.administrator), {"do": "role", "role": "doctor"}, follow=True)
    assert "at least one administrator" in told(refused)


def test_an_account_is_closed_for_a_reason_stands_apart_and_is_opened_again(
    administrator: Client, hill: Clinic
) -> None:
    assert "required" in told(administrator.post(page_of(hill.doctor), {"do": "close", "reason": ""}))
    assert User.objects.get(pk=hill.doctor.pk).is_active
    administrator.post(page_of(hill.doctor), {"do": "close", "reason": "left"})
    page = administrator.get(reverse("team"))
    assert hill.doctor not in [one.user for one in page.context["members"]]
    assert [one.user for one in page.context["closed"]] == [hill.doctor]
    administrator.post(page_of(hill.doctor), {"do": "open", "reason": "back"})
    assert User.objects.get(pk=hill.doctor.pk).is_active


def test_the_link_for_a_new_password_is_shown_once_and_leads_to_the_sign_in(
    administrator: Client, hill: Clinic
) -> None:
    page = told(administrator.post(page_of(hill.doctor), {"do": "link"}))
    found = re.search(r'value="(http://testserver/password/new/[^"]+)"', page)
    assert found
    assert found[1] not in told(administrator.get(page_of(hill.doctor)))
    stranger = Client()
    assert hill.doctor.email in told(stranger.get(found[1]))
    differ = stranger.post(found[1], {"password": "another quiet walk 9", "again": "another quiet walk 8"})
    assert "not the same" in told(differ)
    assert "too common" in told(stranger.post(found[1], {"password": "password123", "again": "password123"}))
    done = stranger.post(found[1], {"password": "another quiet walk 9", "again": "another quiet walk 9"}, follow=True)
    assert done.redirect_chain[-1][0] == reverse("account_login")
    assert "Your new password holds" in told(done)
    assert stranger.get(found[1]).status_code == 404


def test_a_lost_second_factor_is_removed_on_the_page(administrator: Client, hill: Clinic) -> None:
    assert "Remove it" not in told(administrator.get(page_of(hill.doctor)))
    Authenticator.objects.create(user=hill.doctor, type="totp", data={"secret": "x"})
    assert "Remove it" in told(administrator.get(page_of(hill.doctor)))
    administrator.post(page_of(hill.doctor), {"do": "factor"})
    assert not Authenticator.objects.exists()


def test_a_program_is_added_apart_from_people_and_gets_a_token_that_is_shown_once(
    administrator: Client, hill: Clinic
) -> None:
    answer = administrator.post(reverse("machine_add"), {"name": "Camera bridge", "role": "technician"})
    machine = Membership.objects.get(user__machine=True)
    assert answer.headers["Location"] == page_of(machine.user)
    team = administrator.get(reverse("team"))
    assert machine not in team.context["members"] and machine in team.context["machines"]
    page = told(administrator.get(page_of(machine.user)))
    assert "program.invalid" not in page + told(team)
    assert "Make a link" not in page
    asked = {"do": "token", "name": "first", "days": "30", "scopes": ["photographs:write"]}
    made = told(administrator.post(page_of(machine.user), asked))
    text = re.search(r'value="(rtn_[^"]+)"', made)
    assert text and tokens.find(text[1])
    assert text[1] not in told(administrator.get(page_of(machine.user)))
    token = machines.tokens_of(hill.administrator, machine).get()
    administrator.post(page_of(machine.user), {"do": "revoke", "token": str(token.pk)})
    assert tokens.find(text[1]) is None


def test_a_program_without_a_name_or_with_a_doctors_role_is_refused(administrator: Client, hill: Clinic) -> None:
    administrator.post(reverse("machine_add"), {"name": "", "role": "technician"})
    administrator.post(reverse("machine_add"), {"name": "Robot", "role": "doctor"})
    assert not User.objects.filter(machine=True).exists()


def test_how_accounts_are_guarded_is_decided_on_the_team_page(administrator: Client, hill: Clinic) -> None:
    asked = {"second_factor_roles": ["doctor", "manager"], "idle_minutes": "15"}
    administrator.post(reverse("guarding_save"), asked)
    policy = OrganisationPolicy.objects.get(organisation=hill.organisation)
    assert (policy.second_factor_roles, policy.idle_minutes) == (["doctor", "manager"], 15)
    refused = administrator.post(reverse("guarding_save"), asked | {"idle_minutes": "1000"})
    assert refused.status_code == 200
    assert "less than or equal to 60" in told(refused)
    administrator.post(reverse("guarding_save"), {"idle_minutes": ""})
    policy.refresh_from_db()
    assert (policy.second_factor_roles, policy.idle_minutes) == ([], None)


def test_the_pages_ask_the_database_no_more_for_more_people(
    administrator: Client, hill: Clinic, django_assert_max_num_queries: Any
) -> None:
    administrator.get(reverse("team"))
    for number in range(10):
        user = User.objects.create_user(f"n{number}@hill.example", PASSWORD, full_name=f"N {number}")
        Membership.objects.create(user=user, organisation=hill.organisation, role=Role.DOCTOR)
    with django_assert_max_num_queries(16):
        administrator.get(reverse("team"))


def test_the_page_for_a_forgotten_password_answers_the_same_whether_or_not_the_address_is_known(
    client: Client, hill: Clinic, settings: Any
) -> None:
    assert "Ask an administrator" in told(client.get(reverse("password_forgotten")))
    settings.RETINEYE_MAIL_FROM = "eyes@hill.example"
    answers = [
        re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", told(client.post(reverse("password_forgotten"), asked)))
        for asked in ({"email": "doctor@hill.example"}, {"email": "nobody@hill.example"})
    ]
    assert answers[0] == answers[1]
    assert "If this address has an account" in answers[0]


def test_links_by_mail_are_asked_for_a_few_times_only(client: Client, hill: Clinic, settings: Any) -> None:
    settings.RETINEYE_MAIL_FROM = "eyes@hill.example"
    for email in ("doctor@hill.example", "nobody@hill.example"):
        seen = [client.post(reverse("password_forgotten"), {"email": email}).status_code for _ in range(6)]
        assert seen == [200] * 5 + [429]
