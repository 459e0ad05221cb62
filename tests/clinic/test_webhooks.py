"""A clinic's own systems are told: signed, tried again, logged, and never patient data."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from retineye.client import BadSignature, open_message
from retineye.clinic import webhooks
from retineye.clinic.grade import grade_photograph
from retineye.clinic.models import Webhook, WebhookDelivery
from tests.cast import Clinic, add_exam, picture, send

PUBLIC = "https://93.184.215.14/hook"


class Peer:
    """A system of the clinic's that listens on this machine."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        peer = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                peer.got.append((dict(self.headers), body))
                self.send_response(peer.status)
                if peer.status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{peer.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answering)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture()
def peer(settings: Any) -> Iterator[Peer]:
    """Have a system listen, and the service allowed to call it."""
    settings.RETINEYE_WEBHOOK_PRIVATE = True
    found = Peer()
    yield found
    found.server.shutdown()
    found.server.server_close()


def listen(clinic: Clinic, peer: Peer, *events: str) -> Webhook:
    """Add the peer's address."""
    url = f"http://127.0.0.1:{peer.port}/hook"
    return webhooks.add(clinic.administrator, url=url, events=events or ["verdict.ready", "exam.signed"])


def test_a_verdict_is_told_signed_and_without_a_word_on_the_patient(hill: Clinic, peer: Peer) -> None:
    hook = listen(hill, peer)
    exam = add_exam(hill)
    sent = send(hill, exam, picture())
    grade_photograph(sent.pk)
    assert webhooks.deliver_due(timezone.now()) == 1
    headers, body = peer.got[0]
    message = open_message(webhooks.secret_of(hook), headers["RetinEye-Signature"], body)
    assert message.event == headers["RetinEye-Event"] == "verdict.ready"
    assert message.data == {
        "exam": str(exam.pk), "photograph": str(sent.pk), "verdict": str(sent.verdicts.get().pk)
    }  # fmt: skip
    assert exam.patient.name.encode() not in body and b"grade" not in body
    done = WebhookDelivery.objects.get()
    assert (done.state, done.status, done.tries) == ("sent", 204, 1)
    assert webhooks.deliver_due(timezone.now()) == 0


def test_a_forged_an_altered_and_an_old_message_are_told_from_ours(hill: Clinic) -> None:
    body = json.dumps({"id": "1", "event": "ping", "created_at": "", "data": {}}).encode()
    signed = webhooks.sign("secret", 1_000_000, body)
    assert open_message("secret", signed, body, now=1_000_100).event == "ping"
    for secret, header, content, now in (
        ("other", signed, body, 1_000_000), ("secret", signed, body + b" ", 1_000_000),
        ("secret", signed, body, 1_000_301), ("secret", "nonsense", body, 1_000_000),
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            open_message(secret, header, content, now=now)


def test_who_does_not_take_it_is_tried_again_and_given_up_in_the_end(hill: Clinic, peer: Peer) -> None:
    hook = listen(hill, peer)
    peer.status = 500
    webhooks.ping(hill.administrator, hook)
    now = timezone.now()
    for tries in range(1, len(webhooks.WAITS) + 2):
        assert webhooks.deliver_due(now) == 1
        assert webhooks.deliver_due(now) == 0
        found = WebhookDelivery.objects.get()
        assert (found.tries, found.status) == (tries, 500)
        now = found.next_at + timedelta(seconds=1)
    assert found.state == "failed"
    peer.status = 200
    webhooks.send_again(hill.administrator, found)
    assert webhooks.deliver_due(timezone.now()) == 1
    assert WebhookDelivery.objects.get().state == "sent"


def test_of_two_senders_one_gets_a_message_and_a_dead_one_gives_way(hill: Clinic, peer: Peer) -> None:
    webhooks.ping(hill.administrator, listen(hill, peer))
    now = timezone.now()
    asked: list[int] = []

    def while_another_sends(delivery: WebhookDelivery) -> int:
        asked.append(webhooks.deliver_due(now))
        return 200

    assert webhooks.deliver_due(now, send=while_another_sends) == 1
    assert asked == [0]
    WebhookDelivery.objects.update(state="waiting", lease_until=now + timedelta(seconds=60), next_at=now)
    assert webhooks.deliver_due(now) == 0
    assert webhooks.deliver_due(now + timedelta(seconds=61)) == 1


def test_a_redirect_leads_nowhere(hill: Clinic, peer: Peer) -> None:
    webhooks.ping(hill.administrator, listen(hill, peer))
    peer.status = 302
    webhooks.deliver_due(timezone.now())
    assert len(peer.got) == 1
    assert WebhookDelivery.objects.get().status == 302 and WebhookDelivery.objects.get().state == "waiting"


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.215.14/", "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest",
        "https://[::1]/", "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/",
        "https://user:secret@93.184.215.14/", "ftp://93.184.215.14/", "https://", "nonsense", "https://0.0.0.0/",
    ],
)  # fmt: skip
def test_an_address_within_or_without_a_lock_is_refused(hill: Clinic, url: str) -> None:
    with pytest.raises(ValidationError):
        webhooks.add(hill.administrator, url=url, events=["exam.signed"])


def test_a_name_that_turns_to_a_private_address_later_is_not_called(hill: Clinic, monkeypatch: Any) -> None:
    hook = webhooks.add(hill.administrator, url="https://hooks.example.com/a", events=["exam.signed"])
    webhooks.ping(hill.administrator, hook)
    answer = [(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("10.0.0.5", 443))]
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *_args, **_named: answer)
    webhooks.deliver_due(timezone.now())
    assert WebhookDelivery.objects.get().error == "private_address"
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *_args, **_named: answer[:1])
    place = webhooks.place_of(hook.url)
    assert (place.url.host, place.host) == ("93.184.215.14", "hooks.example.com")


def test_only_who_may_connect_systems_has_webhooks(hill: Clinic, lake: Clinic) -> None:
    with pytest.raises(PermissionDenied):
        webhooks.add(hill.doctor, url=PUBLIC, events=["exam.signed"])
    webhooks.add(hill.administrator, url=PUBLIC, events=["exam.signed"])
    assert not webhooks.webhooks_for(lake.administrator).exists()
    assert not webhooks.webhooks_for(hill.doctor).exists()


def test_what_nobody_listens_to_and_what_is_switched_off_writes_nothing(hill: Clinic, peer: Peer) -> None:
    hook = listen(hill, peer, "exam.signed")
    webhooks.announce(hill.organisation.pk, webhooks.Event.VERDICT_READY, exam="x")
    webhooks.change(hill.administrator, hook, active=False)
    webhooks.announce(hill.organisation.pk, webhooks.Event.EXAM_SIGNED, exam="x")
    assert not WebhookDelivery.objects.exists()


def test_the_log_is_kept_for_a_month(hill: Clinic, peer: Peer) -> None:
    webhooks.ping(hill.administrator, listen(hill, peer))
    webhooks.deliver_due(timezone.now())
    assert webhooks.forget(timezone.now()) == 0
    assert webhooks.forget(timezone.now() + timedelta(days=31)) == 1
