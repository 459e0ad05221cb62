"""From rows to what is answered, and which answers a route may give."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any
from uuid import UUID

from retineye.accounts.models import ApiToken, User
from retineye.api.problems import Problem, ProblemOut
from retineye.api.program_schemas import DeliveryOut, TokenOut, WebhookOut
from retineye.api.schemas import ExamOut, GradeOut, Identifier, PatientOut, PhotographOut, ReportOut, VerdictOut
from retineye.clinic import shadow
from retineye.clinic.access import organisation_of
from retineye.clinic.blind import Sight, hidden_among
from retineye.clinic.eye import EyeResult
from retineye.clinic.facts import facts_of
from retineye.clinic.models import (
    Exam,
    Patient,
    Photograph,
    ReadState,
    Report,
    Review,
    Verdict,
    Webhook,
    WebhookDelivery,
)
from retineye.clinic.settings import settings_of
from retineye.clinic.signed import Signed
from retineye.grading.result import REASONS, Reason

EVERYWHERE = (
    Problem.BAD_REQUEST,
    Problem.NOT_AUTHENTICATED,
    Problem.FORBIDDEN,
    Problem.NOT_FOUND,
    Problem.INVALID,
    Problem.TOO_MANY_REQUESTS,
)
WRITING = (*EVERYWHERE, Problem.NOT_NOW, Problem.TOO_LARGE)


def answers(good: dict[int, Any], problems: Iterable[Problem] = EVERYWHERE) -> dict[int, Any]:
    """Give the table of a route's answers: the good ones, and a problem for each status that the codes have."""
    return {**good, **{problem.status: ProblemOut for problem in problems if problem.status not in good}}


def in_shadow(user: User) -> bool:
    """Say whether the person's clinic keeps verdicts to itself."""
    clinic = organisation_of(user)
    return clinic is not None and settings_of(clinic).shadow_mode


def kept_from(user: User, exams: Iterable[Exam]) -> frozenset[UUID]:
    """Give the ids of the exams whose verdicts the person may not see yet."""
    listed = list(exams)
    if in_shadow(user):
        return frozenset(exam.pk for exam in listed if exam.read_state != ReadState.SIGNED)
    return hidden_among(user, listed)


def patient_out(patient: Patient) -> PatientOut:
    """Show a patient."""
    numbers = [Identifier(system=one.system, value=one.value) for one in patient.identifiers.all()]
    return PatientOut(
        **{
            name: getattr(patient, name)
            for name in PatientOut.model_fields
            if name not in ("identifiers", "merged_into")
        },
        identifiers=numbers,
        merged_into=patient.merged_into_id,
    )


def exam_out(exam: Exam, *, hidden: bool) -> ExamOut:
    """Show an exam as lists have it."""
    return ExamOut(**exam_fields(exam, hidden=hidden))


def exam_fields(exam: Exam, *, hidden: bool) -> dict[str, Any]:
    """Give what lists show of an exam."""
    return {
        "id": exam.pk,
        "patient": exam.patient_id,
        "taken_on": exam.taken_on,
        "accession": exam.accession,
        "standing": None if hidden else exam.standing,
        "urgency": None if hidden else exam.urgency,
        "read_state": exam.read_state,
        "signed_at": exam.signed_at,
        "cancelled_at": exam.cancelled_at,
        "submitted_at": exam.submitted_at,
        "created_at": exam.created_at,
    }


def whole_exam(exam: Exam, sight: Sight, *, hidden: bool) -> dict[str, Any]:
    """Show an exam with its facts, photographs and result."""
    facts = facts_of(exam)
    return {
        **exam_fields(exam, hidden=hidden),
        "facts": {one.name: getattr(facts, one.name) for one in fields(facts)},
        "right_absence": exam.right_absence,
        "left_absence": exam.left_absence,
        "photographs": [photograph_out(one.photograph) for one in sight.pictures],
        "result": None if hidden else _result(sight),
        "provisional": not sight.signed,
    }


def _result(sight: Sight) -> dict[str, Any]:
    result = sight.outcome.patient
    return {
        "conclusion": result.conclusion.value,
        "headline": str(result.headline),
        "sentence": str(result.sentence),
        "urgency": result.urgency,
        "human_read": result.human_read,
        "due_by": result.due_by,
        "grade": None if result.grade is None else int(result.grade),
        "worse_eye": result.worse_eye.value if result.worse_eye else None,
        "rule": result.rule,
        "guideline": result.guideline.key,
        "guideline_version": result.guideline.version,
        "right": _eye(sight.outcome.right),
        "left": _eye(sight.outcome.left),
    }


def _eye(eye: EyeResult) -> dict[str, Any]:
    return {
        "status": eye.status.value,
        "grade": None if eye.grade is None else int(eye.grade),
        "uncertain": eye.uncertain,
        "dme_suspected": eye.dme_suspected,
    }


def photograph_out(photograph: Photograph) -> PhotographOut:
    """Show a photograph; whether it could be graded is no secret, for the photographer must know.

    But in a clinic that keeps its verdicts to itself: there it says only that the photograph is in.
    """
    photograph = shadow.shown(photograph)
    values = {name: getattr(photograph, name) for name in PhotographOut.model_fields if name != "exam"}
    return PhotographOut(**values, exam=photograph.exam_id)


def verdict_out(verdict: Verdict) -> VerdictOut:
    """Show a stored verdict in the fields of `retineye grade`."""
    reasons = [code for code in verdict.reasons if code in REASONS]
    return VerdictOut.model_validate(
        {
            "id": verdict.pk,
            "photograph": verdict.photograph_id,
            "created_at": verdict.created_at,
            "file": None,
            "sha256": verdict.photograph.sha256,
            "status": verdict.status,
            "reasons": verdict.reasons,
            "advice": Reason(reasons[0]).advice if reasons else "",
            "grade": verdict.grade,
            "grade_name": verdict.grade_name or None,
            "probabilities": verdict.probabilities,
            "expected_grade": verdict.expected_grade,
            "referable": _decision(verdict.referable_probability, verdict.referable),
            "vision_threatening": _decision(verdict.vision_threatening_probability, verdict.vision_threatening),
            "uncertain": verdict.uncertain,
            "quality": {"score": verdict.quality["score"], **verdict.quality["scores"]},
            "eye": verdict.photograph.eye,
            "seconds": round(float(verdict.timings.get("total", 0.0)), 4),
            "pack": {"id": verdict.pack_id, "sha256": verdict.pack_sha256},
            "error": None,
        }
    )


def _decision(probability: float | None, decision: bool | None) -> dict[str, float | bool] | None:
    return None if probability is None or decision is None else {"probability": probability, "decision": decision}


def grade_out(answer: dict[str, Any]) -> GradeOut:
    """Show the line of a photograph that was graded alone: exactly its keys."""
    return GradeOut(**{name: answer[name] for name in GradeOut.model_fields})


def review_out(review: Review, names: dict[Any, str]) -> dict[str, Any]:
    """Show a read."""
    shown: dict[str, Any] = {
        "id": review.pk,
        "kind": review.kind,
        "reader": names.get(review.reader_id, ""),
        "created_at": review.created_at,
    }
    for name in ("comment", "other_finding", "override_reason", "overrides"):
        shown[name] = getattr(review, name)
    shown["overrides"] &= not shadow.in_shadow(review.exam.patient.organisation_id)
    for eye in ("right", "left"):
        quality = getattr(review, f"{eye}_quality")
        shown[eye] = (
            quality
            and {
                "quality": quality,
                "grade": getattr(review, f"{eye}_grade"),
                "dme": getattr(review, f"{eye}_dme"),
                "features": review.features.get(eye, []),
            }
        ) or None
    return shown


def signature_out(signed: Signed | None) -> dict[str, Any] | None:
    """Show a signature that stands."""
    if signed is None:
        return None
    return {
        "id": signed.signature_id,
        "review": signed.review.pk,
        "signer": signed.signer,
        "signed_at": signed.signed_at,
        "amended": signed.amended,
        "addenda": [one.text for one in signed.addenda],
    }


def report_out(report: Report) -> ReportOut:
    """Show a report."""
    return ReportOut(
        **{name: getattr(report, name) for name in ReportOut.model_fields if name != "exam"}, exam=report.exam_id
    )


def token_out(token: ApiToken) -> TokenOut:
    """Show a token, without its text."""
    return TokenOut(**{name: getattr(token, name) for name in TokenOut.model_fields})


def webhook_out(webhook: Webhook) -> WebhookOut:
    """Show a webhook, without its secret."""
    return WebhookOut(**{name: getattr(webhook, name) for name in WebhookOut.model_fields})


def delivery_out(delivery: WebhookDelivery) -> DeliveryOut:
    """Show a message to a webhook."""
    return DeliveryOut(**{name: getattr(delivery, name) for name in DeliveryOut.model_fields})
