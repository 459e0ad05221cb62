"""What a clinic has decided about how it works, and its clock."""

from datetime import date, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from retineye.accounts.models import Membership, Organisation, User
from retineye.accounts.policy import Person
from retineye.clinic.models import ClinicSettings


def settings_of(organisation: Organisation | UUID) -> ClinicSettings:
    """Give the clinic's settings: its row, or the defaults where it has none yet (not saved)."""
    key = organisation.pk if isinstance(organisation, Organisation) else organisation
    return ClinicSettings.objects.filter(organisation=key).first() or ClinicSettings(organisation_id=key)


def zone_name_for(user: Person) -> str:
    """Name the time zone of the person's clinic; empty where there is no clinic, or it has named none."""
    if not isinstance(user, User):
        return ""
    named = ClinicSettings.objects.filter(organisation=OuterRef("organisation")).values("time_zone")
    found = Membership.objects.select_related("organisation").annotate(zone=Subquery(named)).filter(user=user).first()
    if found is None:
        return ""
    # Whatever follows in the request asks for it again.
    user.membership = found
    return found.zone or ""


def zone_of(organisation: Organisation | UUID) -> tzinfo:
    """Give the clinic's time zone; the service's where the clinic has named none."""
    name = settings_of(organisation).time_zone
    return ZoneInfo(name) if name else timezone.get_default_timezone()


def today_at(organisation: Organisation | UUID) -> date:
    """Give the date where the clinic is."""
    return timezone.localdate(timezone=zone_of(organisation))
