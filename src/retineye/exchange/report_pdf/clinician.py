"""The full report for a clinician: what holds and why, both reads side by side, each photograph with its heatmap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from retineye.clinic.referral import Conclusion
from retineye.exchange.report_pdf.content import Dme, EyeSays, Picture, ReportData, Seen
from retineye.exchange.report_pdf.paper import css_of, html_of, pdf_of

_SEEN = {
    Seen.UNSURE: "c_unsure",
    Seen.UNREADABLE: "c_ungradable",
    Seen.MISSING: "c_missing",
    Seen.NO_EYE: "c_no_eye",
    Seen.PENDING: "c_pending",
    Seen.WAITING: "c_not_read",
}
_DME = {Dme.SUSPECTED: "c_dme_suspected", Dme.NO_SIGN: "c_dme_no_sign", Dme.CANNOT_JUDGE: "c_dme_cannot_judge"}
_CONCLUSION = {
    Conclusion.ROUTINE: "c_routine",
    Conclusion.EXAMINATION: "c_examination",
    Conclusion.INCOMPLETE: "c_incomplete",
    Conclusion.EMPTY: "c_incomplete",
    Conclusion.HUMAN_READ: "c_human_read",
    Conclusion.PENDING: "c_pending",
}
_COLOURS = ("#4d9a83", "#8f8931", "#b37719", "#a34d10", "#871d30")
_FIELDS = {"macula": "c_macula_centred", "disc": "c_disc_centred"}


@dataclass(frozen=True, slots=True)
class Bar:
    """The probability of one grade."""

    name: SafeString
    percent: str
    width: str
    """Of the bar, 0-100."""
    colour: str
    top: bool


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph, ready for the page."""

    source: str
    heatmap: str
    title: SafeString
    says: tuple[SafeString, ...]
    chips: tuple[SafeString, ...]
    bars: tuple[Bar, ...]
    reasons: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of both eyes."""

    name: SafeString
    right: SafeString
    left: SafeString
    strong: bool = False


def clinician_report(data: ReportData) -> bytes:
    """Give the PDF."""
    words = Words(data)
    pictures: dict[str, bytes] = {}
    for number, picture in enumerate(data.pictures):
        pictures[f"photo-{number}"] = picture.jpeg
        if picture.heatmap_png:
            pictures[f"map-{number}"] = picture.heatmap_png
    shown: dict[str, Any] = {
        "data": data,
        "texts": data.texts,
        "w": words.all(),
        "headline": _headline(words),
        "rule": words.say(f"c_rule_{data.advice.rule}"),
        "notes": [words.say(f"c_note_{note}") for note in data.advice.notes],
        "interval": _interval(words),
        "worse_eye": words.say(f"c_{data.advice.worse_eye}") if data.advice.worse_eye else "",
        "rows": _rows(words),
        "facts": _facts(words),
        "shots": [_shot(words, number, picture) for number, picture in enumerate(data.pictures)],
        "packs": sorted({(one.pack, one.pack_sha256[:12]) for one in data.pictures if one.pack}),
        "signed": words.day("c_signed", data.signature.at.date(), name=data.signature.name) if data.signature else "",
        "addenda": [(words.day("c_addendum", one.at.date(), name=one.name), one.text) for one in data.addenda],
        "report": words.day("c_report", data.made_on, number=data.number),
        "exam_day": words.written(data.taken_on),
    }
    return pdf_of(html_of("clinician.html", shown), css_of("clinician.css"), pictures)


class Words:
    """Says things in the report's language, with the English small beside it where nobody reviewed the language."""

    def __init__(self, data: ReportData) -> None:
        self.data = data

    def say(self, key: str, **blanks: str) -> SafeString:
        """Give a sentence."""
        return self._both(self.data.texts.say(key, **blanks), self.data.english.say(key, **blanks))

    def day(self, key: str, day: Any, **blanks: str) -> SafeString:
        """Give a sentence with a day, written out in each language."""
        texts, english = self.data.texts, self.data.english
        return self._both(
            texts.say(key, date=texts.day(day), **blanks), english.say(key, date=english.day(day), **blanks)
        )

    def written(self, day: Any) -> SafeString:
        """Write a day out."""
        return self._both(self.data.texts.day(day), self.data.english.day(day))

    def _both(self, text: str, english: str) -> SafeString:
        if self.data.beside and text != english:
            return format_html('{} <span class="en" lang="en">\u2066{}\u2069</span>', text, english)
        return format_html("{}", text)

    def all(self) -> Mapping[str, SafeString]:
        """Give every sentence that has no blank, by key."""
        return {key: self.say(key) for key, text in self.data.texts.sentences.items() if "{" not in text}


def _headline(words: Words) -> SafeString:
    advice = words.data.advice
    if advice.conclusion != Conclusion.REFER:
        key = _CONCLUSION[Conclusion(advice.conclusion)]
        return words.day(key, advice.due_by) if advice.due_by else words.say(key)
    if advice.at_once or advice.due_by is None:
        return words.say("c_refer_at_once")
    return words.day("c_refer_urgent" if advice.urgent else "c_refer", advice.due_by)


def _interval(words: Words) -> SafeString | str:
    shortest, _slash, longest = words.data.advice.interval.partition("/")
    if not shortest:
        return ""
    if shortest == "at once":
        return words.say("c_at_once")
    count, unit = shortest.split()
    last = longest.split()[0]
    if unit.startswith("month"):
        return words.say("c_month") if (count, last) == ("1", "1") else words.say("c_months", n=_span(count, last))
    return words.say("c_weeks", n=_span(count, last))


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first}–{last}"


def _finding(words: Words, seen: Seen, grade: int | None, dme: Dme) -> SafeString:
    if seen is Seen.NO_EYE:
        return words.say("c_no_eye")
    parts = [words.say(_SEEN[seen])] if seen is not Seen.GRADED else []
    if grade is not None and (seen is Seen.GRADED or grade > 0):
        parts.insert(0, words.say(f"c_grade_{grade}"))
    if seen in (Seen.GRADED, Seen.UNSURE) or dme is Dme.SUSPECTED:
        parts.append(words.say(_DME[dme]))
    return _lines(parts)


def _lines(parts: Sequence[SafeString]) -> SafeString:
    joined = parts[0] if parts else format_html("")
    for part in parts[1:]:
        joined = format_html("{}<br>{}", joined, part)
    return joined


def _rows(words: Words) -> list[Row]:
    data = words.data
    eyes = (data.right, data.left)

    def row(key: str, pair: Sequence[SafeString | str], *, strong: bool = False) -> Row:
        right, left = (format_html("{}", one) for one in pair)
        return Row(words.say(key), right, left, strong)

    unread = words.say("c_not_read")
    rows = [
        row("c_doctor", [_finding(words, eye.seen, eye.grade, eye.dme) for eye in eyes], strong=True)
        if data.signature
        else row("c_doctor", (unread, unread)),
        row("c_software", [_finding(words, eye.machine_seen, eye.machine_grade, eye.machine_dme) for eye in eyes]),
    ]
    return rows + _fact_rows(words, row)


def _fact_rows(words: Words, row: Any) -> list[Row]:
    facts = words.data.facts
    rows = []
    if facts.right_acuity or facts.left_acuity:
        rows.append(row("c_acuity", (facts.right_acuity, facts.left_acuity)))
    treated = [facts.right_treated, facts.left_treated]
    if any(treated):
        rows.append(row("c_treated", [_lines([words.say(f"c_{one}") for one in eye]) for eye in treated]))
    if facts.right_dilated or facts.left_dilated:
        yes = words.say("c_yes")
        rows.append(row("c_dilated", [yes if eye else "" for eye in (facts.right_dilated, facts.left_dilated)]))
    return rows


def _facts(words: Words) -> list[tuple[SafeString, SafeString]]:
    facts = words.data.facts
    found = []
    diabetes = []
    if facts.diabetes_type in ("type1", "type2", "gestational", "other"):
        diabetes.append(words.say(f"c_{facts.diabetes_type}"))
    if facts.diabetes_year:
        diabetes.append(words.say("c_since", year=str(facts.diabetes_year)))
    if diabetes:
        found.append((words.say("c_diabetes"), _lines(diabetes)))
    if facts.hba1c:
        found.append((words.say("c_hba1c"), format_html("{}", facts.hba1c)))
    symptoms = [words.say("c_other_symptom" if code == "other" else f"c_{code}") for code in facts.symptoms]
    if facts.symptoms_other:
        symptoms.append(format_html("{}", facts.symptoms_other))
    found.append((words.say("c_symptoms"), _lines(symptoms) if symptoms else words.say("c_none")))
    if facts.pregnant:
        found.append((words.say("c_pregnant"), words.say("c_yes")))
    return found


def _shot(words: Words, number: int, picture: Picture) -> Shot:
    title = words.say(f"c_{picture.eye}")
    if picture.field in _FIELDS:
        title = format_html("{}, {}", title, words.say(_FIELDS[picture.field]))
    eye = EyeSays(Seen.GRADED if picture.grade is not None else Seen.UNREADABLE, picture.grade, picture.dme)
    wanted = (
        ("c_referable", picture.referable),
        ("c_vision_threatening", picture.vision_threatening),
        ("c_unsure", picture.uncertain),
    )
    tallest = max(picture.probabilities, default=0.0)
    return Shot(
        source=f"picture:photo-{number}",
        heatmap=f"picture:map-{number}" if picture.heatmap_png else "",
        title=title,
        says=(_finding(words, eye.seen, eye.grade, eye.dme),),
        chips=tuple(words.say(key) for key, holds in wanted if holds),
        bars=tuple(
            Bar(words.say(f"c_grade_{grade}"), _percent(one), f"{100 * one:.1f}", _COLOURS[grade], top=one == tallest)
            for grade, one in enumerate(picture.probabilities)
        ),
        reasons=", ".join(picture.reasons),
        picture=picture,
    )


def _percent(probability: float) -> str:
    if 0 < probability < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < probability < 1 else f"{100 * probability:.0f} %"
