"""The HL7 message says what is told, line by line."""

from dataclasses import replace

import pytest
from hl7apy.parser import parse_message

from retineye.exchange.hl7 import oru
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


def test_each_state_has_an_id_of_its_own_and_keeps_it() -> None:
    first = told(Grade.MILD, Grade.MILD, signed=True)
    added = replace(first, revision=first.revision.replace("+0", "+1"))
    ids = [lines(oru(one), "MSH")[0][9] for one in (first, first, added)]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 20
