"""The first run: one link, good once."""

import re

import pytest
from django.core.exceptions import ValidationError

from retineye.accounts.links import LinkError, token_hash
from retineye.accounts.models import AuditEvent, Organisation, Role, SetupLink, User
from retineye.accounts.setup import check_link, first_run_link, needs_set_up, set_up
from tests.cast import PASSWORD, Clinic

HOME = "http://127.0.0.1:8000"


def token_of(link: str | None) -> str:
    found = re.search(r"/([\w-]{40,})/?$", link or "")
    assert found, link
    return found.group(1)


def use(token: str, password: str = PASSWORD) -> User:
    return set_up(token, clinic_name="Hill Clinic", full_name="Ada Hill", email="Ada@Hill.example", password=password)


def test_the_link_makes_the_clinic_and_its_first_administrator(db: None) -> None:
    user = use(token_of(first_run_link(HOME)))
    assert user.email == "ada@hill.example"
    assert user.membership.role == Role.ADMINISTRATOR
    assert user.membership.organisation.name == "Hill Clinic"
    assert user.check_password(PASSWORD)
    assert PASSWORD not in user.password
    assert AuditEvent.objects.get().action == "service_set_up"


def test_the_link_is_printed_anew_at_each_start_until_it_is_used_and_then_never_again(db: None) -> None:
    first, second = token_of(first_run_link(HOME)), token_of(first_run_link(HOME + "/"))
    assert first != second
    with pytest.raises(LinkError, match="newer one"):
        use(first)
    use(second)
    assert first_run_link(HOME) is None
    assert not needs_set_up()


def test_the_link_opens_once(db: None) -> None:
    token = token_of(first_run_link(HOME))
    check_link(token)
    use(token)
    for again in (lambda: check_link(token), lambda: use(token)):
        with pytest.raises(LinkError):
            again()
    assert (User.objects.count(), Organisation.objects.count()) == (1, 1)


def test_only_the_hash_of_the_token_is_kept(db: None) -> None:
    token = token_of(first_run_link(HOME))
    [row] = SetupLink.objects.values()
    assert row["token_hash"] == token_hash(token)
    assert token not in repr(row)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "\ud800"])
def test_a_guessed_token_opens_nothing(db: None, token: str) -> None:
    first_run_link(HOME)
    with pytest.raises(LinkError):
        use(token)
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["short", "password1234", "1234567890123", "ada@hill.example"])
def test_a_password_that_breaks_a_rule_is_refused_and_the_link_stays_good(db: None, password: str) -> None:
    token = token_of(first_run_link(HOME))
    with pytest.raises(ValidationError):
        use(token, password)
    assert not User.objects.exists()
    use(token)


def test_once_somebody_is_there_no_link_opens(hill: Clinic) -> None:
    SetupLink.objects.create(token_hash=token_hash("left over"))
    assert first_run_link(HOME) is None
    with pytest.raises(LinkError):
        use("left over")
