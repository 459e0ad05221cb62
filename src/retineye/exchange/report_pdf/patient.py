"""One page for the patient: plain words, large print, no heatmap and no number that needs explaining.

Before a doctor has signed it says so first, names no day, and never says that an eye is well: what the software saw is
what a doctor must still look at. The English stands beside a translation that nobody has reviewed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from retineye.clinic.referral import Conclusion
from retineye.exchange.report_pdf.content import Dme, EyeSays, ReportData, Seen
from retineye.exchange.report_pdf.paper import css_of, fit, html_of

LARGE_PT: Final = (21.0, 19.5, 18.0, 17.0, 16.0, 15.0, 14.0, 13.0, 12.0, 11.0, 10.0)
"""Sizes of the print, the largest that fits on the page is taken."""

_BY_COMPLAINT: Final = {"symptoms_at_once": "why_symptoms", "low_acuity_at_once": "why_acuity"}


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, and the same in English."""

    text: str
    english: str


@dataclass(frozen=True, slots=True)
class Part:
    """One strip of the page: a picture, a heading, and sentences."""

    icon: str
    tone: str
    """CSS class of its colour."""
    heading: Line
    lines: tuple[Line, ...]
    steps: int = 0
    """How many of the five steps of severity are filled; 0 draws none."""
    points: bool = False
    """The sentences are a list."""


def patient_page(data: ReportData) -> bytes:
    """Give the PDF: one page, in the largest print that fits."""
    return fit(page_html(data), css_of("patient.css"), LARGE_PT)


def page_html(data: ReportData) -> str:
    """Give what the page says, as HTML."""
    said = Said(data)
    shown = {
        "data": data,
        "texts": data.texts,
        "english": data.english,
        "said": said.frame(),
        "parts": [part for part in _parts(said) if part is not None],
    }
    return html_of("patient.html", shown)


class Said:
    """Says a sentence in the report's language and in English."""

    def __init__(self, data: ReportData) -> None:
        self.data = data

    def line(self, key: str, day: date | None = None, **blanks: str) -> Line:
        """Give the sentence with its blanks filled; a day is written out in each language."""
        texts, english = self.data.texts, self.data.english
        if day is None:
            return Line(texts.say(key, **blanks), english.say(key, **blanks))
        return Line(
            texts.say(key, date=texts.day(day), **blanks),
            english.say(key, date=english.day(day), **blanks),
        )

    def frame(self) -> dict[str, Line]:
        """Give the sentences around the strips."""
        data = self.data
        plain = ("title", "name", "born", "provisional", "provisional_text", "not_signed", "disclaimer", "not_reviewed")
        signed = data.signature
        return {
            **{key: self.line(key) for key in plain},
            "photographed": self.line("photographed", data.taken_on),
            "number": self.line("report_number", number=data.number),
            "guideline": self.line("guideline", guideline=data.advice.guideline),
            "signed": self.line("signed", signed.at.date(), name=signed.name) if signed else self.line("not_signed"),
            "reviewed": self.line("reviewed", name=data.texts.reviewed_by),
        }


def _parts(said: Said) -> Sequence[Part | None]:
    data = said.data
    return (
        _what_to_do(said),
        _eye(said, "right_eye", data.right),
        _eye(said, "left_eye", data.left),
        _danger(said),
        _whom_to_call(said),
        Part("only", "plain", said.line("only"), (said.line("only_text"),)),
    )


def _what_to_do(said: Said) -> Part:
    advice = said.data.advice
    heading, *rest = _advised(said)
    if advice.notes and not said.data.provisional:
        rest += [said.line(note) for note in ("pregnant", "in_care") if note in advice.notes]
    elif "pregnant" in advice.notes:
        rest.append(said.line("pregnant"))
    pressing, complaint = advice.at_once or advice.urgent, advice.rule in _BY_COMPLAINT
    return Part(
        "act", "act-now" if complaint or (pressing and not said.data.provisional) else "act", heading, tuple(rest)
    )


def _advised(said: Said) -> list[Line]:
    advice, provisional = said.data.advice, said.data.provisional
    conclusion = Conclusion(advice.conclusion)
    if advice.rule in _BY_COMPLAINT:
        return [said.line("do_at_once"), said.line(_BY_COMPLAINT[advice.rule])]
    if conclusion in (Conclusion.INCOMPLETE, Conclusion.EMPTY):
        return [said.line("do_again"), said.line("why_examination")]
    if provisional:
        waiting = [said.line("soon_wait"), said.line("soon_call")]
        return [said.line("soon_doctor"), *waiting] if conclusion is Conclusion.REFER else waiting
    if conclusion is Conclusion.REFER:
        if advice.at_once or advice.due_by is None:
            return [said.line("do_at_once"), said.line("why_referred")]
        return [said.line("do_urgent" if advice.urgent else "do_refer", advice.due_by), said.line("why_referred")]
    if conclusion is Conclusion.ROUTINE and advice.due_by is not None:
        return [said.line("do_routine", advice.due_by), said.line("why_routine")]
    if conclusion is Conclusion.EXAMINATION:
        return [said.line("do_examination"), said.line("why_examination")]
    return [said.line("soon_wait"), said.line("soon_call")]


def _eye(said: Said, name: str, eye: EyeSays) -> Part:
    final = not said.data.provisional
    steps = eye.grade + 1 if final and eye.seen is Seen.GRADED and eye.grade is not None else 0
    tone = f"g-{eye.grade}" if steps else "plain"
    return Part("eye", tone, said.line(name), tuple(said.line(key) for key in eye_keys(eye, final=final)), steps)


def eye_keys(eye: EyeSays, *, final: bool) -> tuple[str, ...]:
    """Give the keys of what is said of an eye; before a doctor has signed it is only what a doctor must look at."""
    by_state = {
        Seen.UNREADABLE: "found_unreadable",
        Seen.MISSING: "found_missing",
        Seen.NO_EYE: "found_no_eye",
        Seen.PENDING: "seen_pending",
        Seen.UNSURE: "seen_unsure",
        Seen.WAITING: "seen_waiting",
    }
    suspected = eye.dme is Dme.SUSPECTED
    if eye.seen is not Seen.GRADED or eye.grade is None:
        key = by_state.get(eye.seen, "found_unreadable")
        return (key, "found_macula") if suspected and final else (key,)
    if final:
        return (f"found_{eye.grade}", "found_macula") if suspected else (f"found_{eye.grade}",)
    return ("seen_disease" if suspected or eye.grade >= 2 else "seen_mild" if eye.grade == 1 else "seen_nothing",)


def _danger(said: Said) -> Part:
    signs = ("danger_loss", "danger_floaters", "danger_curtain", "danger_pain")
    return Part("danger", "danger", said.line("danger"), tuple(said.line(key) for key in signs), points=True)


def _whom_to_call(said: Said) -> Part:
    data = said.data
    where = (
        said.line("call_contact", clinic=data.clinic, contact=data.contact)
        if data.contact
        else said.line("call_clinic", clinic=data.clinic)
    )
    return Part("call", "plain", said.line("call"), (where,))
