"""How a colleague joins: by a link from an administrator, good once and for some days. There is no other way in."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retineye.accounts import audit
from retineye.accounts.links import LinkError, new_token, token_hash
from retineye.accounts.models import Invitation, Membership, Organisation, Role, User
from retineye.accounts.policy import Right, require

_GONE = gettext_lazy("This invitation has been used or withdrawn, or is too old. Ask your administrator for a new one.")


class AlreadyHereError(Exception):
    """Somebody with this e-mail address has an account already."""


def invitations_for(user: User) -> QuerySet[Invitation]:
    """Give the invitations of the person's clinic that can still be used, the newest first.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not invite.
    """
    require(user, Right.INVITE)
    return Invitation.objects.filter(
        organisation=user.membership.organisation, used_at=None, expires_at__gt=timezone.now()
    ).order_by("-created_at")


def invite(by: User, *, email: str, role: Role) -> tuple[Invitation, str]:
    """Invite a colleague; give the invitation and the path of its link, which can not be shown again.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not invite.
    AlreadyHereError
        If the e-mail address has an account.
    """
    require(by, Right.INVITE)
    return open_invitation(by.membership.organisation, email=email, role=role, by=by)


def open_invitation(
    organisation: Organisation, *, email: str, role: Role, by: User | None = None
) -> tuple[Invitation, str]:
    """Invite somebody to a clinic, as whoever runs the server may; see `invite`."""
    email = User.objects.normalize_email(email).lower()
    if User.objects.filter(email__iexact=email).exists():
        raise AlreadyHereError(_("Somebody with this e-mail address has an account already."))
    token = new_token()
    with transaction.atomic():
        Invitation.objects.filter(organisation=organisation, email=email, used_at=None).delete()
        invitation = Invitation.objects.create(
            organisation=organisation,
            email=email,
            role=role,
            token_hash=token_hash(token),
            created_by=by,
            expires_at=timezone.now() + timedelta(days=settings.RETINEYE_INVITATION_DAYS),
        )
        _remember(audit.Action.INVITED, by, invitation)
    return invitation, reverse("join", kwargs={"token": token})


def withdraw(by: User, invitation: Invitation) -> None:
    """Make an invitation of the person's own clinic void.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not invite.
    Invitation.DoesNotExist
        If it is another clinic's, or can no longer be used anyway.
    """
    with transaction.atomic():
        mine = invitations_for(by).get(pk=invitation.pk)
        _remember(audit.Action.INVITATION_WITHDRAWN, by, mine)
        mine.delete()


def find_invitation(token: str) -> Invitation:
    """Give the invitation that the link opens.

    Raises
    ------
    LinkError
        If it opens none.
    """
    try:
        return Invitation.objects.select_related("organisation").get(
            token_hash=token_hash(token), used_at=None, expires_at__gt=timezone.now()
        )
    except Invitation.DoesNotExist:
        raise LinkError(_GONE) from None


def accept(token: str, *, full_name: str, password: str) -> User:
    """Join the clinic by the link.

    Raises
    ------
    LinkError
        If the link does not open.
    AlreadyHereError
        If the e-mail address got an account in the meantime.
    django.core.exceptions.ValidationError
        If the password breaks a rule.
    """
    invitation = find_invitation(token)
    validate_password(password, User(email=invitation.email, full_name=full_name))
    with transaction.atomic():
        # Of two who hold the link, the count lets one through.
        if not Invitation.objects.filter(pk=invitation.pk, used_at=None).update(used_at=timezone.now()):
            raise LinkError(_GONE)
        if User.objects.filter(email__iexact=invitation.email).exists():
            raise AlreadyHereError(_("Somebody with this e-mail address has an account already."))
        user = User.objects.create_user(invitation.email, password, full_name=full_name)
        Membership.objects.create(user=user, organisation=invitation.organisation, role=invitation.role)
        _remember(audit.Action.JOINED, user, invitation)
    return user


def _remember(action: audit.Action, actor: User | None, invitation: Invitation) -> None:
    audit.record(
        action,
        actor=actor,
        organisation=invitation.organisation_id,
        object_type="invitation",
        object_id=invitation.pk,
        detail={"role": invitation.role},
    )
