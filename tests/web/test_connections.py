"""The administrator says who may send and who is sent to, sees what waits and why, tries again and cancels."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made when the module is loaded

from retineye.accounts.models import AuditEvent
from retineye.clinic import deliveries, senders
from retineye.clinic.models import Delivery, Destination, Sender
from tests.cast import Clinic, add_exam
from tests.exchange.listening import free_port
from tests.web.test_doors import sign_in


@pytest.fixture()
def administrator(client: Client, hill: Clinic) -> Client:
    return sign_in(client, hill.administrator)


@pytest.fixture()
def archive() -> Iterator[int]:
    """An archive that answers to ARCHIVE, and to no caller but RETINEYE."""
    ae = AE(ae_title="ARCHIVE")
    ae.add_supported_context(Verification)
    ae.require_called_aet, ae.require_calling_aet = True, ["RETINEYE"]
    port = free_port()
    server = ae.start_server(("127.0.0.1", port), block=False)
    yield port
    assert server is not None
    server.shutdown()


def owed(hill: Clinic, **changes: object) -> Delivery:
    """Have a result wait for an archive."""
    there = Destination.objects.filter(organisation=hill.organisation).first() or deliveries.add_archive(
        hill.administrator, "Archive", "127.0.0.1:104", "ARCHIVE"
    )
    return Delivery.objects.create(
        destination=there, exam=add_exam(hill), revision=f"r{Delivery.objects.count()}", **changes
    )


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
@pytest.mark.parametrize("name", ["connections", "deliveries"])
def test_only_who_may_connect_sees_the_pages(client: Client, hill: Clinic, role: str, name: str) -> None:
    assert sign_in(client, hill.people[role]).get(reverse(name)).status_code == 403


def test_a_camera_is_let_in_and_shut_out(administrator: Client, hill: Clinic) -> None:
    said = {"add": "camera", "camera-name": "Room 2", "camera-ae_title": "CAMERA2"}
    administrator.post(reverse("connections"), said)
    assert senders.titles() == ["CAMERA2"]
    page = administrator.get(reverse("connections")).content.decode()
    assert "CAMERA2" in page and "none yet" in page
    camera = Sender.objects.get()
    assert camera.acts_as.machine
    assert not camera.acts_as.has_usable_password()
    administrator.post(reverse("sender_do", args=[camera.pk]))
    assert senders.titles() == []
    administrator.post(reverse("sender_do", args=[camera.pk]))
    assert senders.titles() == ["CAMERA2"]


def test_a_camera_stands_among_the_programs_and_not_among_the_people(administrator: Client, hill: Clinic) -> None:
    senders.add_sender(hill.administrator, "Room 2", "CAMERA2")
    shown = administrator.get(reverse("team")).context
    assert "Room 2" in [member.user.full_name for member in shown["machines"]]
    assert "Room 2" not in [member.user.full_name for member in shown["members"]]


def test_a_title_that_is_taken_or_none_is_told_on_the_page(administrator: Client, hill: Clinic) -> None:
    senders.add_sender(hill.administrator, "Room 1", "CAMERA1")
    for title in ("CAMERA1", "CAM\\ERA", "ÜBER"):
        said = {"add": "camera", "camera-name": "Room 2", "camera-ae_title": title}
        assert administrator.post(reverse("connections"), said).context["camera"].errors
    assert Sender.objects.count() == 1


@pytest.mark.parametrize(
    "address", ["", "archive", "archive:0", "archive:70000", "http://archive:104", "a b:104", "-x:104"]
)
def test_an_address_that_is_none_is_told_on_the_page(administrator: Client, address: str) -> None:
    said = {"add": "archive", "archive-name": "A", "archive-address": address, "archive-ae_title": "ARCHIVE"}
    assert administrator.post(reverse("connections"), said).context["archive"].errors
    assert not Destination.objects.exists()


def test_an_archive_is_added_and_asked_whether_it_answers(administrator: Client, hill: Clinic, archive: int) -> None:
    said = {
        "add": "archive",
        "archive-name": "Main archive",
        "archive-address": f"127.0.0.1:{archive}",
        "archive-ae_title": "ARCHIVE",
    }
    administrator.post(reverse("connections"), said)
    made = Destination.objects.get()
    assert (made.kind, made.tls, made.organisation) == ("dicom", False, hill.organisation)
    page = administrator.post(reverse("destination_do", args=[made.pk]), {"do": "echo"}, follow=True)
    assert "Main archive answers." in page.content.decode()


@pytest.mark.parametrize(
    ("title", "own", "words"),
    [("OTHER", "RETINEYE", "another title"), ("ARCHIVE", "STRANGER", "does not know our title")],
)
def test_a_call_that_is_turned_away_says_why(
    administrator: Client, hill: Clinic, archive: int, settings: object, title: str, own: str, words: str
) -> None:
    settings.RETINEYE_DICOM_AE_TITLE = own  # type: ignore[attr-defined]
    made = deliveries.add_archive(hill.administrator, "A", f"127.0.0.1:{archive}", title)
    page = administrator.post(reverse("destination_do", args=[made.pk]), {"do": "echo"}, follow=True)
    assert words in page.content.decode()


# pynetdicom leaves the socket of a refused call to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nobody_at_the_address_is_told(administrator: Client, hill: Clinic) -> None:
    made = deliveries.add_archive(hill.administrator, "A", f"127.0.0.1:{free_port()}", "ARCHIVE")
    page = administrator.post(reverse("destination_do", args=[made.pk]), {"do": "echo"}, follow=True)
    assert "Nobody answers at this address" in page.content.decode()


def test_what_failed_says_why_and_is_tried_again(administrator: Client, hill: Clinic) -> None:
    given_up = owed(hill, state="failed", tries=12, error="title_not_known")
    page = administrator.get(reverse("deliveries"), {"state": "failed"}).content.decode()
    assert "does not know our title" in page
    administrator.post(reverse("delivery_do", args=[given_up.pk]), {"do": "again"})
    given_up.refresh_from_db()
    assert (given_up.state, given_up.tries) == ("waiting", 0)
    assert given_up.next_at <= timezone.now()
    assert AuditEvent.objects.filter(action="destination_changed").count() == 1


def test_what_waits_is_cancelled_and_what_is_sent_is_not(administrator: Client, hill: Clinic) -> None:
    waiting, sent = owed(hill), owed(hill, state="sent", sent_at=timezone.now())
    under_way = owed(hill, lease_until=timezone.now() + timedelta(minutes=5))
    for one in (waiting, sent, under_way):
        administrator.post(reverse("delivery_do", args=[one.pk]), {"do": "cancel"})
    states = [Delivery.objects.get(pk=one.pk).state for one in (waiting, sent, under_way)]
    assert states == ["stopped", "sent", "waiting"]


def test_what_is_superseded_is_never_sent_late(administrator: Client, hill: Clinic) -> None:
    old = owed(hill, state="failed", error="superseded")
    assert not deliveries.send_again(hill.administrator, old)
    assert 'value="again"' not in administrator.get(reverse("deliveries")).content.decode()


def test_that_nobody_sends_is_told(administrator: Client, hill: Clinic) -> None:
    owed(hill)
    assert "Nothing is being sent" not in administrator.get(reverse("deliveries")).content.decode()
    Delivery.objects.update(next_at=timezone.now() - timedelta(hours=1))
    for name in ("connections", "deliveries"):
        assert "Nothing is being sent" in administrator.get(reverse(name)).content.decode()


def test_an_archive_that_is_held_back_gets_nothing(administrator: Client, hill: Clinic) -> None:
    one = owed(hill)
    administrator.post(reverse("destination_do", args=[one.destination_id]), {"do": "switch"})
    assert not Destination.objects.get().active


def test_another_clinic_finds_none_of_it(client: Client, hill: Clinic, lake: Clinic) -> None:
    one, camera = owed(hill), senders.add_sender(hill.administrator, "Room 2", "CAMERA2")
    sign_in(client, lake.administrator)
    for name in ("connections", "deliveries"):
        page = client.get(reverse(name)).content.decode()
        assert "CAMERA2" not in page and "Archive" not in page.replace("Archives", "")
    for name, pk in (("sender_do", camera.pk), ("destination_do", one.destination_id), ("delivery_do", one.pk)):
        assert client.post(reverse(name, args=[pk]), {"do": "cancel"}).status_code == 404
    assert Delivery.objects.get().state == "waiting"


def test_every_code_has_a_sentence() -> None:
    for code in (*deliveries.REASONS, "status_a700", "http_503"):
        assert deliveries.reason(code) != code
