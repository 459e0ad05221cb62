"""Who may open which page: walked over every address, so that a new one can not be forgotten."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Exam, Photograph
from tests.cast import PASSWORD, Clinic, add_exam, picture, send

OPEN = {
    "home",
    "about",
    "health",
    "health_live",
    "offline",
    "service_worker",
    "account_login",
    "account_inactive",
    "password_forgotten",
}
WATCHED = {"health_ready": {200, 405, 503}, "metrics": {401, 405}}
"""Said to whoever asks without a word of anybody, or to watchers alone: see tests/web/test_watching.py."""
OF_DOCTORS = {"reading", "sign"}
OF_EXAM = {*OF_DOCTORS, "compare"}
BY_LINK = {"first_run", "join", "password_new"}
"""Open to who holds a secret link; any other token opens nothing."""


OF_ONESELF = {"mfa_edit_webauthn", "mfa_remove_webauthn", "device_end"}
"""A person's own keys and sessions, by number: see tests/accounts."""


def routes() -> Iterator[tuple[str, set[str]]]:
    """Give the name and the parameters of every route of the service."""

    def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, set[str]]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver) and pattern.namespace in ("api-v1", "fhir", "dicomweb"):
                continue  # for programs, see tests/api/test_doors.py
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            else:
                assert pattern.name, f"{pattern} has no name"
                yield pattern.name, set(pattern.pattern.converters)

    return walk(get_resolver().url_patterns)


ROUTES = list(routes())


def address(name: str, wanted: set[str], pk: UUID | None = None) -> str:
    """Give an address of the route, for an object that may or may not be there."""
    given = {"token": "not-a-token", "form": "csv", "language": "fr", "group": "results", "which": "operator"}
    other = 1 if name in OF_ONESELF else pk or uuid4()
    return reverse(name, kwargs={key: given.get(key, other) for key in wanted})


def sign_in(client: Client, user: object) -> Client:
    """Open a session for one of the cast."""
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")  # type: ignore[arg-type]
    return client


@pytest.fixture()
def photograph(hill: Clinic) -> Photograph:
    """Have a photograph of the first clinic graded."""
    sent = send(hill, add_exam(hill), picture())
    grade_photograph(sent.pk)
    sent.refresh_from_db()
    return sent


@pytest.mark.parametrize(("name", "wanted"), ROUTES, ids=[name for name, _ in ROUTES])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_not_signed_in_is_turned_away_from_every_page_but_the_front_ones(
    client: Client, db: None, name: str, wanted: set[str], method: str
) -> None:
    response = getattr(client, method)(address(name, wanted))
    if name in OPEN:
        assert response.status_code in (200, 405)
    elif name in WATCHED:
        assert response.status_code in WATCHED[name]
    elif name in BY_LINK:
        assert response.status_code == 404
    else:
        assert response.status_code in (302, 405), response.status_code
        if response.status_code == 302:
            assert response.url.startswith((reverse("account_login"), reverse("home")))


@pytest.mark.parametrize(("name", "wanted"), ROUTES, ids=[name for name, _ in ROUTES])
def test_a_stranger_from_another_clinic_finds_nothing_behind_any_address(
    client: Client, lake: Clinic, photograph: Photograph, name: str, wanted: set[str]
) -> None:
    if "pk" not in wanted or name in {"invitation_withdraw", *OF_ONESELF}:
        return
    exam = photograph.exam
    pk = (
        exam.patient_id
        if name.startswith("patient") or name == "exam_new"
        else exam.pk
        if name.startswith("exam") or name in OF_EXAM
        else photograph.pk
    )
    # What only doctors may do turns everybody else away before it looks whose exam it is.
    sign_in(client, lake.doctor if name in OF_DOCTORS else lake.administrator)
    answers = [client.get(address(name, wanted, pk)), client.post(address(name, wanted, pk), {"field": "macula"})]
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert 404 in {answer.status_code for answer in answers}
    assert all(exam.patient.name not in answer.content.decode() for answer in answers)


def test_an_invitation_of_another_clinic_can_not_be_withdrawn(client: Client, hill: Clinic, lake: Clinic) -> None:
    sign_in(client, hill.administrator).post(reverse("team"), {"email": "new@hill.example", "role": "doctor"})
    invitation = hill.organisation.invitations.get()
    answer = sign_in(Client(), lake.administrator).post(reverse("invitation_withdraw", args=[invitation.pk]))
    assert answer.status_code == 404
    assert hill.organisation.invitations.exists()


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        ("technician", "worklist", 200),
        ("technician", "patients", 200),
        ("technician", "patient_new", 200),
        ("technician", "team", 403),
        ("technician", "audit", 403),
        ("doctor", "worklist", 200),
        ("doctor", "team", 403),
        ("doctor", "audit", 403),
        ("manager", "worklist", 200),
        ("manager", "patient_new", 403),
        ("manager", "team", 403),
        ("administrator", "worklist", 200),
        ("administrator", "team", 200),
        ("administrator", "audit", 200),
    ],
)
def test_each_role_sees_the_pages_that_are_its_own(
    client: Client, hill: Clinic, role: str, name: str, status: int
) -> None:
    assert sign_in(client, hill.people[role]).get(reverse(name)).status_code == status


def test_a_manager_sees_an_exam_and_can_not_send_to_it(client: Client, hill: Clinic, photograph: Photograph) -> None:
    sign_in(client, hill.manager)
    page = client.get(reverse("exam", args=[photograph.exam_id]))
    assert page.status_code == 200
    assert "Add photographs" not in page.content.decode()
    sent = client.post(reverse("exam_upload", args=[photograph.exam_id]), {"eye": "left"})
    assert sent.status_code in (400, 403)
    assert Exam.objects.get().photographs.count() == 1


def test_signing_out_needs_a_post(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.doctor)
    client.get(reverse("account_logout"))
    assert client.get(reverse("worklist")).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(reverse("worklist")).status_code == 302


def test_signing_in_leads_to_the_worklist_and_a_wrong_password_gives_the_form_again(
    client: Client, hill: Clinic
) -> None:
    wrong = client.post(reverse("account_login"), {"login": hill.doctor.email, "password": "something else"})
    assert wrong.status_code == 200
    assert "something else" not in wrong.content.decode()
    right = client.post(reverse("account_login"), {"login": hill.doctor.email, "password": PASSWORD}, follow=True)
    assert right.redirect_chain[-1][0] == reverse("worklist")
