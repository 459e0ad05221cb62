"""Patients."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status
from pydantic import Field

from retineye.accounts import audit
from retineye.accounts.models import User
from retineye.accounts.policy import Right, require
from retineye.accounts.tokens import Scope
from retineye.api.answers import EVERYWHERE, WRITING, answers, patient_out
from retineye.api.auth import Token, user_of
from retineye.api.paging import Page, Paging, page
from retineye.api.problems import Problem, ProblemError
from retineye.api.schemas import Id, NewPatient, PatientChange, PatientOut, Text
from retineye.clinic import patients as verbs
from retineye.clinic.access import patients_for, records_for
from retineye.clinic.models import Patient

router = Router(tags=["patients"])


class Wanted(Paging):
    """Which patients."""

    q: Annotated[Text, Field(max_length=200)] = ""
    """Words of the name, a number or a date of birth; at most 50 are found, and on one page."""


@router.get(
    "", response=answers({200: Page[PatientOut]}), auth=Token(Scope.PATIENTS_READ), operation_id="list_patients"
)
def list_patients(request: HttpRequest, wanted: Query[Wanted]) -> Any:
    """List patients, who was added first comes first; or find some by name, number or date of birth."""
    user = user_of(request)
    require(user, Right.VIEW_PATIENTS)
    audit.record(audit.Action.PATIENTS_SEARCHED, actor=user, organisation=user.membership.organisation_id)
    if wanted.q.strip():
        return {"items": [patient_out(one) for one in verbs.find_patients(user, wanted.q)], "next": None}
    rows = patients_for(user).prefetch_related("identifiers")
    return page(rows, wanted, ("created_at", "id"), lambda found: [patient_out(one) for one in found])


@router.post(
    "",
    response=answers({201: PatientOut}, (*WRITING, Problem.POSSIBLE_DUPLICATE)),
    auth=Token(Scope.PATIENTS_WRITE),
    operation_id="add_patient",
)
def add_patient(request: HttpRequest, body: NewPatient) -> Any:
    """Add a patient; one who may be here already is named first, and added with `confirm_new`."""
    user = user_of(request)
    require(user, Right.ADD_PATIENT)
    if not body.confirm_new:
        alike = verbs.possible_duplicates(user, body.name, body.birth_date, body.birth_year, body.local_id)
        if alike:
            raise ProblemError(Problem.POSSIBLE_DUPLICATE, more={"ids": [str(one.pk) for one in alike]})
    record = body.model_dump(exclude={"identifiers", "confirm_new"})
    patient = verbs.create_patient(user, **record)
    _number(user, patient, body)
    return Status(201, patient_out(patient))


@router.get(
    "/{uuid:pk}",
    response=answers({200: PatientOut}, EVERYWHERE),
    auth=Token(Scope.PATIENTS_READ),
    operation_id="get_patient",
)
def get_patient(request: HttpRequest, pk: Id) -> Any:
    """Read a patient's record; of one that was merged, `merged_into` names the record that was kept."""
    user = user_of(request)
    patient = get_object_or_404(records_for(user), pk=pk)
    audit.record(
        audit.Action.PATIENT_VIEWED,
        actor=user,
        organisation=patient.organisation_id,
        object_type="patient",
        object_id=patient.pk,
    )
    return patient_out(patient)


@router.patch(
    "/{uuid:pk}",
    response=answers({200: PatientOut}, WRITING),
    auth=Token(Scope.PATIENTS_WRITE),
    operation_id="change_patient",
)
def change_patient(request: HttpRequest, pk: Id, body: PatientChange) -> Any:
    """Change what is given of a patient's record."""
    user = user_of(request)
    patient = get_object_or_404(patients_for(user), pk=pk)
    require(user, Right.ADD_PATIENT)
    given = body.model_dump(exclude_unset=True, exclude={"identifiers"})
    patient = verbs.change_patient(user, patient, **given)
    if "identifiers" in body.model_fields_set:
        _number(user, patient, body)
    return patient_out(patient)


def _number(user: User, patient: Patient, body: Any) -> None:
    if body.identifiers or patient.identifiers.exists():
        verbs.set_identifiers(user, patient, {one.value: one.system for one in body.identifiers})
