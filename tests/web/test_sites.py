"""The administrator keeps the sites and says who works where; exams are opened there."""

import pytest
from django.test import Client
from django.urls import reverse

from retineye.accounts.models import AuditEvent, Membership, Site
from tests.cast import Clinic, add_exam


@pytest.fixture()
def administrator(client: Client, hill: Clinic) -> Client:
    client.force_login(hill.administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_a_site_is_added_a_person_works_there_and_new_exams_are_opened_there(
    administrator: Client, hill: Clinic
) -> None:
    administrator.post(reverse("site_add"), {"name": " North ward "})
    site = Site.objects.get()
    assert "North ward" in administrator.get(reverse("team")).content.decode()
    member = Membership.objects.get(user=hill.technician)
    administrator.post(reverse("member_site", args=[member.pk]), {"site": str(site.pk)})
    hill.technician.refresh_from_db()
    assert add_exam(hill).site == site
    assert AuditEvent.objects.filter(action="site_assigned", object_id=hill.technician.pk).count() == 1
    administrator.post(reverse("member_site", args=[member.pk]), {"site": ""})
    member.refresh_from_db()
    assert member.site is None


def test_a_closed_site_takes_nobody_new_and_can_be_opened_again(administrator: Client, hill: Clinic) -> None:
    administrator.post(reverse("site_add"), {"name": "Van"})
    site = Site.objects.get()
    administrator.post(reverse("site_active", args=[site.pk]))
    member = Membership.objects.get(user=hill.doctor)
    assert administrator.post(reverse("member_site", args=[member.pk]), {"site": str(site.pk)}).status_code == 404
    administrator.post(reverse("site_active", args=[site.pk]), {"open": "1"})
    assert administrator.post(reverse("member_site", args=[member.pk]), {"site": str(site.pk)}).status_code == 302


@pytest.mark.parametrize("name", ["", "Van"])
def test_a_site_without_a_name_or_with_a_name_twice_is_refused_in_words(
    administrator: Client, hill: Clinic, name: str
) -> None:
    administrator.post(reverse("site_add"), {"name": "Van"})
    shown = administrator.post(reverse("site_add"), {"name": name}, follow=True).content.decode()
    assert Site.objects.count() == 1
    assert ("Give the site a name." if not name else "There is a site of this name already.") in shown


def test_another_clinics_people_and_sites_are_out_of_reach(administrator: Client, hill: Clinic, lake: Clinic) -> None:
    stranger = Membership.objects.get(user=lake.doctor)
    theirs = Site.objects.create(organisation=lake.organisation, name="Pier")
    mine = Membership.objects.get(user=hill.doctor)
    assert administrator.post(reverse("member_site", args=[stranger.pk]), {"site": ""}).status_code == 404
    assert administrator.post(reverse("member_site", args=[mine.pk]), {"site": str(theirs.pk)}).status_code == 404
    assert administrator.post(reverse("site_active", args=[theirs.pk])).status_code == 404


@pytest.mark.parametrize("role", ["technician", "doctor", "manager"])
def test_nobody_else_keeps_the_sites(client: Client, hill: Clinic, role: str) -> None:
    client.force_login(hill.people[role], backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(reverse("site_add"), {"name": "Van"}).status_code == 403
    member = Membership.objects.get(user=hill.doctor)
    assert client.post(reverse("member_site", args=[member.pk]), {"site": ""}).status_code == 403
