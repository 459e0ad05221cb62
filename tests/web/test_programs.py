"""Pages of programs: tokens, webhooks, archives."""

import zipfile
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from retineye.accounts import tokens
from retineye.accounts.models import ApiToken
from retineye.clinic import batch, webhooks
from retineye.clinic.models import Batch, Webhook
from tests.cast import Clinic, picture
from tests.web.test_doors import sign_in


def test_a_token_is_shown_once_and_can_be_revoked(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.technician)
    page = client.post(reverse("programs"), {"name": "Camera script", "days": "30", "scopes": ["photographs:write"]})
    text = page.context["made"].text
    assert text in page.content.decode() and tokens.find(text)
    again = client.get(reverse("programs")).content.decode()
    assert text not in again and text[: tokens.SHOWN] in again
    client.post(reverse("program_revoke", args=[ApiToken.objects.get().pk]))
    assert tokens.find(text) is None


def test_a_colleague_can_not_revoke_it(client: Client, hill: Clinic) -> None:
    made = tokens.make(hill.technician, name="a", scopes=["grade"], days=1)
    answer = sign_in(client, hill.administrator).post(reverse("program_revoke", args=[made.token.pk]))
    assert answer.status_code == 404 and tokens.find(made.text)


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
def test_only_who_may_connect_sees_webhooks(client: Client, hill: Clinic, role: str) -> None:
    sign_in(client, hill.people[role])
    assert client.get(reverse("webhooks")).status_code == 403


def test_an_address_is_added_tried_and_removed(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.administrator)
    client.post(reverse("webhooks"), {"url": "https://93.184.215.14/hook", "events": ["exam.signed"]})
    found = Webhook.objects.get()
    page = client.get(reverse("webhook", args=[found.pk])).content.decode()
    assert webhooks.secret_of(found) in page
    client.post(reverse("webhook_do", args=[found.pk]), {"do": "ping"})
    assert "ping" in client.get(reverse("webhook", args=[found.pk])).content.decode()
    client.post(reverse("webhook_do", args=[found.pk]), {"do": "secret"})
    assert webhooks.secret_of(Webhook.objects.get()) not in page
    client.post(reverse("webhook_do", args=[found.pk]), {"do": "remove"})
    assert not Webhook.objects.exists()


def test_a_private_address_is_refused_on_the_page(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.administrator)
    page = client.post(reverse("webhooks"), {"url": "https://127.0.0.1/", "events": ["exam.signed"]})
    assert page.status_code == 200 and page.context["form"].errors
    assert not Webhook.objects.exists()


def archive(**files: bytes) -> SimpleUploadedFile:
    """Pack files into a zip file."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for name, data in files.items():
            out.writestr(f"{name}.jpg", data)
    return SimpleUploadedFile("a.zip", packed.getvalue())


def test_an_archive_is_taken_in_and_its_results_come_in_three_forms(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.doctor)
    table = b"path,patient,eye,date,name\na.jpg,H-1,right,2024-05-31,Ana Ruiz\nb.jpg,H-1,left,2024-05-31,\n"
    client.post(
        reverse("batches"),
        {"name": "Old camera", "table": SimpleUploadedFile("t.csv", table), "pictures": archive(a=picture())},
    )
    found = Batch.objects.get()
    while batch.take_line():
        pass
    page = client.get(reverse("batch", args=[found.pk])).content.decode()
    assert "no_file" in page and "Taken in" in page
    for form in ("csv", "xlsx", "json"):
        answer: Any = client.get(reverse("batch_results", args=[found.pk, form]))
        assert answer.status_code == 200 and answer["Content-Disposition"].endswith(f'.{form}"')
    assert client.get(reverse("batch_results", args=[found.pk, "exe"])).status_code == 404


def test_a_table_that_can_not_be_read_is_explained(client: Client, hill: Clinic) -> None:
    sign_in(client, hill.doctor)
    table = SimpleUploadedFile("t.csv", b"path,patient\n")
    page = client.post(reverse("batches"), {"name": "x", "table": table, "pictures": archive()})
    assert "eye" in str(page.context["form"].errors) and not Batch.objects.exists()


def test_a_stranger_finds_no_batch_and_no_webhook(client: Client, hill: Clinic, lake: Clinic) -> None:
    made = webhooks.add(hill.administrator, url="https://93.184.215.14/", events=["exam.signed"])
    table = b"path,patient,eye,date,name\na.jpg,H-1,right,2024-05-31,Ana Ruiz\n"
    begun = batch.begin(hill.doctor, name="x", table=table, pictures=archive(a=picture()))
    sign_in(client, lake.administrator)
    for name, pk in (("webhook", made.pk), ("batch", begun.pk)):
        assert client.get(reverse(name, args=[pk])).status_code == 404
        assert client.post(reverse(f"{name}_do", args=[pk]), {"do": "pause"}).status_code == 404
    assert client.get(reverse("batch_results", args=[begun.pk, "csv"])).status_code == 404
