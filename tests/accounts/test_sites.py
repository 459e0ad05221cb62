"""The places where a clinic works."""

import pytest
from django.core.exceptions import PermissionDenied

from retineye.accounts.models import AuditEvent, Site
from retineye.accounts.sites import SiteError, add_site, set_active, sites_for
from tests.cast import Clinic


def test_an_administrator_adds_and_closes_a_site_and_both_are_on_record(hill: Clinic) -> None:
    site = add_site(hill.administrator, name=" North ward ")
    set_active(hill.administrator, site, False)
    assert [(one.name, one.active) for one in sites_for(hill.technician)] == [("North ward", False)]
    assert set(AuditEvent.objects.filter(object_id=site.pk).values_list("action", flat=True)) == {
        "site_added",
        "site_changed",
    }


def test_a_name_is_given_once_in_a_clinic(hill: Clinic, lake: Clinic) -> None:
    add_site(hill.administrator, name="North")
    add_site(lake.administrator, name="North")
    with pytest.raises(SiteError):
        add_site(hill.administrator, name="North")


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
def test_nobody_else_keeps_the_list(hill: Clinic, role: str) -> None:
    with pytest.raises(PermissionDenied):
        add_site(hill.people[role], name="North")


def test_a_stranger_neither_sees_nor_closes_it(hill: Clinic, lake: Clinic) -> None:
    site = add_site(hill.administrator, name="North")
    assert not sites_for(lake.administrator)
    with pytest.raises(Site.DoesNotExist):
        set_active(lake.administrator, site, False)
