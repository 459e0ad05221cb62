"""What people said of an exam: reads, signatures, addenda. The machine's verdict is another row, and stays one."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retineye.clinic.models.exam import Exam, Eye
from retineye.grading.result import Grade

_GRADES = [(grade.value, grade.label) for grade in Grade]


class Quality(models.TextChoices):
    """How well the reader could see an eye."""

    GOOD = "good", _("Good")
    LIMITED = "limited", _("Limited, but can be read")
    UNREADABLE = "unreadable", _("Can not be read")


class Dme(models.TextChoices):
    """What a flat photograph lets a reader say of macular oedema: never that it is there, never that it is not."""

    SUSPECTED = "suspected", _("Suspected")
    NO_SIGN = "no_sign", _("No sign seen")
    CANNOT_JUDGE = "cannot_judge", _("Can not judge")


class Feature(models.TextChoices):
    """A sign that the reader saw."""

    MICROANEURYSMS = "microaneurysms", _("Microaneurysms")
    HAEMORRHAGES = "haemorrhages", _("Haemorrhages")
    HARD_EXUDATES = "hard_exudates", _("Hard exudates")
    COTTON_WOOL = "cotton_wool", _("Cotton-wool spots")
    VENOUS_BEADING = "venous_beading", _("Venous beading")
    IRMA = "irma", _("IRMA")
    NEW_VESSELS = "new_vessels", _("New vessels")
    VITREOUS_HAEMORRHAGE = "vitreous_haemorrhage", _("Vitreous or preretinal haemorrhage")
    TRACTION = "traction", _("Fibrous tissue or traction")
    LASER_SCARS = "laser_scars", _("Laser scars")


class Change(models.TextChoices):
    """How the eyes are against an earlier visit."""

    BETTER = "better", _("Better")
    SAME = "same", _("Same")
    WORSE = "worse", _("Worse")


class Review(models.Model):
    """One read of an exam by one person. Never edited: the database refuses; whoever reads again adds another."""

    class Kind(models.TextChoices):
        """Which read of the exam it is."""

        FIRST = "first", _("First read")
        SECOND = "second", _("Second read")
        ARBITRATION = "arbitration", _("Arbitration")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="reviews")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    blind = models.BooleanField(default=False, help_text="Read before the reader could see the machine's verdict.")
    revises = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="revised_by", help_text="The reader's own, earlier."
    )

    right_quality = models.CharField(max_length=10, choices=Quality.choices, blank=True, help_text="Empty: no eye.")
    right_grade = models.PositiveSmallIntegerField(null=True, choices=_GRADES)
    right_dme = models.CharField(max_length=12, choices=Dme.choices, blank=True)
    left_quality = models.CharField(max_length=10, choices=Quality.choices, blank=True, help_text="Empty: no eye.")
    left_grade = models.PositiveSmallIntegerField(null=True, choices=_GRADES)
    left_dme = models.CharField(max_length=12, choices=Dme.choices, blank=True)
    features = models.JSONField(default=dict, help_text="Codes of Feature by eye: right, left.")
    marks = models.JSONField(
        default=list, help_text="photograph, shape (arrow, circle), points in pixels of the upright photograph."
    )
    comment = models.TextField(blank=True)
    other_finding = models.TextField(blank=True, help_text="Of something else than diabetic retinopathy.")
    override_reason = models.TextField(blank=True, help_text="Why it differs from the machine's verdict.")
    compared_with = models.UUIDField(null=True, help_text="The earlier exam that `change` is against.")
    change = models.CharField(max_length=6, choices=Change.choices, blank=True)

    seen = models.JSONField(default=list, help_text="photograph, eye and verdict (or null) of each that was read.")
    right_machine = models.PositiveSmallIntegerField(null=True, help_text="The machine's grade when this was read.")
    left_machine = models.PositiveSmallIntegerField(null=True, help_text="The machine's grade when this was read.")
    pack_id = models.CharField(max_length=100, blank=True, help_text="Of the verdicts that stood beside it.")
    overrides = models.BooleanField(default=False, help_text="It differs from the machine's verdict.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = tuple(
            models.CheckConstraint(
                condition=models.Q(**{f"{eye}_quality__in": ["good", "limited"], f"{eye}_grade__isnull": False})
                | models.Q(**{f"{eye}_quality__in": ["", "unreadable"], f"{eye}_grade__isnull": True}),
                name=f"review_{eye}_grade_where_read",
            )
            for eye in ("right", "left")
        )
        indexes = (
            models.Index(fields=["exam", "created_at"], name="review_history"),
            models.Index(fields=["reader", "created_at"], name="review_reader"),
        )

    def __str__(self) -> str:
        return f"review {self.id}"

    def grade_of(self, eye: Eye) -> Grade | None:
        """Give the eye's grade; None where it could not be read."""
        value = getattr(self, f"{eye.value}_grade")
        return None if value is None else Grade(value)

    def quality_of(self, eye: Eye) -> str:
        """Give the code of `Quality`; empty where there was no photograph of the eye."""
        return str(getattr(self, f"{eye.value}_quality"))

    def dme_of(self, eye: Eye) -> str:
        """Give the code of `Dme`; empty where there was no photograph of the eye."""
        return str(getattr(self, f"{eye.value}_dme"))

    def readable(self, eye: Eye) -> bool:
        """Say whether the reader could grade the eye."""
        return self.quality_of(eye) in (Quality.GOOD, Quality.LIMITED)


class Signature(models.Model):
    """That a doctor stands by a read. Never changed, and withdrawn at most once: the database sees to both."""

    class How(models.TextChoices):
        """How the doctor showed once more who they are."""

        PASSWORD = "password", _("Password")
        PASSKEY = "passkey", _("Passkey")
        SSO = "sso", _("Sign-in of the organisation")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="signatures")
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="signatures")
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(default=timezone.now, editable=False)
    how = models.CharField(max_length=8, choices=How.choices)
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["exam"], condition=models.Q(withdrawn_at=None), name="signature_once_an_exam"
            ),
        )

    def __str__(self) -> str:
        return f"signature {self.id}"


class Addendum(models.Model):
    """What was added after the signature. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE, related_name="addenda")
    signature = models.ForeignKey(Signature, on_delete=models.CASCADE, related_name="addenda")
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "addenda"

    def __str__(self) -> str:
        return f"addendum {self.id}"


class SavedFilter(models.Model):
    """A choice of the worklist's filters under a name of the person's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, help_text="As in the page's address.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "name"], name="saved_filter_once_a_name"),)

    def __str__(self) -> str:
        return self.name
