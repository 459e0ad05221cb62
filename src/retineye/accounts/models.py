"""Organisations, the people in them, how they come in, and what they did."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Organisation(models.Model):
    """A clinic. Nothing of one organisation is ever shown to another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    guideline = models.CharField(max_length=40, default="ico-2017-high", help_text="Key of the referral table in use.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A place where a clinic works: a branch, a van, a ward. An old one is closed, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="sites")
    name = models.CharField(max_length=200)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organisation", "name"], name="site_name_once"),)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Make users by e-mail address."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by e-mail address, upper and lower case alike."""
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Add a person; the password is kept as a salted hash, never as text.

        Raises
        ------
        ValueError
            If the e-mail address is empty.
        """
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in by e-mail address and password."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    machine = models.BooleanField(default=False, help_text="A program of the clinic's: it works by tokens alone.")
    language = models.CharField(max_length=8, blank=True, help_text="Of the pages; empty: the browser's.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    def __str__(self) -> str:
        return self.full_name or self.email

    def get_full_name(self) -> str:
        """Give the name to show."""
        return self.full_name

    def get_short_name(self) -> str:
        """Give the name to show."""
        return self.full_name


class Role(models.TextChoices):
    """What a person is in the clinic; `policy` says what each may do."""

    TECHNICIAN = "technician", _("Technician")
    DOCTOR = "doctor", _("Doctor")
    MANAGER = "manager", _("Manager")
    ADMINISTRATOR = "administrator", _("Administrator")


class Membership(models.Model):
    """A person's place in a clinic. A person belongs to one clinic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="membership")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    site = models.ForeignKey(
        Site, null=True, on_delete=models.SET_NULL, related_name="memberships", help_text="Null: all of them."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class Invitation(models.Model):
    """A link, good once and for a while, by which a colleague joins a clinic. Only the hash of its token is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.role} {self.id}"


class OrganisationPolicy(models.Model):
    """How a clinic guards its accounts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.OneToOneField(Organisation, on_delete=models.CASCADE, related_name="policy")
    second_factor_roles = models.JSONField(default=list, blank=True, help_text="Roles that need a second factor.")
    idle_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Sign out after so long without a click. Null: as the service does."
    )

    class Meta:
        verbose_name_plural = "organisation policies"

    def __str__(self) -> str:
        return f"policy of {self.organisation_id}"


class PasswordLink(models.Model):
    """A link, good once and for a day, at which a person sets a new password. Only the hash of its token is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_links")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Null: asked for by mail."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.id)


class SetupLink(models.Model):
    """The one link at which the first administrator sets the service up. Only the hash of its token is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.id)


class AuditEvent(models.Model):
    """One thing that somebody did: ids and codes only, never a name. The database refuses to change or delete it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    action = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)
    organisation_id = models.UUIDField(null=True, db_index=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.UUIDField(null=True)
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action}"


class AuditBlock(models.Model):
    """A sealed run of audit events: its hash covers their content and the hash of the block before."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField(unique=True)
    events = models.PositiveIntegerField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"block {self.number}"


class AuditSeal(models.Model):
    """The place of one audit event in a block."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    block = models.ForeignKey(AuditBlock, on_delete=models.PROTECT, related_name="seals")
    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, related_name="seal")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["block", "position"], name="audit_seal_place"),)

    def __str__(self) -> str:
        return f"{self.block_id}:{self.position}"


class ApiToken(models.Model):
    """What a program shows in a person's name. Only the hash of it is kept; it never does more than its person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="Its first letters, by which its person knows it again.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list, help_text="Codes of `tokens.Scope`.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    minute = models.PositiveIntegerField(default=0, editable=False, help_text="The minute that `calls` counts in.")
    calls = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        indexes = (models.Index(fields=["user", "-created_at"], name="api_token_list"),)

    def __str__(self) -> str:
        return f"token {self.prefix}"


class StoredAnswer(models.Model):
    """What the API answered to a request with an idempotency key, to be answered again for a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="answers")
    key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64, help_text="Of method, address and body.")
    status = models.PositiveSmallIntegerField(null=True, help_text="Null: the first request is still at work.")
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["token", "key"], name="stored_answer_once_a_key"),)

    def __str__(self) -> str:
        return f"answer {self.id}"
