"""Who works in a clinic: change what they are, close and open their accounts, help when a key is lost."""

from allauth.mfa.models import Authenticator
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.accounts import audit, devices, tokens
from retineye.accounts.models import Membership, Organisation, Role, User
from retineye.accounts.policy import MACHINE_ROLES, Right, require


class PeopleError(Exception):
    """That can not be done to this account. The sentence is for the person who tried."""


class Reason(models.TextChoices):
    """Why an account is closed or opened: a code, because the audit keeps no free text."""

    LEFT = "left", gettext_lazy("Works here no longer")
    AWAY = "away", gettext_lazy("Away for a while")
    MISUSE = "misuse", gettext_lazy("Perhaps in wrong hands")
    BACK = "back", gettext_lazy("Is back")
    MISTAKE = "mistake", gettext_lazy("It was a mistake")
    OTHER = "other", gettext_lazy("Another reason")


CLOSING = (Reason.LEFT, Reason.AWAY, Reason.MISUSE, Reason.MISTAKE, Reason.OTHER)
OPENING = (Reason.BACK, Reason.MISTAKE, Reason.OTHER)


def members_for(user: User) -> QuerySet[Membership]:
    """Give everybody of the person's clinic, people and programs, open accounts first.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    """
    require(user, Right.MANAGE_PEOPLE)
    members = Membership.objects.filter(organisation_id=user.membership.organisation_id)
    return members.select_related("user", "site").order_by("-user__is_active", "user__full_name")


def change_role(by: User, member: Membership, role: Role) -> None:
    """Give a colleague another role. It holds from their next click on.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    Membership.DoesNotExist
        If the colleague is another clinic's.
    PeopleError
        If no administrator would be left, or a program would get a role that only people have.
    """
    with transaction.atomic():
        mine = _held(by, member)
        if mine.user.machine and role not in MACHINE_ROLES:
            raise PeopleError(_("A program can not have this role."))
        before = mine.role
        if role == before:
            return
        mine.role = role
        mine.save(update_fields=["role"])
        _keep_an_administrator(mine)
        _remember(audit.Action.ROLE_CHANGED, by, mine, {"role": str(role), "before": before})


def close(by: User, member: Membership, reason: Reason) -> None:
    """Close an account: signed out everywhere, its tokens void; what was done with it stays in its name.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    Membership.DoesNotExist
        If the colleague is another clinic's.
    PeopleError
        If it is the person's own account, or no administrator would be left.
    """
    with transaction.atomic():
        mine = _held(by, member)
        if mine.user_id == by.pk:
            raise PeopleError(_("Nobody closes their own account. Ask another administrator to do it."))
        User.objects.filter(pk=mine.user_id).update(is_active=False)
        _keep_an_administrator(mine)
        mine.user.password_links.filter(used_at=None).delete()
        devices.sign_out_everywhere(mine.user)
        stopped = tokens.revoke_all(mine.user, by)
        _remember(audit.Action.ACCOUNT_CLOSED, by, mine, {"reason": str(reason), "tokens": stopped})


def open_again(by: User, member: Membership, reason: Reason) -> None:
    """Open an account that was closed. Its tokens stay void.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    Membership.DoesNotExist
        If the colleague is another clinic's.
    """
    with transaction.atomic():
        mine = _held(by, member)
        User.objects.filter(pk=mine.user_id).update(is_active=True)
        _remember(audit.Action.ACCOUNT_OPENED, by, mine, {"reason": str(reason)})


def drop_second_factor(by: User, member: Membership) -> None:
    """Take app, passkeys and recovery codes from a colleague who lost them, and sign them out everywhere.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    Membership.DoesNotExist
        If the colleague is another clinic's.
    PeopleError
        If it is the person's own account.
    """
    with transaction.atomic():
        mine = _held(by, member)
        if mine.user_id == by.pk:
            raise PeopleError(_("Change your own second factor from the menu of your account."))
        Authenticator.objects.filter(user_id=mine.user_id).delete()
        devices.sign_out_everywhere(mine.user)
        _remember(audit.Action.SECOND_FACTOR_DROPPED, by, mine, {})


def _held(by: User, member: Membership) -> Membership:
    # Who changes the people of a clinic waits for who does already: of two administrators who close each other at the
    # same moment, the second one finds that nobody else would be left.
    require(by, Right.MANAGE_PEOPLE)
    Organisation.objects.select_for_update().get(pk=by.membership.organisation_id)
    return members_for(by).get(pk=member.pk)


def _keep_an_administrator(changed: Membership) -> None:
    left = Membership.objects.filter(
        organisation_id=changed.organisation_id, role=Role.ADMINISTRATOR, user__is_active=True
    )
    if not left.exists():
        raise PeopleError(_("The clinic needs at least one administrator. Make somebody else one first."))


def _remember(action: audit.Action, by: User, member: Membership, detail: audit.Detail) -> None:
    audit.record(
        action,
        actor=by,
        organisation=member.organisation_id,
        object_type="user",
        object_id=member.user_id,
        detail=detail,
    )
