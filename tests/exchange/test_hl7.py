"""The HL7 message says what is told, line by line, and is only done when the other side has accepted it."""

import socket
import threading

import pytest
from hl7apy.parser import parse_message

from retineye.exchange.hl7 import NotAccepted, oru, send
from retineye.exchange.told import Standing
from retineye.grading.result import Grade
from tests.exchange.tellings import told


def lines(message: str, name: str) -> list[list[str]]:
    return [line.split("|") for line in message.split("\r") if line.startswith(name)]


@pytest.mark.parametrize(
    ("grade", "answer"),
    [
        (Grade.NONE, "LA18643-9"),
        (Grade.MILD, "LA18644-7"),
        (Grade.MODERATE, "LA18645-4"),
        (Grade.SEVERE, "LA18646-2"),
        (Grade.PROLIFERATIVE, "LA18648-8"),
    ],
)
def test_each_eye_has_its_question_and_its_answer(grade: Grade, answer: str) -> None:
    found = {one[3].split("^")[0]: one for one in lines(oru(told(grade, Grade.MILD, signed=True)), "OBX")}
    assert found["71491-5"][5].split("^")[0] == answer
    assert found["71490-7"][5].split("^")[0] == "LA18644-7"


def test_what_can_not_be_read_has_no_value() -> None:
    found = {one[3].split("^")[0]: one for one in lines(oru(told(None, Grade.MILD, signed=True)), "OBX")}
    assert (found["71491-5"][5], found["71491-5"][11]) == ("", "X")


@pytest.mark.parametrize(("standing", "code"), [(Standing.FINAL, "F"), (Standing.AMENDED, "C")])
def test_the_status_says_how_firm_it_is(standing: Standing, code: str) -> None:
    message = oru(told(Grade.MILD, Grade.MILD, signed=True, standing=standing))
    assert lines(message, "OBR")[0][25] == code
    assert {one[11] for one in lines(message, "OBX")} == {code}
    assert lines(oru(told(Grade.MILD, Grade.MILD)), "OBR")[0][25] == "P"


def test_the_message_parses_and_names_the_patient() -> None:
    message = oru(told(Grade.MILD, Grade.MILD, signed=True, clinic="Eyes | Ears & Co"))
    parsed = parse_message(message)
    assert parsed.msh.msh_9.to_er7() == "ORU^R01^ORU_R01"
    pid = lines(message, "PID")[0]
    assert pid[3].startswith("A-17^")
    assert (pid[5], pid[7], pid[8]) == ("Ruiz^Ana María", "19680305", "F")
    assert "105914-6" not in message


def answering(answer: str) -> tuple[int, threading.Thread, list[bytes]]:
    server = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        with server, server.accept()[0] as connection:
            data = b""
            while not data.endswith(b"\x1c\r"):
                data += connection.recv(65536)
            heard.append(data)
            connection.sendall(f"\x0bMSH|^~\\&|A|B|C|D|20261103||ACK|1|P|2.5.1\rMSA|{answer}|1\r\x1c\r".encode())

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname()[1], thread, heard


def test_a_message_is_sent_framed_and_accepted() -> None:
    port, thread, heard = answering("AA")
    message = oru(told(Grade.MILD, Grade.MILD, signed=True))
    send(message, "127.0.0.1", port)
    thread.join()
    assert heard == [b"\x0b" + message.encode() + b"\x1c\r"]


def test_a_message_that_is_rejected_is_not_done() -> None:
    port, thread, _heard = answering("AE")
    with pytest.raises(NotAccepted):
        send(oru(told(Grade.MILD, Grade.MILD, signed=True)), "127.0.0.1", port)
    thread.join()
