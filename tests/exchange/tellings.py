"""Exams as they are told to other systems, made by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from retineye.exchange.told import Dme, EyeTold, Person, Shot, Standing, Told
from retineye.grading.result import Eye, Grade

AT = datetime(2026, 11, 3, 10, 17, tzinfo=UTC)
EXAM = "5b0f7c52-6d3c-4c0d-9d53-0a6f3c9f2b11"
CLINIC = "0c6c9a52-2f0e-4f7c-8a15-6a3f0e7d1c22"
DOCTOR = "9a1b7c52-0d3c-4c0d-9d53-0a6f3c9f2b33"
_SHOTS = {Eye.RIGHT: "11111111-1111-4111-8111-111111111111", Eye.LEFT: "22222222-2222-4222-8222-222222222222"}


def shot(eye: Eye, grade: Grade | None, **changes: Any) -> Shot:
    """Tell of a photograph."""
    plain = Shot(
        id=_SHOTS[eye],
        eye=eye,
        field="macula",
        sha256="ab" * 32,
        mime="image/jpeg",
        width_px=720,
        height_px=480,
        bytes=12345,
        taken_at=AT,
        camera="Acme Fundus 45",
        graded=grade is not None,
        reasons=() if grade is not None else ("out_of_focus",),
        grade=grade,
        probabilities=(0.1, 0.1, 0.6, 0.1, 0.1) if grade is not None else (),
        original="",
        display="",
        heatmap="",
    )
    return replace(plain, **changes)


def eye(side: Eye, grade: Grade | None, *, machine: bool = True, **changes: Any) -> EyeTold:
    """Tell of an eye."""
    plain = EyeTold(
        eye=side,
        photographed=True,
        grade=grade,
        why_not="" if grade is not None else "Out of focus",
        readable=grade is not None,
        dme=Dme.NO_SIGN if grade is not None else Dme.CANNOT_JUDGE,
        probabilities=(0.1, 0.1, 0.6, 0.1, 0.1) if machine and grade is not None else (),
    )
    return replace(plain, **changes)


def told(right: Grade | None, left: Grade | None, *, signed: bool = False, **changes: Any) -> Told:
    """Tell of an exam."""
    worst = max((one for one in (right, left) if one is not None), default=None)
    plain = Told(
        exam_id=EXAM,
        order="ACC-1",
        taken_on=date(2026, 11, 3),
        taken_at=AT,
        clinic_id=CLINIC,
        clinic="Hill Clinic",
        patient=Person(
            id="33333333-3333-4333-8333-333333333333",
            number="A-17",
            identifiers=(("ST MARY", "99"),),
            name="Ana María Ruiz",
            birth_date=date(1968, 3, 5),
            birth_year=1968,
            sex="female",
            deceased_on=None,
        ),
        shots=(shot(Eye.RIGHT, right), shot(Eye.LEFT, left)),
        machine=(eye(Eye.RIGHT, right), eye(Eye.LEFT, left)),
        human=(eye(Eye.RIGHT, right, machine=False), eye(Eye.LEFT, left, machine=False)) if signed else (),
        standing=Standing.FINAL if signed else Standing.PRELIMINARY,
        revision="44444444-4444-4444-8444-444444444444+0" if signed else "unsigned",
        signer_id=DOCTOR if signed else "",
        signer="Dr Lee Okafor" if signed else "",
        signed_at=AT if signed else None,
        addenda=(),
        conclusion="Refer to an eye doctor, to be seen before 3 Feb 2027.",
        refer=worst is not None and worst >= Grade.MODERATE,
        urgent=False,
        due_by=date(2027, 2, 3),
        worse_eye=Eye.RIGHT,
        grade=worst,
        guideline="ICO 2017, high resource",
        rule="worse_eye",
        pack_id="retineye-1",
        pack_sha256="cd" * 32,
        version="0.1.0",
        made_at=AT,
        pdf=b"%PDF-1.7 test",
    )
    return replace(plain, **changes)
