"""Shadow mode: a clinic tries the software out. Verdicts are made and kept, and shown to nobody.

What pages, the API and reports are made from passes through here: of a photograph in such a clinic they see that it is
in, and neither grade nor gradability. Readers read as if the software were not there. The verdicts stay beside the
reads, so that their agreement is counted all the same.
"""

from copy import copy
from uuid import UUID

from django.db.models import Exists, OuterRef

from retineye.clinic.models import ClinicSettings, Photograph, State


def in_shadow(organisation_id: UUID | None) -> bool:
    """Say whether the clinic keeps verdicts to itself."""
    return ClinicSettings.objects.filter(organisation=organisation_id, shadow_mode=True).exists()


def of_photographs() -> Exists:
    """Give the condition that a photograph belongs to such a clinic, for a query of photographs."""
    clinics = ClinicSettings.objects.filter(organisation=OuterRef("exam__patient__organisation"), shadow_mode=True)
    return Exists(clinics)


def veil(photograph: Photograph) -> Photograph:
    """Give the photograph as it may be shown: whether it was gradable is not said. The row itself is not touched."""
    veiled = copy(photograph)
    veiled.quality = None
    if veiled.state == State.UNGRADABLE:
        veiled.state = State.GRADED
    return veiled


def shown(photograph: Photograph) -> Photograph:
    """Give the photograph as it may be shown in its clinic; only what tells something costs a query."""
    tells = photograph.state == State.UNGRADABLE or photograph.quality is not None
    return veil(photograph) if tells and in_shadow(photograph.exam.patient.organisation_id) else photograph
