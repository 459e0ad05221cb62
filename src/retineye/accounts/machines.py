"""Programs that a clinic owns: accounts that work by tokens alone, and that nobody can sign in with."""

import uuid
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from retineye.accounts import audit, people, tokens
from retineye.accounts.models import ApiToken, Membership, Organisation, Role, User
from retineye.accounts.policy import MACHINE_ROLES, Right, require

_DOMAIN: Final = "program.invalid"
"""An address is needed and none exists: RFC 2606 keeps this end for that."""


def add_machine(by: User, *, name: str, role: Role) -> Membership:
    """Add a program to the person's clinic; it can do nothing until it has a token.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    django.core.exceptions.ValidationError
        If a program can not have this role, or has no name.
    """
    require(by, Right.MANAGE_PEOPLE)
    name = " ".join(name.split())
    if not name:
        raise ValidationError({"name": _("Give the program a name.")})
    if role not in MACHINE_ROLES:
        raise ValidationError({"role": _("A program can not have this role.")})
    with transaction.atomic():
        member = open_account(by.membership.organisation, name=name, role=role)
        audit.record(
            audit.Action.MACHINE_ADDED,
            actor=by,
            organisation=member.organisation_id,
            object_type="user",
            object_id=member.user_id,
            detail={"role": str(role)},
        )
    return member


def open_account(organisation: Organisation, *, name: str, role: Role) -> Membership:
    """Make an account that nobody can sign in with, in the caller's transaction."""
    user = User.objects.create_user(f"{uuid.uuid4().hex}@{_DOMAIN}", None, full_name=name, machine=True)
    return Membership.objects.create(user=user, organisation=organisation, role=role)


def tokens_of(by: User, member: Membership) -> QuerySet[ApiToken]:
    """Give the tokens of one of the clinic's programs, the newest first.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    Membership.DoesNotExist
        If it is another clinic's, or no program but a person: their tokens are their own.
    """
    return tokens.tokens_for(people.members_for(by).get(pk=member.pk, user__machine=True).user)


def make_token(by: User, member: Membership, *, name: str, scopes: list[str], days: int) -> tokens.Made:
    """Make a token for one of the clinic's programs; see `tokens_of` and `tokens.make` for what is refused."""
    machine = people.members_for(by).get(pk=member.pk, user__machine=True).user
    return tokens.make(machine, name=name, scopes=scopes, days=days, by=by)


def revoke_token(by: User, member: Membership, token: ApiToken) -> None:
    """Have a token of one of the clinic's programs open nothing any more; see `tokens_of` for what is refused."""
    mine = tokens_of(by, member).get(pk=token.pk)
    tokens.revoke(mine.user, mine, by)
