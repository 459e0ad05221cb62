"""The first run: one link, good once, at which the first administrator names the clinic and sets a password."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from retineye.accounts import audit
from retineye.accounts.links import LinkError, new_token, token_hash
from retineye.accounts.models import Membership, Organisation, Role, SetupLink, User

_GONE = gettext_lazy(
    "This link has been used, or a newer one was printed when the service started. Look at the newest one."
)


def needs_set_up() -> bool:
    """Say whether nobody is there yet."""
    return not User.objects.exists()


def first_run_link(base_url: str) -> str | None:
    """Make the link anew and give its address; None once somebody is there.

    Only the hash is kept, so each start prints a new link, and the one before it no longer opens.
    """
    with transaction.atomic():
        if not needs_set_up():
            return None
        token = new_token()
        SetupLink.objects.filter(used_at__isnull=True).delete()
        SetupLink.objects.create(token_hash=token_hash(token))
    return base_url.rstrip("/") + reverse("first_run", kwargs={"token": token})


def check_link(token: str) -> None:
    """Stop who holds no link that opens.

    Raises
    ------
    LinkError
        If the link was used or replaced, or somebody is there already.
    """
    if not needs_set_up() or not SetupLink.objects.filter(token_hash=token_hash(token), used_at=None).exists():
        raise LinkError(_GONE)


def set_up(token: str, *, clinic_name: str, full_name: str, email: str, password: str) -> User:
    """Use the link: make the clinic and its first administrator.

    Raises
    ------
    LinkError
        If the link does not open.
    django.core.exceptions.ValidationError
        If the password breaks a rule.
    """
    validate_password(password, User(email=email, full_name=full_name))
    with transaction.atomic():
        check_link(token)
        # Of two who hold the link, the count lets one through.
        if not SetupLink.objects.filter(token_hash=token_hash(token), used_at=None).update(used_at=timezone.now()):
            raise LinkError(_GONE)
        organisation = Organisation.objects.create(name=clinic_name)
        user = User.objects.create_user(email, password, full_name=full_name)
        Membership.objects.create(user=user, organisation=organisation, role=Role.ADMINISTRATOR)
        audit.record(
            audit.Action.SERVICE_SET_UP,
            actor=user,
            organisation=organisation,
            object_type="organisation",
            object_id=organisation.pk,
        )
    return user
