"""A message is only done when the other side has accepted it: python-hl7's MLLP server is the record system."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import hl7
import pytest
from django.utils import timezone
from hl7.mllp import start_hl7_server

from retineye.clinic.models import Delivery, Exam
from retineye.exchange.hl7 import NotAccepted, oru, send
from retineye.exchange.outbox import TRIES, deliver_next, find_due
from retineye.grading.result import Grade
from tests.cast import Clinic
from tests.exchange.sending import destination, graded_exam, signed
from tests.exchange.tellings import told


@pytest.fixture()
def graded(hill: Clinic) -> Exam:
    return graded_exam(hill)


@dataclass
class RecordSystem:
    """Reads messages with python-hl7, and answers each as it was told to; accepts where it was told nothing."""

    answers: list[str] = field(default_factory=list)
    heard: list[hl7.Message] = field(default_factory=list)
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _up: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serve until stopped."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            start_hl7_server(self._talk, "127.0.0.1", 0, encoding="utf-8", limit=1_000_000)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        self._loop.close()

    def start(self) -> threading.Thread:
        """Start it in a thread, and wait until it listens."""
        thread = threading.Thread(target=self.run)
        thread.start()
        self._up.wait()
        return thread

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _talk(self, reader: Any, writer: Any) -> None:
        message = await reader.readmessage()
        self.heard.append(message)
        answer = self.answers.pop(0) if self.answers else "AA"
        if answer == "hang up":
            writer.close()
            return
        if answer == "nonsense":
            writer.writeblock(b"Good morning")
        elif answer == "of another":
            other = hl7.parse(str(message).replace(str(message.segment("MSH")[10]), "ANOTHER"))
            writer.writemessage(other.create_ack("AA"))
        else:
            writer.writemessage(message.create_ack(answer))
        await writer.drain()
        writer.close()


@pytest.fixture()
def system() -> Iterator[RecordSystem]:
    made = RecordSystem()
    thread = made.start()
    yield made
    made.stop()
    thread.join()


def test_what_arrives_is_what_was_said(system: RecordSystem) -> None:
    message = oru(told(Grade.MODERATE, None, signed=True, clinic="Clínica | Ojos & Co"))
    send(message, "127.0.0.1", system.port)
    (heard,) = system.heard
    assert str(heard).rstrip("\r") == message.rstrip("\r")
    assert str(heard.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    assert str(heard.segment("PID")[5]) == "Ruiz^Ana María"
    assert heard.unescape(str(heard.segment("MSH")[4])) == "Clínica | Ojos & Co"
    found = {str(line[3]).split("^")[0]: (str(line[5]).split("^")[0], str(line[11])) for line in heard.segments("OBX")}
    assert found["71491-5"] == ("LA18645-4", "F")
    assert found["71490-7"] == ("", "X")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("AE", "nak_ae"),
        ("AR", "nak_ar"),
        ("hang up", "no_ack"),
        ("nonsense", "ack_unread"),
        ("of another", "ack_of_another"),
    ],
)
def test_anything_but_acceptance_is_not_done(system: RecordSystem, answer: str, code: str) -> None:
    system.answers.append(answer)
    with pytest.raises(NotAccepted, match=code):
        send(oru(told(Grade.MILD, Grade.MILD, signed=True)), "127.0.0.1", system.port)


def test_a_system_that_never_answers_is_not_waited_for_forever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(OSError):
        send(oru(told(Grade.MILD, Grade.MILD, signed=True)), "127.0.0.1", deaf.getsockname()[1], timeout_s=0.2)


def test_a_refused_message_is_sent_again_with_the_same_id_until_it_is_accepted(
    hill: Clinic, graded: Exam, system: RecordSystem
) -> None:
    destination(hill, "mllp", f"127.0.0.1:{system.port}")
    signed(hill, graded)
    now = timezone.now()
    assert find_due(now) == 1
    system.answers += ["AE", "hang up"]
    for code in ("nak_ae", "no_ack"):
        assert deliver_next(now)
        waiting = Delivery.objects.get()
        assert (waiting.state, waiting.error) == (Delivery.State.WAITING, code)
        assert not deliver_next(now)
        now += timedelta(minutes=2**waiting.tries)
    assert deliver_next(now)
    assert Delivery.objects.get().state == Delivery.State.SENT
    assert len({str(one.segment("MSH")[10]) for one in system.heard}) == 1
    assert len(system.heard) == 3


def test_a_message_that_is_refused_each_time_is_given_up_and_says_why(
    hill: Clinic, graded: Exam, system: RecordSystem
) -> None:
    destination(hill, "mllp", f"127.0.0.1:{system.port}")
    signed(hill, graded)
    now = timezone.now()
    find_due(now)
    Delivery.objects.update(tries=TRIES - 1)
    system.answers.append("AR")
    assert deliver_next(now)
    given_up = Delivery.objects.get()
    assert (given_up.state, given_up.error) == (Delivery.State.FAILED, "nak_ar")
    assert not deliver_next(now + timedelta(days=30))
