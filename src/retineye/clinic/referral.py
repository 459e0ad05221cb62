"""Both eyes' readings become one result for the patient: what to do, by when, by which guideline. Pure.

The rules, by the code that a result carries:

======================  ============================================================================================
symptoms_at_once        The patient complains of something new in the eye: seen at once, whatever the photographs show.
low_acuity_at_once      An eye sees badly: seen at once, for a flat photograph does not show why.
no_photographs          Nothing was sent yet.
pending                 A photograph is still on its road.
worse_eye               The worse eye decides; of several findings the one with the shortest interval.
ungradable_not_normal   An eye that can not be read, or is missing, is never normal: take it again.
tried_twice             Two photographs of an eye were not gradable, or a reason was recorded: refer for examination.
uncertain_human_read    The network is unsure: a person reads, and the result is never "no retinopathy".
outside_intended_use    Under 18, pregnant, or treated before: a person reads, whatever the network says.
======================  ============================================================================================
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.utils.translation import gettext as _

from retineye.clinic.due import add_span, day
from retineye.clinic.eye import EyeResult, EyeStatus
from retineye.clinic.guidelines import AT_ONCE, FINDING_OF, Finding, Guideline, Refer, Row, Span
from retineye.clinic.intended_use import NO_CIRCUMSTANCES, Circumstances
from retineye.clinic.words import grade_name
from retineye.grading.result import Eye, Grade


class Conclusion(StrEnum):
    """What the result asks for."""

    EMPTY = "empty"
    PENDING = "pending"
    REFER = "refer"
    EXAMINATION = "examination"
    INCOMPLETE = "incomplete"
    HUMAN_READ = "human_read"
    ROUTINE = "routine"


class Note(StrEnum):
    """What else is to be known with a result; each has its words in every language of the reports."""

    UNSURE = "unsure"
    UNDER_AGE = "under_age"
    PREGNANT = "pregnant"
    TREATED = "treated"
    RIGHT_UNREADABLE = "right_unreadable"
    LEFT_UNREADABLE = "left_unreadable"
    READER_CONFIRMS = "reader_confirms"
    IN_CARE = "in_care"


AT_ONCE_URGENCY = 6
"""Urgency of a patient who is to be seen at once."""


@dataclass(frozen=True, slots=True)
class PatientResult:
    """The patient's result, by the worse eye."""

    conclusion: Conclusion
    headline: str
    """What to do, in a few words."""
    sentence: str
    """What to do and why, by when."""
    urgency: int
    """0 nothing presses, 1 incomplete, 2 a person must look, 3 refer, 4 within three months, 5 urgent, 6 at once."""
    guideline: Guideline
    rule: str
    """Code of the rule that fired."""
    due_by: date | None = None
    """To be seen before this day; counted from the day of the photographs."""
    interval: tuple[Span, Span] | None = None
    """The guideline's interval, shortest and longest; None where nothing was read, or a complaint overrides it."""
    unsure: bool = False
    """The network was unsure of an eye, so a person must read it, whatever else is to do."""
    human_read: bool = False
    """A person must read the photographs before anything is told: unsure, or outside the intended use."""
    worse_eye: Eye | None = None
    finding: Finding | None = None
    """Row of the guideline's table."""
    grade: Grade | None = None
    """The worse eye's grade."""
    notes: tuple[Note, ...] = ()
    circumstances: Circumstances = NO_CIRCUMSTANCES

    @property
    def at_once(self) -> bool:
        """Say whether the patient is to be seen without delay."""
        return self.urgency >= AT_ONCE_URGENCY


@dataclass(frozen=True, slots=True)
class _Case:
    right: EyeResult
    left: EyeResult
    guideline: Guideline
    taken_on: date
    circumstances: Circumstances
    signed: bool

    @property
    def eyes(self) -> tuple[EyeResult, EyeResult]:
        return (self.right, self.left)

    @property
    def unsure(self) -> bool:
        return any(eye.uncertain for eye in self.eyes)

    @property
    def outside(self) -> bool:
        return self.circumstances.outside_intended_use and not self.signed

    @property
    def empty(self) -> bool:
        return all(eye.status in (EyeStatus.MISSING, EyeStatus.ABSENT) and not eye.given_up for eye in self.eyes)

    @property
    def pending(self) -> bool:
        return any(eye.status is EyeStatus.PENDING for eye in self.eyes)

    @property
    def all_seen(self) -> bool:
        """Say whether both eyes are read and nothing calls for another look at them."""
        return all(eye.readable for eye in self.eyes) and not self.unsure and not self.outside

    def findings(self, eye: EyeResult) -> list[Finding]:
        found = [FINDING_OF[eye.severity]] if eye.severity is not None else []
        if eye.dme_suspected:
            found.append(Finding.DME_SUSPECTED)
        if found and eye.eye in self.circumstances.treated_eyes and Finding.TREATED_STABLE in self.guideline.rows:
            found.append(Finding.TREATED_STABLE)
        return found

    def deciding(self) -> tuple[EyeResult, Finding, Row] | None:
        """Give the eye and the finding with the shortest interval, and its row: of equal intervals the worse eye's."""
        found = [
            (eye, finding, self.guideline.rows[finding])
            for eye in self.eyes
            if eye.severity is not None or eye.dme_suspected
            for finding in self.findings(eye)
        ]
        return min(found, key=lambda one: (*one[2].order, -(one[0].severity or 0)), default=None)

    def notes(self) -> tuple[Note, ...]:
        known = self.circumstances
        wanted = (
            (Note.UNSURE, self.unsure),
            (Note.UNDER_AGE, known.under_age),
            (Note.PREGNANT, known.pregnant),
            (Note.TREATED, bool(known.treated_eyes)),
            (Note.READER_CONFIRMS, self.guideline.reader_must_confirm and not self.signed),
        )
        return tuple(note for note, holds in wanted if holds)


def patient_result(
    right: EyeResult,
    left: EyeResult,
    guideline: Guideline,
    taken_on: date,
    circumstances: Circumstances | None = None,
    *,
    signed: bool = False,
) -> PatientResult:
    """Give the one result of both eyes, by the rules at the top of this file.

    1. A complaint, or an eye that sees badly, is seen at once.
    2. Wait until every photograph has its verdict.
    3. An eye that calls for an eye doctor decides, whatever the other one is.
    4. An eye that is not readable is never normal: take it again; after two tries, or where a reason was recorded,
       refer for examination.
    5. An eye that the network is unsure of, and a patient outside the intended use, goes to a person.
    6. Else the guideline's interval, of the worse eye.

    Parameters
    ----------
    taken_on
        The day of the photographs; the due date counts from it.
    circumstances
        What is known of the patient beyond the photographs.
    signed
        A doctor has read and signed what the eyes say, so nothing needs a human read any more.
    """
    case = _Case(right, left, guideline, taken_on, circumstances or NO_CIRCUMSTANCES, signed)
    if case.circumstances.override:
        return _at_once(case)
    if case.empty:
        return _plain(case, Conclusion.EMPTY, _("No photographs yet"), _empty_sentence(case), 0, "no_photographs")
    if case.pending:
        words = _("The result shows here in a few seconds.")
        return _plain(case, Conclusion.PENDING, _("Being graded"), words, 0, "pending")
    if any(eye.referable for eye in case.eyes):
        return _refer(case)
    unread = [eye for eye in case.eyes if not eye.readable]
    again = [eye for eye in unread if not eye.given_way]
    if again:
        return _incomplete(case, again)
    if unread:
        return _examination(case, unread)
    if case.unsure or case.outside:
        return _human_read(case)
    return _routine(case)


def _plain(case: _Case, conclusion: Conclusion, headline: str, sentence: str, urgency: int, rule: str) -> PatientResult:
    return PatientResult(
        conclusion,
        headline,
        sentence,
        urgency,
        case.guideline,
        rule,
        unsure=case.unsure,
        human_read=case.unsure or case.outside,
        notes=case.notes(),
        circumstances=case.circumstances,
    )


def _empty_sentence(case: _Case) -> str:
    return " ".join(eye.advice for eye in case.eyes if eye.advice) or _("There is no eye to photograph.")


def _at_once(case: _Case) -> PatientResult:
    known, deciding = case.circumstances, case.deciding()
    headline = _("Refer to an eye doctor at once")
    notes = [_("New symptoms can not wait.")] if known.symptoms else []
    low = [eye for eye in case.eyes if eye.eye in known.low_acuity_eyes]
    if low:
        notes.append(_("%(eyes)s sees badly.") % {"eyes": _first(_eyes(low))})
    if case.empty:
        notes.append(_("No photographs yet."))
    elif case.pending:
        notes.append(_("The photographs are being graded."))
    elif deciding is not None and (deciding[1] is not Finding.NO_DR or case.all_seen):
        notes.append(_("In the photographs: %(what)s.") % {"what": _what(case, deciding[0], deciding[1])})
    notes += _clinician_reads(case) + _unreadable(case)
    return PatientResult(
        Conclusion.REFER,
        headline,
        f"{headline}: {' '.join(notes)}",
        AT_ONCE_URGENCY,
        case.guideline,
        "symptoms_at_once" if known.symptoms else "low_acuity_at_once",
        due_by=add_span(case.taken_on, AT_ONCE),
        unsure=case.unsure,
        human_read=case.unsure or case.outside,
        worse_eye=deciding[0].eye if deciding else low[0].eye if low else None,
        finding=deciding[1] if deciding else None,
        grade=deciding[0].grade if deciding else None,
        notes=(*case.notes(), *_unreadable_notes(case)),
        circumstances=known,
    )


def _refer(case: _Case) -> PatientResult:
    deciding = case.deciding()
    assert deciding is not None  # noqa: S101  an eye is referable by its severity or its macula
    eye, finding, row = deciding
    due = add_span(case.taken_on, row.shortest)
    headline = _("Refer to an eye doctor urgently") if row.urgent else _("Refer to an eye doctor")
    if row.shortest == AT_ONCE:
        headline = _("Refer to an eye doctor at once")
    notes = [f"{_what(case, eye, finding)}.", *_clinician_reads(case), *_confirms(case, eye), *_unreadable(case)]
    words = {"headline": headline, "day": day(due), "notes": " ".join(notes)}
    sentence = _("%(headline)s, to be seen before %(day)s: %(notes)s") % words
    if row.shortest == AT_ONCE:
        sentence = f"{headline}: {words['notes']}"
    near = row.longest.days <= Span(3, "months").days
    urgency = AT_ONCE_URGENCY if row.shortest == AT_ONCE else 5 if row.urgent else 4 if near else 3
    return _found(case, deciding, Conclusion.REFER, headline, sentence, urgency, _unreadable_notes(case))


def _found(
    case: _Case,
    deciding: tuple[EyeResult, Finding, Row],
    conclusion: Conclusion,
    headline: str,
    sentence: str,
    urgency: int,
    notes: tuple[Note, ...] = (),
) -> PatientResult:
    eye, finding, row = deciding
    return PatientResult(
        conclusion,
        headline,
        sentence,
        urgency,
        case.guideline,
        "worse_eye",
        due_by=add_span(case.taken_on, row.shortest),
        interval=(row.shortest, row.longest),
        unsure=case.unsure,
        human_read=case.unsure or case.outside,
        worse_eye=eye.eye,
        finding=finding,
        grade=eye.grade,
        notes=(*case.notes(), *notes),
        circumstances=case.circumstances,
    )


def _incomplete(case: _Case, again: list[EyeResult]) -> PatientResult:
    words = {"eyes": _eyes(again)}
    seen = all(eye.status is not EyeStatus.MISSING for eye in again)
    headline = (
        _("Incomplete: %(eyes)s to be photographed again") % words
        if seen
        else _("Incomplete: %(eyes)s to be photographed still") % words
    )
    sentence = " ".join([f"{headline}.", *dict.fromkeys(eye.advice for eye in again if eye.advice)])
    return _plain(case, Conclusion.INCOMPLETE, headline, sentence, 1, "ungradable_not_normal")


def _examination(case: _Case, unread: list[EyeResult]) -> PatientResult:
    headline = _("Refer for examination")
    why = _("%(eyes)s could not be photographed well enough to judge.") % {"eyes": _eyes(unread)}
    return _plain(case, Conclusion.EXAMINATION, headline, f"{headline}: {why}", 2, "tried_twice")


def _human_read(case: _Case) -> PatientResult:
    headline = _("A clinician must read the photographs")
    unsure = [eye for eye in case.eyes if eye.uncertain]
    why = [_("the network is unsure of %(eyes)s") % {"eyes": _eyes(unsure)}] if unsure else []
    if case.outside:
        known = case.circumstances
        why += [_("the patient may be under 18")] if known.under_age else []
        why += [_("the patient is pregnant")] if known.pregnant else []
        why += [_("an eye was treated before")] if known.treated_eyes else []
    rule = "uncertain_human_read" if unsure else "outside_intended_use"
    return _plain(case, Conclusion.HUMAN_READ, headline, f"{headline}: {', '.join(why)}.", 2, rule)


def _routine(case: _Case) -> PatientResult:
    deciding = case.deciding()
    assert deciding is not None  # noqa: S101  both eyes are readable and one at least is graded
    eye, finding, row = deciding
    due = add_span(case.taken_on, row.shortest)
    headline = _("Next photographs in %(time)s") % {"time": row.shortest.words}
    notes = [f"{_what(case, eye, finding)}.", *_confirms(case, eye)]
    in_care = row.referral is Refer.IN_CARE
    if in_care:
        notes.append(_("The patient stays under the eye doctor."))
    if case.circumstances.pregnant:
        notes.append(_("Pregnancy needs closer watch: the doctor sets the time."))
    words = {"headline": headline, "day": day(due), "notes": " ".join(notes)}
    sentence = _("%(headline)s, before %(day)s: %(notes)s") % words
    return _found(case, deciding, Conclusion.ROUTINE, headline, sentence, 0, (Note.IN_CARE,) if in_care else ())


def _what(case: _Case, eye: EyeResult, finding: Finding) -> str:
    if finding is Finding.NO_DR:
        return _("no sign of diabetic retinopathy in the photographs supplied")
    words = {"finding": _finding_name(eye, finding), "eye": _eyes([eye])}
    other = case.left if eye is case.right else case.right
    if other.grade is not None and other.grade < (eye.grade or 0):
        return _("%(finding)s in %(eye)s, the worse one") % words
    return _("%(finding)s in %(eye)s") % words


def _finding_name(eye: EyeResult, finding: Finding) -> str:
    if finding is Finding.DME_SUSPECTED:
        return _("macular oedema suspected")
    if finding is Finding.TREATED_STABLE:
        return _("treated before, with %(grade)s") % {"grade": grade_name(eye.grade) if eye.grade is not None else ""}
    if eye.grade is not None and eye.severity is not None and eye.grade < eye.severity:
        return _("%(grade)s or worse can not be ruled out") % {"grade": grade_name(eye.severity)}
    return grade_name(eye.grade) if eye.grade is not None else ""


def _clinician_reads(case: _Case) -> list[str]:
    if case.unsure:
        return [_("The network is unsure, so a clinician reads the photographs before the patient is told.")]
    if case.outside:
        return [_("The patient is outside the intended use, so a clinician reads before the patient is told.")]
    return []


def _confirms(case: _Case, eye: EyeResult) -> list[str]:
    if not case.guideline.reader_must_confirm or case.signed or eye.severity is None:
        return []
    words = {"grade": int(eye.severity), "name": case.guideline.name}
    return [_("ICDR grade %(grade)d, %(name)s recall: the reader must confirm.") % words]


def _unreadable(case: _Case) -> list[str]:
    if case.empty or case.pending:
        return []
    return [_("%(eyes)s is not readable.") % {"eyes": _first(_eyes([eye]))} for eye in case.eyes if not eye.readable]


def _unreadable_notes(case: _Case) -> tuple[Note, ...]:
    names = {Eye.RIGHT: Note.RIGHT_UNREADABLE, Eye.LEFT: Note.LEFT_UNREADABLE}
    return () if case.empty else tuple(names[eye.eye] for eye in case.eyes if not eye.readable)


def _eyes(eyes: list[EyeResult]) -> str:
    if len(eyes) == 2:
        return _("both eyes")
    return _("the right eye") if eyes[0].eye is Eye.RIGHT else _("the left eye")


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]
