"""How a clinic guards its accounts: which roles need a second factor, and after how long nobody is there."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from retineye.accounts import audit
from retineye.accounts.models import Organisation, OrganisationPolicy, Role, User
from retineye.accounts.policy import Right, membership_of, require

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor. Recovery codes stand in for one, and are none."""
LEAST_IDLE_MINUTES: Final = 2
CHECKED: Final = "second_factor_checked"
"""Where a session keeps when the gate of the second factor looked last."""


def most_idle_minutes() -> int:
    """Give the service's own bound: a clinic can be stricter, and never laxer."""
    return int(settings.SESSION_COOKIE_AGE // 60)


def policy_for(user: User) -> OrganisationPolicy:
    """Give how the person's clinic guards its accounts.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not decide it.
    """
    require(user, Right.MANAGE_PEOPLE)
    key = user.membership.organisation_id
    return OrganisationPolicy.objects.filter(organisation=key).first() or OrganisationPolicy(organisation_id=key)


def set_policy(by: User, *, second_factor_roles: Iterable[Role], idle_minutes: int | None) -> OrganisationPolicy:
    """Decide how the person's clinic guards its accounts. It holds within a minute for who is signed in.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not decide it.
    ValueError
        If the minutes are out of bounds.
    """
    if idle_minutes is not None and not LEAST_IDLE_MINUTES <= idle_minutes <= most_idle_minutes():
        raise ValueError(f"{idle_minutes} minutes are not between {LEAST_IDLE_MINUTES} and {most_idle_minutes()}.")
    with transaction.atomic():
        policy = policy_for(by)
        policy.second_factor_roles = sorted(str(role) for role in second_factor_roles)
        policy.idle_minutes = idle_minutes
        policy.save()
        audit.record(
            audit.Action.GUARDING_CHANGED,
            actor=by,
            organisation=policy.organisation_id,
            object_type="organisation",
            object_id=policy.organisation_id,
            detail={"second_factor": "+".join(policy.second_factor_roles), "idle_minutes": idle_minutes},
        )
    return policy


def idle_minutes_of(user: User) -> int:
    """Give after how many minutes without a click the person is signed out."""
    chosen = OrganisationPolicy.objects.filter(organisation__memberships__user=user)
    minutes = chosen.values_list("idle_minutes", flat=True).first()
    return min(minutes or most_idle_minutes(), most_idle_minutes())


def has_second_factor(user: User) -> bool:
    """Say whether the person has an app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def has_passkey(user: User) -> bool:
    """Say whether the person has a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN).exists())


def with_second_factor(organisation: Organisation) -> set[UUID]:
    """Give the ids of the clinic's people who have an app or a passkey."""
    found = Authenticator.objects.filter(user__membership__organisation=organisation, type__in=FACTORS)
    return set(found.values_list("user_id", flat=True))


def second_factor_required(user: User) -> bool:
    """Say whether the person's clinic wants a second factor of the person's role."""
    membership = membership_of(user)
    if membership is None or user.machine:
        return False
    policy = OrganisationPolicy.objects.filter(organisation_id=membership.organisation_id).first()
    return policy is not None and membership.role in policy.second_factor_roles


def lacks_second_factor(request: HttpRequest, user: User) -> bool:
    """Say whether the person must set a second factor up before anything else.

    Who comes through the organisation's own sign-in has shown it there.
    """
    if any(record["method"] == "socialaccount" for record in get_authentication_records(request, user)):
        return False
    return second_factor_required(user) and not has_second_factor(user)
