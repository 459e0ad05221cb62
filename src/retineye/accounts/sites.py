"""The places where a clinic works."""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from retineye.accounts import audit
from retineye.accounts.models import Membership, Site, User
from retineye.accounts.policy import Right, membership_of, require


class SiteError(Exception):
    """The site can not be kept so. The sentence is for the person who tried."""


def sites_for(user: User) -> QuerySet[Site]:
    """Give the sites of the person's clinic, the closed ones last."""
    membership = membership_of(user)
    if membership is None:
        return Site.objects.none()
    return Site.objects.filter(organisation_id=membership.organisation_id).order_by("-active", "name")


def add_site(by: User, *, name: str) -> Site:
    """Add a site to the person's clinic.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people and sites.
    SiteError
        If the clinic has a site of this name.
    """
    require(by, Right.MANAGE_PEOPLE)
    try:
        with transaction.atomic():
            site = Site.objects.create(organisation=by.membership.organisation, name=name.strip())
            _remember(audit.Action.SITE_ADDED, by, site)
    except IntegrityError:
        raise SiteError(_("There is a site of this name already.")) from None
    return site


def set_active(by: User, site: Site, active: bool) -> None:
    """Close a site of the person's own clinic, or open it again; what belongs to it stays.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people and sites.
    Site.DoesNotExist
        If it is another clinic's.
    """
    require(by, Right.MANAGE_PEOPLE)
    with transaction.atomic():
        mine = sites_for(by).get(pk=site.pk)
        mine.active = active
        mine.save(update_fields=["active"])
        _remember(audit.Action.SITE_CHANGED, by, mine)


def assign(by: User, membership: Membership, site: Site | None) -> None:
    """Say at which site a person of the own clinic works; None for all of them. New exams are opened there.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people and sites.
    Membership.DoesNotExist, Site.DoesNotExist
        If either is another clinic's, or the site is closed.
    """
    require(by, Right.MANAGE_PEOPLE)
    with transaction.atomic():
        mine = Membership.objects.get(pk=membership.pk, organisation=by.membership.organisation_id)
        mine.site = sites_for(by).get(pk=site.pk, active=True) if site else None
        mine.save(update_fields=["site"])
        audit.record(
            audit.Action.SITE_ASSIGNED,
            actor=by,
            organisation=mine.organisation_id,
            object_type="user",
            object_id=mine.user_id,
            detail={"site": str(mine.site_id or "")},
        )


def _remember(action: audit.Action, by: User, site: Site) -> None:
    audit.record(
        action,
        actor=by,
        organisation=site.organisation_id,
        object_type="site",
        object_id=site.pk,
        detail={"active": site.active},
    )
