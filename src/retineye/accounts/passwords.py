"""How a lost password is replaced: by a link from an administrator or by mail, good once and for a day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from smtplib import SMTPException
from typing import Final

import structlog
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.mail import get_connection, send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from retineye.accounts import audit, devices, people
from retineye.accounts.links import LinkError, new_token, token_hash
from retineye.accounts.models import Membership, PasswordLink, User
from retineye.accounts.policy import membership_of

log = structlog.get_logger(__name__)

GOOD_FOR: Final = timedelta(days=1)
_PAUSE: Final = timedelta(minutes=5)
_MAIL_TIMEOUT_S: Final = 20
_POST = ThreadPoolExecutor(max_workers=1, thread_name_prefix="post")
"""Mail goes out beside the answer: how long the page takes must not tell whether an address is known."""


def can_mail() -> bool:
    """Say whether the service has a mail server."""
    return bool(settings.RETINEYE_MAIL_FROM)


def link_for(by: User, member: Membership) -> str:
    """Make a link for a colleague who lost the password; give its path, which can not be shown again.

    Raises
    ------
    django.core.exceptions.PermissionDenied
        If the person may not manage people.
    Membership.DoesNotExist
        If the colleague is another clinic's, the account is closed, or a program's.
    people.PeopleError
        If it is the person's own account.
    """
    mine = people.members_for(by).get(pk=member.pk, user__is_active=True, user__machine=False)
    if mine.user_id == by.pk:
        raise people.PeopleError(_("Change your own password from the menu of your account."))
    with transaction.atomic():
        path = _make(mine.user, by)
        _remember(audit.Action.PASSWORD_LINK_MADE, by, mine.user)
    return path


def mail_link(email: str, base_url: str) -> None:
    """Mail a link to the address if it has an open account, once in five minutes at most; else do nothing."""
    user = User.objects.filter(email__iexact=email.strip(), is_active=True, machine=False).first()
    if user is None or user.password_links.filter(created_at__gt=timezone.now() - _PAUSE).exists():
        return
    with transaction.atomic():
        path = _make(user, None)
        _remember(audit.Action.PASSWORD_LINK_MADE, None, user)
    subject = _("A new password for RetinEye")
    body = _(
        "Somebody, most likely you, asked for a new password for RetinEye. Choose it here within a day:\n\n"
        "%(link)s\n\nIf it was not you, nothing needs to be done: your password stays as it is."
    ) % {"link": base_url.rstrip("/") + path}
    _POST.submit(_send, subject, body, user.email)


def server_link(email: str, *, drop_second_factor: bool = False) -> str | None:
    """Make a link as whoever runs the server may, and give its path; None where nobody signs in with the address."""
    user = User.objects.filter(email__iexact=email.strip(), is_active=True, machine=False).first()
    if user is None:
        return None
    with transaction.atomic():
        path = _make(user, None)
        _remember(audit.Action.PASSWORD_LINK_MADE, None, user)
        if drop_second_factor:
            Authenticator.objects.filter(user_id=user.pk).delete()
            _remember(audit.Action.SECOND_FACTOR_DROPPED, None, user)
    return path


def find_link(token: str) -> PasswordLink:
    """Give the link that the token opens.

    Raises
    ------
    LinkError
        If it opens none.
    """
    try:
        return PasswordLink.objects.select_related("user").get(
            token_hash=token_hash(token), used_at=None, expires_at__gt=timezone.now(), user__is_active=True
        )
    except PasswordLink.DoesNotExist:
        raise LinkError(
            _("This link has been used or replaced, or is older than a day. Ask your administrator for a new one.")
        ) from None


def choose(token: str, password: str) -> User:
    """Set the new password by the link; whoever was signed in with the old one is signed out.

    Raises
    ------
    LinkError
        If the link does not open.
    django.core.exceptions.ValidationError
        If the password breaks a rule.
    """
    link = find_link(token)
    validate_password(password, link.user)
    with transaction.atomic():
        # Of two who hold the link, the count lets one through.
        if not PasswordLink.objects.filter(pk=link.pk, used_at=None).update(used_at=timezone.now()):
            raise LinkError(_("This link has been used."))
        link.user.set_password(password)
        link.user.save(update_fields=["password"])
        devices.sign_out_everywhere(link.user)
        _remember(audit.Action.PASSWORD_CHANGED, link.user, link.user)
    return link.user


def _make(user: User, by: User | None) -> str:
    token = new_token()
    PasswordLink.objects.filter(user=user, used_at=None).delete()
    PasswordLink.objects.create(
        user=user, token_hash=token_hash(token), created_by=by, expires_at=timezone.now() + GOOD_FOR
    )
    return reverse("password_new", kwargs={"token": token})


def _send(subject: str, body: str, address: str) -> None:
    try:
        connection = get_connection(timeout=_MAIL_TIMEOUT_S)
        send_mail(subject, body, settings.RETINEYE_MAIL_FROM, [address], connection=connection)
    except (SMTPException, OSError):
        log.exception("mail_refused", what="password_link")


def _remember(action: audit.Action, actor: User | None, user: User) -> None:
    membership = membership_of(user)
    audit.record(
        action,
        actor=actor,
        organisation=membership.organisation_id if membership else None,
        object_type="user",
        object_id=user.pk,
    )
