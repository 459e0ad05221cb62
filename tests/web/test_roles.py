"""Every page by every role, a stranger of another clinic, and nobody: a new address without a row here fails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from retineye.accounts import invitations, machines, sites, tokens
from retineye.accounts.models import Membership, Role, User
from retineye.accounts.policy import RIGHTS, Right
from retineye.clinic import models as clinic
from retineye.clinic.grade import grade_photograph
from tests.cast import Clinic, add_exam, add_patient, picture, send
from tests.clinic.test_models import fields_for
from tests.web.test_doors import BY_LINK, OF_ONESELF, OPEN, ROUTES

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
WATCHED = {"metrics", "health_live", "health_ready", "language"}
"""For machines that watch, and the choice of a language: see their own tests."""
OWN = {
    *("account_logout", "account_change_password", "account_reauthenticate"),
    *("devices", "device_end", "devices_end", "filter_save"),
    *{name for name, _ in ROUTES if name.startswith("mfa_")},
}
"""A person's own keys, places and lists: whoever is signed in, for nobody but themselves."""


@dataclass(frozen=True)
class Page:
    """Who may do what at an address."""

    right: Right
    of: str = ""
    """The kind of thing that the address names; a stranger finds none."""
    post: dict[str, str] | None = None
    """What is sent; None: the page is asked for."""
    more: dict[str, str] = field(default_factory=dict)
    """Other parts of the address."""
    owner: str = ""
    """The one role whose thing it is, where it is one person's own."""
    hidden: bool = False
    """Who may not is told the same as a stranger."""
    asks: str = ""
    """What follows the question mark."""


V, A, S, C = Right.VIEW_PATIENTS, Right.ADD_PATIENT, Right.SEND_PHOTOGRAPH, Right.CORRECT
PEOPLE, TEXTS = Right.MANAGE_PEOPLE, Right.EDIT_REPORT_TEXTS
PAGES = {
    "worklist": Page(V),
    "patients": Page(V),
    "patient": Page(V, "patient"),
    "patient_new": Page(A),
    "patient_edit": Page(A, "patient"),
    "patient_merge": Page(C, "patient"),
    "patient_part": Page(C, "patient", {}),
    "patient_care": Page(V, "patient"),
    "patient_consent": Page(A, "patient", {"answer": "yes"}),
    "patient_hold": Page(Right.HOLD, "patient", {"reason": "A claim"}),
    "patient_release": Page(Right.HOLD, "patient", {}),
    "patient_erase": Page(Right.ERASE, "patient", {}),
    "exam_new": Page(A, "patient", {}),
    "exam": Page(V, "exam"),
    "exam_result": Page(V, "exam"),
    "exam_reports": Page(Right.PRINT_REPORT, "exam"),
    "report_make": Page(Right.PRINT_REPORT, "exam", {}),
    "report_pdf": Page(Right.PRINT_REPORT, "report"),
    "exam_facts": Page(A, "exam", {}),
    "exam_correct": Page(C, "exam"),
    "exam_absence": Page(S, "exam", {"eye": "left", "absence": ""}),
    "exam_dilated": Page(S, "exam", {"eye": "left"}),
    "exam_upload": Page(S, "exam", {"eye": "left"}),
    "upload_new": Page(S, "exam", {}),
    "upload": Page(S, "upload", owner="technician"),
    "upload_finish": Page(S, "upload", {}, owner="technician"),
    "upload_preview": Page(S, "upload", owner="technician"),
    "reading": Page(Right.READ, "exam"),
    "sign": Page(Right.SIGN, "exam"),
    "read_more": Page(Right.ASSIGN, "exam", {"do": "assign", "to": ""}),
    "compare": Page(V, "exam", more={"other": "exam"}),
    "photograph_card": Page(V, "photograph"),
    "photograph_display": Page(V, "photograph"),
    "photograph_thumbnail": Page(V, "photograph"),
    "photograph_heatmap": Page(V, "photograph"),
    "photograph_again": Page(Right.REGRADE, "photograph", {}),
    "photograph_field": Page(S, "photograph", {"field": "macula"}),
    "photograph_move": Page(S, "photograph", {}),
    "photograph_withdraw": Page(S, "photograph", {}),
    "photograph_correct": Page(C, "photograph"),
    "tray": Page(S),
    "arrival": Page(S, "arrival"),
    "arrival_picture": Page(S, "arrival"),
    "arrival_assign": Page(S, "arrival", {}),
    "arrival_set_aside": Page(C, "arrival", {}),
    "call_backs": Page(Right.CALL_BACK),
    "call_back_try": Page(Right.CALL_BACK, "call_back", {"how": "no_answer"}),
    "call_back_close": Page(Right.CALL_BACK, "call_back", {"outcome": "reached"}),
    "recall": Page(Right.RECALL),
    "referrals": Page(Right.RECALL),
    "recall_export": Page(Right.EXPORT, more={"form": "csv"}, asks="?show=overdue"),
    "recall_case": Page(Right.RECALL, "exam"),
    "recall_remind": Page(Right.RECALL, "exam", {}),
    "recall_follow": Page(Right.RECALL, "exam", {}),
    "recall_day": Page(Right.RECALL, "exam", {}),
    "recall_end": Page(Right.RECALL, "exam", {}),
    "statistics": Page(Right.SEE_STATISTICS),
    "statistics_export": Page(Right.EXPORT, more={"which": "operators", "form": "csv"}),
    "agreement": Page(Right.SEE_AGREEMENT),
    "clinic_settings": Page(Right.CHANGE_SETTINGS),
    "data_care": Page(Right.HOLD),
    "research_export": Page(Right.EXPORT_RESEARCH, post={}),
    "report_texts": Page(TEXTS),
    "report_text_language": Page(TEXTS, more={"language": "fr", "group": "patient"}),
    "report_text_review": Page(TEXTS, post={}, more={"language": "fr"}),
    "report_text_sample": Page(TEXTS, more={"language": "fr"}),
    "earlier_display": Page(V, "earlier"),
    "earlier_file": Page(S, "earlier", {"eye": "left"}),
    "batches": Page(Right.TAKE_IN_BATCH),
    "batch": Page(Right.TAKE_IN_BATCH, "batch"),
    "batch_do": Page(Right.TAKE_IN_BATCH, "batch", {"do": "pause"}),
    "batch_results": Page(Right.EXPORT, "batch", more={"form": "csv"}),
    "programs": Page(Right.USE_API),
    "program_revoke": Page(Right.USE_API, "token", {}, owner="doctor"),
    "filter_drop": Page(V, "filter", {}, owner="doctor"),
    "connections": Page(Right.CONNECT),
    "sender_do": Page(Right.CONNECT, "sender", {}, hidden=True),
    "destination_do": Page(Right.CONNECT, "destination", {"do": "switch"}, hidden=True),
    "deliveries": Page(Right.CONNECT),
    "delivery_do": Page(Right.CONNECT, "delivery", {"do": "again"}, hidden=True),
    "webhooks": Page(Right.CONNECT),
    "webhook": Page(Right.CONNECT, "webhook", hidden=True),
    "webhook_do": Page(Right.CONNECT, "webhook", {"do": "switch"}, hidden=True),
    "team": Page(PEOPLE),
    "member": Page(PEOPLE, "member"),
    "machine_add": Page(PEOPLE, post={"name": "Bridge", "role": "technician"}),
    "guarding_save": Page(PEOPLE, post={}),
    "invitation_withdraw": Page(Right.INVITE, "invitation", {}),
    "site_add": Page(PEOPLE, post={"name": "Pier"}),
    "site_active": Page(PEOPLE, "site", {}),
    "member_site": Page(PEOPLE, "member", {"site": ""}),
    "audit": Page(Right.READ_AUDIT),
}
ACCEPTED = {
    # The file of it is not there in this test: who may ask is told so.
    "report_pdf": 404,
    "upload_preview": 404,
    "arrival_picture": 404,
    "earlier_display": 404,
}


def photograph(hill: Clinic) -> UUID:
    sent = send(hill, add_exam(hill), picture())
    grade_photograph(sent.pk)
    return sent.pk


def row_of(model: Any, **more: Any) -> Callable[[Clinic], UUID]:
    def make(hill: Clinic) -> UUID:
        made: UUID = model.objects.create(**fields_for(model, hill, 1) | more).pk
        return made

    return make


MADE: dict[str, Callable[[Clinic], UUID]] = {
    "patient": lambda hill: add_patient(hill).pk,
    "exam": lambda hill: add_exam(hill).pk,
    "photograph": photograph,
    "upload": row_of(clinic.Upload),
    "arrival": row_of(clinic.Arrival, state=clinic.Arrival.State.TO_ASSIGN),
    "batch": row_of(clinic.Batch),
    "webhook": row_of(clinic.Webhook),
    "sender": row_of(clinic.Sender),
    "destination": row_of(clinic.Destination),
    "delivery": row_of(clinic.Delivery),
    "filter": row_of(clinic.SavedFilter),
    "call_back": row_of(clinic.CallBack),
    "report": row_of(clinic.Report),
    "earlier": row_of(clinic.EarlierRecord),
    "member": lambda hill: Membership.objects.get(user=hill.technician).pk,
    "invitation": lambda hill: invitations.invite(hill.administrator, email="n@hill.example", role=Role.DOCTOR)[0].pk,
    "site": lambda hill: sites.add_site(hill.administrator, name="Van").pk,
    "token": lambda hill: tokens.make(hill.doctor, name="x", scopes=["patients:read"], days=1).token.pk,
}


def asked(user: User | None, name: str, page: Page, pk: UUID | None) -> Any:
    """Ask for the page, or send to it, as somebody; nothing that comes of it stays."""
    client = Client()
    if user is not None:
        client.force_login(user, backend=BACKEND)
    more = {key: str(pk) if value == "exam" else value for key, value in page.more.items()}
    path = reverse(name, kwargs=more | ({"pk": pk} if page.of else {}))
    path += page.asks
    place = transaction.savepoint()
    try:
        return client.get(path) if page.post is None else client.post(path, page.post)
    finally:
        transaction.savepoint_rollback(place)


def test_every_address_has_its_row() -> None:
    named = {name for name, _ in ROUTES}
    assert named == set(PAGES) | OPEN | BY_LINK | WATCHED | OWN
    assert OF_ONESELF <= OWN


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_is_for_those_whose_role_holds_its_right_and_a_stranger_finds_nothing(
    name: str, hill: Clinic, lake: Clinic
) -> None:
    page = PAGES[name]
    pk = MADE[page.of](hill) if page.of else None
    found = asked(None, name, page, pk)
    assert found.status_code == 302 and found.url.startswith(reverse("account_login")), "nobody"
    for role, user in hill.people.items():
        status = asked(user, name, page, pk).status_code
        if page.right not in RIGHTS[role]:
            assert status == (404 if page.hidden else 403), f"{role} may not, and got {status}"
        elif page.owner not in ("", role):
            assert status == 404, f"it is not this {role}'s own, and got {status}"
        else:
            assert status < 500 and (status not in (403, 404) or status == ACCEPTED.get(name)), f"{role}: {status}"
    if page.of:
        for role, user in lake.people.items():
            status = asked(user, name, page, pk).status_code
            assert status == (404 if page.right in RIGHTS[role] else status), f"strange {role} got {status}"
            assert status in (403, 404), f"strange {role} got {status}"


def test_a_program_of_the_clinic_can_not_open_a_page(hill: Clinic) -> None:
    member = machines.add_machine(hill.administrator, name="Bridge", role=Role.MANAGER)
    answer = Client().post(reverse("account_login"), {"login": member.user.email, "password": ""})
    assert answer.status_code == 200


@pytest.mark.parametrize("name", sorted(OWN - {"mfa_authenticate"}))
def test_ones_own_pages_are_for_whoever_is_signed_in(name: str, hill: Clinic) -> None:
    path = reverse(name, args=[1] if name in OF_ONESELF else [])
    assert Client().get(path).status_code in (302, 405)
    client = Client()
    client.force_login(hill.technician, backend=BACKEND)
    assert client.get(path).status_code in (200, 302, 404, 405)
