"""A signed exam as an HL7 version 2.5.1 message ORU^R01, for hospitals that have nothing newer. Pure but for `send`."""

import socket
from hashlib import sha256
from typing import Final

from hl7apy.core import Message, Segment
from hl7apy.parser import parse_message

from retineye.exchange.codes import DME_QUESTION, LOINC, SCREENING_REPORT, SEVERITY_ANSWER, SEVERITY_QUESTION, Code
from retineye.exchange.dicom_in.worklist import person_name
from retineye.exchange.refused import DeliveryError
from retineye.exchange.told import ADVICE_OF_USE, Dme, Standing, Told

_STATUS: Final = {
    Standing.PRELIMINARY: "P",
    Standing.FINAL: "F",
    Standing.AMENDED: "C",
    Standing.APPENDED: "F",
    Standing.WITHDRAWN: "X",
}
"""HL7 table 0123: preliminary, final, corrected, no result."""
_SEX: Final = {"female": "F", "male": "M", "other": "O"}
_START, _END = b"\x0b", b"\x1c\x0d"
_LONGEST_ANSWER: Final = 100_000


class NotAccepted(DeliveryError):
    """The other system did not take the message; the code is its own, or says what was wrong with its answer."""


def oru(told: Told) -> str:
    """Give the message, its segments parted by carriage returns."""
    message = Message("ORU_R01", version="2.5.1")
    status = _STATUS[told.standing]
    at = told.made_at.strftime("%Y%m%d%H%M%S%z")
    head = message.msh
    head.msh_3, head.msh_4 = "RETINEYE", _text(told.clinic)[:180]
    head.msh_7, head.msh_9, head.msh_11, head.msh_12 = at, "ORU^R01^ORU_R01", "P", "2.5.1"
    head.msh_10, head.msh_18 = _control_id(told), "UNICODE UTF-8"
    result = message.add_group("ORU_R01_PATIENT_RESULT")
    patient = result.add_group("ORU_R01_PATIENT").add_segment("PID")
    patient.pid_1 = "1"
    patient.pid_3 = f"{_text(told.patient.number)}^^^{_text(told.clinic)[:20]}^MR"
    patient.pid_5 = "^".join(_text(part) for part in person_name(told.patient.name).split("^"))
    patient.pid_7 = told.patient.birth_date.strftime("%Y%m%d") if told.patient.birth_date else ""
    patient.pid_8 = _SEX.get(told.patient.sex, "U")
    order = result.add_group("ORU_R01_ORDER_OBSERVATION")
    request = order.add_segment("OBR")
    request.obr_1, request.obr_3 = "1", _text(told.order)
    request.obr_4 = _coded(SCREENING_REPORT)
    request.obr_7 = told.taken_on.strftime("%Y%m%d")
    request.obr_22, request.obr_25 = at, status
    if told.signer:
        request.obr_32 = f"&{'&'.join(_text(part) for part in person_name(told.signer).split('^'))}"
    for number, (kind, code, value, standing) in enumerate(_lines(told, status), 1):
        line: Segment = order.add_group("ORU_R01_OBSERVATION").add_segment("OBX")
        line.obx_1, line.obx_2, line.obx_3, line.obx_11 = str(number), kind, code, standing
        if value:
            line.obx_5 = value
        line.obx_14 = told.taken_on.strftime("%Y%m%d")
    text: str = message.to_er7()
    return text


def _lines(told: Told, status: str) -> list[tuple[str, str, str, str]]:
    """Give type, question, answer and status of each line; X where there is no answer (table 0085)."""
    lines = []
    for eye in told.eyes:
        if not eye.photographed:
            continue
        answer = _coded(SEVERITY_ANSWER[eye.grade]) if eye.grade is not None else ""
        lines.append(("CWE", _coded(SEVERITY_QUESTION[eye.eye]), answer, status if answer else "X"))
        known = eye.dme is not Dme.CANNOT_JUDGE
        lines.append(("TX", _coded(DME_QUESTION[eye.eye]), eye.dme.value if known else "", status if known else "X"))
    words = f"{told.conclusion} Guideline: {told.guideline}. {ADVICE_OF_USE}"
    lines.append(("TX", _coded(SCREENING_REPORT), _text(words.strip()), status))
    return lines


def _control_id(told: Told) -> str:
    """Give the message's id: the same for the same state, so that who got it twice can tell; another for another."""
    return sha256(f"{told.exam_id} {told.revision}".encode()).hexdigest()[:20]


def _coded(code: Code) -> str:
    return f"{code.code}^{_text(code.display)}^{'LN' if code.system == LOINC else 'SCT'}"


def _text(text: str) -> str:
    """Write a text so that no letter of it reads as a separator (2.5.1, 2.7)."""
    for letter, written in (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("&", "\\T\\"), ("~", "\\R\\")):
        text = text.replace(letter, written)
    return " ".join(text.split())


def framed(message: str) -> bytes:
    """Give the message as MLLP sends it."""
    return _START + message.encode("utf-8") + _END


def send(message: str, host: str, port: int, *, timeout_s: float = 20.0) -> None:
    """Send a message by MLLP and wait until it is accepted.

    Raises
    ------
    OSError
        If nobody answers; `NotAccepted` where the answer is anything but acceptance.
    """
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(framed(message))
        answer = b""
        while not answer.endswith(_END):
            part = connection.recv(4096)
            if not part or len(answer) > _LONGEST_ANSWER:
                raise NotAccepted("no_ack")
            answer += part
    try:
        said = parse_message(answer.strip(_START + _END).decode("utf-8", "replace")).msa
        code, of = said.msa_1.to_er7(), said.msa_2.to_er7()
    except Exception as exc:
        raise NotAccepted("ack_unread") from exc
    if code not in ("AA", "CA"):
        # AE and CE: an error; AR and CR: rejected (table 0008).
        raise NotAccepted(f"nak_{code[:2].lower()}" if code[:2] in ("AE", "CE", "AR", "CR") else "ack_unread")
    if of != message.split("\r", 1)[0].split("|")[9]:
        raise NotAccepted("ack_of_another")
