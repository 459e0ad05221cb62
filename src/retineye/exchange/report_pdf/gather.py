"""From the rows of an exam to what its reports say."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from django.db.models.fields.files import FieldFile
from django.utils import timezone
from PIL import Image

from retineye.clinic.eye import EyeResult, EyeStatus
from retineye.clinic.models import Exam, Patient, Report, State, Verdict
from retineye.clinic.outcome import Outcome, Pictured
from retineye.clinic.referral import AT_ONCE_URGENCY, Conclusion, PatientResult
from retineye.clinic.report_texts import ENGLISH, Texts, texts_of
from retineye.clinic.settings import settings_of, today_at
from retineye.exchange.report_pdf.content import (
    Addendum,
    Advice,
    Dme,
    EyeSays,
    Facts,
    Picture,
    ReportData,
    Seen,
    Signature,
)
from retineye.exchange.report_pdf.signed import SignedRead
from retineye.grading.result import REASONS, Eye, Reason

PRINTED_PX = 1100
"""Longer side of a photograph on paper; at 57 mm that is almost 500 dots an inch."""
_MAP_PX = 500

_SEEN = {
    EyeStatus.MISSING: Seen.MISSING,
    EyeStatus.ABSENT: Seen.NO_EYE,
    EyeStatus.PENDING: Seen.PENDING,
    EyeStatus.UNGRADABLE: Seen.UNREADABLE,
    EyeStatus.INCOMPLETE: Seen.UNREADABLE,
    EyeStatus.GRADED: Seen.GRADED,
}


def gather(
    exam: Exam,
    machine: Outcome,
    pictures: Iterable[Pictured],
    read: SignedRead | None,
    *,
    kind: Report.Kind,
    language: str,
    number: str,
) -> ReportData:
    """Give what a report of the exam says.

    Parameters
    ----------
    machine
        What the software makes of the photographs.
    read
        What a doctor has signed; None before that.
    number
        As it is printed.
    """
    patient, organisation = exam.patient, exam.patient.organisation
    texts = texts_of(organisation, language)
    decided = settings_of(organisation)
    full = kind == Report.Kind.CLINICIAN
    hidden = decided.shadow_mode and read is None
    return ReportData(
        texts=texts,
        english=texts_of(organisation, ENGLISH),
        number=number,
        made_on=today_at(organisation),
        clinic=organisation.name,
        contact=" ".join(decided.report_contact.split()),
        patient=patient.name,
        born=_born(patient, texts),
        local_id=patient.local_id,
        taken_on=exam.taken_on,
        accession=exam.accession if full else "",
        right=_eye(machine.right, read, hidden=hidden),
        left=_eye(machine.left, read, hidden=hidden),
        advice=_advice(read.outcome.patient if read else machine.patient, hidden=hidden),
        signature=Signature(read.name, timezone.localtime(read.at)) if read else None,
        pictures=tuple(_pictures(pictures, hidden=hidden)) if full else (),
        facts=_facts(exam) if full else Facts(),
        comment=read.comment if read and full else "",
        other_finding=read.other_finding if read and full else "",
        override_reason=read.override_reason if read and full else "",
        addenda=tuple(Addendum(one.text, one.name, timezone.localtime(one.at)) for one in read.addenda)
        if read and full
        else (),
    )


def _born(patient: Patient, texts: Texts) -> str:
    if patient.birth_date:
        return texts.day(patient.birth_date)
    return str(patient.birth_year or "")


def _seen(eye: EyeResult) -> Seen:
    # An incomplete eye in which disease was found still says so; one without a finding is not read.
    if eye.status is EyeStatus.INCOMPLETE and eye.grade:
        return Seen.UNSURE if eye.uncertain else Seen.GRADED
    seen = _SEEN[eye.status]
    return Seen.UNSURE if seen is Seen.GRADED and eye.uncertain else seen


def _dme(eye: EyeResult) -> Dme:
    if eye.dme_suspected:
        return Dme.SUSPECTED
    return Dme.NO_SIGN if eye.macula_judged else Dme.CANNOT_JUDGE


def _grade(eye: EyeResult) -> int | None:
    return None if eye.severity is None else int(eye.severity)


def _eye(machine: EyeResult, read: SignedRead | None, *, hidden: bool) -> EyeSays:
    if hidden:
        waiting = machine.status in (EyeStatus.GRADED, EyeStatus.PENDING, EyeStatus.INCOMPLETE, EyeStatus.UNGRADABLE)
        seen = Seen.WAITING if waiting else _seen(machine)
        return EyeSays(seen, machine_seen=seen)
    if read is None:
        seen, grade, dme = _seen(machine), _grade(machine), _dme(machine)
        return EyeSays(seen, grade, dme, seen, grade, dme)
    final = read.outcome.right if machine.eye is Eye.RIGHT else read.outcome.left
    return EyeSays(
        _seen(final),
        _grade(final),
        _dme(final),
        _seen(machine),
        None if machine.grade is None else int(machine.grade),
        _dme(machine),
    )


def _advice(result: PatientResult, *, hidden: bool) -> Advice:
    told_anyway = result.rule in ("symptoms_at_once", "low_acuity_at_once")
    if hidden and not told_anyway:
        return Advice(
            Conclusion.HUMAN_READ.value, "uncertain_human_read", False, False, None, "", result.guideline.title
        )
    row = result.guideline.rows[result.finding] if result.finding and result.interval else None
    return Advice(
        conclusion=result.conclusion.value,
        rule=result.rule,
        urgent=bool(row and row.urgent and row.refer) and result.conclusion is Conclusion.REFER,
        at_once=result.urgency >= AT_ONCE_URGENCY,
        due_by=result.due_by,
        interval="/".join(str(span) for span in result.interval or ()),
        guideline=result.guideline.title,
        notes=tuple(note.value for note in result.notes),
        worse_eye=result.worse_eye.value if result.worse_eye else "",
    )


def _facts(exam: Exam) -> Facts:
    patient = exam.patient
    unit = exam.get_hba1c_unit_display() if exam.hba1c_unit else ""
    return Facts(
        diabetes_type=patient.diabetes_type,
        diabetes_year=patient.diabetes_year,
        hba1c=f"{exam.hba1c:g} {unit}".strip() if exam.hba1c is not None else "",
        right_acuity=exam.right_acuity,
        left_acuity=exam.left_acuity,
        symptoms=tuple(exam.symptoms),
        symptoms_other=exam.symptoms_other,
        right_treated=tuple(exam.treated.get("right") or ()),
        left_treated=tuple(exam.treated.get("left") or ()),
        pregnant=bool(exam.pregnant),
        right_dilated=bool(exam.right_dilated),
        left_dilated=bool(exam.left_dilated),
    )


def _pictures(pictures: Iterable[Pictured], *, hidden: bool) -> Iterable[Picture]:
    order = {"right": 0, "left": 1}
    fields = {"macula": 0, "unknown": 1, "disc": 2}
    shown = [one for one in pictures if one.photograph.display and State(one.photograph.state).final]
    for one in sorted(shown, key=lambda one: (order[one.photograph.eye], fields[one.photograph.field])):
        verdict = None if hidden else one.verdict
        yield _picture(one, verdict)


def _picture(one: Pictured, verdict: Verdict | None) -> Picture:
    photograph = one.photograph
    known: dict[str, Any] = {"grade": None, "probabilities": (), "reasons": (), "pack": "", "pack_sha256": ""}
    heatmap, graded_at, dme = b"", None, Dme.CANNOT_JUDGE
    if verdict is not None:
        known = {
            "grade": verdict.grade,
            "probabilities": tuple(verdict.probabilities or ()),
            "reasons": tuple(REASONS[Reason(code)][0] for code in verdict.reasons),
            "pack": verdict.pack_id,
            "pack_sha256": verdict.pack_sha256,
        }
        heatmap = _heatmap(verdict.heatmap)
        graded_at = timezone.localtime(verdict.created_at)
        if verdict.dme_suspected is not None:
            dme = Dme.SUSPECTED if verdict.dme_suspected else Dme.NO_SIGN
    return Picture(
        eye=photograph.eye,
        field=photograph.field,
        jpeg=_printed(photograph.display),
        heatmap_png=heatmap,
        referable=bool(verdict and verdict.referable),
        vision_threatening=bool(verdict and verdict.vision_threatening),
        uncertain=bool(verdict and verdict.uncertain),
        dme=dme,
        graded_at=graded_at,
        **known,
    )


def _printed(file: FieldFile) -> bytes:
    with file.open("rb") as opened, Image.open(opened) as picture:
        small = picture.convert("RGB")
        small.thumbnail((PRINTED_PX, PRINTED_PX), Image.Resampling.LANCZOS)
        out = BytesIO()
        small.save(out, "JPEG", quality=88)
        return out.getvalue()


def _heatmap(file: FieldFile) -> bytes:
    if not file or not file.storage.exists(file.name or ""):
        return b""
    with file.open("rb") as opened, Image.open(opened) as picture:
        small = picture.convert("RGBA")
        small.thumbnail((_MAP_PX, _MAP_PX), Image.Resampling.BILINEAR)
        out = BytesIO()
        small.save(out, "PNG")
        return out.getvalue()
