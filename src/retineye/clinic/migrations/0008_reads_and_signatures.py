"""Add reads, signatures and addenda, guard them, and keep on each exam what lists of doctors need."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery

import retineye.clinic.models.exam
from retineye.accounts.triggers import Guard, install, remove

GUARDS = (
    Guard("clinic_review", deletable=True),
    Guard("clinic_addendum", deletable=True),
    Guard(
        "clinic_signature",
        deletable=True,
        fixed=("id", "exam_id", "review_id", "signed_by_id", "signed_at", "how"),
        closed_by="withdrawn_at",
    ),
)


def set_guards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have the database refuse changes to reads, signatures and addenda."""
    for guard in GUARDS:
        install(schema_editor.connection, guard)


def lift_guards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away."""
    for guard in GUARDS:
        remove(schema_editor.connection, guard)


def fill_lists(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the exams that are there already what lists need."""
    exams = apps.get_model("clinic", "Exam").objects
    patients = apps.get_model("clinic", "Patient").objects.filter(pk=OuterRef("patient_id"))
    exams.update(clinic_id=Subquery(patients.values("organisation_id")[:1]))
    exams.exclude(standing__in=("empty", "pending", "cancelled")).update(read_state="unread")
    verdicts = apps.get_model("clinic", "Verdict").objects.filter(grade__isnull=False, photograph__withdrawn_at=None)
    for eye in ("right", "left"):
        mine = verdicts.filter(photograph__exam=OuterRef("pk"), photograph__eye=eye)
        exams.update(**{f"{eye}_grade": Subquery(mine.order_by("-grade").values("grade")[:1])})


def leave_lists(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Do nothing: the columns go."""


class Migration(migrations.Migration):
    """Add the tables and columns, fill and guard them."""

    dependencies = [
        ("clinic", "0007_senders_arrivals_deliveries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Addendum",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("text", models.TextField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "verbose_name_plural": "addenda",
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("first", "First read"), ("second", "Second read"), ("arbitration", "Arbitration")],
                        max_length=11,
                    ),
                ),
                (
                    "blind",
                    models.BooleanField(
                        default=False, help_text="Read before the reader could see the machine's verdict."
                    ),
                ),
                (
                    "right_quality",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("good", "Good"),
                            ("limited", "Limited, but can be read"),
                            ("unreadable", "Can not be read"),
                        ],
                        help_text="Empty: no eye.",
                        max_length=10,
                    ),
                ),
                (
                    "right_grade",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "No DR"),
                            (1, "Mild NPDR"),
                            (2, "Moderate NPDR"),
                            (3, "Severe NPDR"),
                            (4, "Proliferative DR"),
                        ],
                        null=True,
                    ),
                ),
                (
                    "right_dme",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("suspected", "Suspected"),
                            ("no_sign", "No sign seen"),
                            ("cannot_judge", "Can not judge"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "left_quality",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("good", "Good"),
                            ("limited", "Limited, but can be read"),
                            ("unreadable", "Can not be read"),
                        ],
                        help_text="Empty: no eye.",
                        max_length=10,
                    ),
                ),
                (
                    "left_grade",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "No DR"),
                            (1, "Mild NPDR"),
                            (2, "Moderate NPDR"),
                            (3, "Severe NPDR"),
                            (4, "Proliferative DR"),
                        ],
                        null=True,
                    ),
                ),
                (
                    "left_dme",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("suspected", "Suspected"),
                            ("no_sign", "No sign seen"),
                            ("cannot_judge", "Can not judge"),
                        ],
                        max_length=12,
                    ),
                ),
                ("features", models.JSONField(default=dict, help_text="Codes of Feature by eye: right, left.")),
                (
                    "marks",
                    models.JSONField(
                        default=list,
                        help_text="photograph, shape (arrow, circle), points in pixels of the upright photograph.",
                    ),
                ),
                ("comment", models.TextField(blank=True)),
                (
                    "other_finding",
                    models.TextField(blank=True, help_text="Of something else than diabetic retinopathy."),
                ),
                (
                    "override_reason",
                    models.TextField(blank=True, help_text="Why it differs from the machine's verdict."),
                ),
                ("compared_with", models.UUIDField(help_text="The earlier exam that `change` is against.", null=True)),
                (
                    "change",
                    models.CharField(
                        blank=True, choices=[("better", "Better"), ("same", "Same"), ("worse", "Worse")], max_length=6
                    ),
                ),
                (
                    "seen",
                    models.JSONField(
                        default=list, help_text="photograph, eye and verdict (or null) of each that was read."
                    ),
                ),
                (
                    "right_machine",
                    models.PositiveSmallIntegerField(help_text="The machine's grade when this was read.", null=True),
                ),
                (
                    "left_machine",
                    models.PositiveSmallIntegerField(help_text="The machine's grade when this was read.", null=True),
                ),
                (
                    "pack_id",
                    models.CharField(blank=True, help_text="Of the verdicts that stood beside it.", max_length=100),
                ),
                ("overrides", models.BooleanField(default=False, help_text="It differs from the machine's verdict.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(help_text="As in the page's address.", max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="Signature",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("signed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("password", "Password"),
                            ("passkey", "Passkey"),
                            ("sso", "Sign-in of the organisation"),
                        ],
                        max_length=8,
                    ),
                ),
                ("withdrawn_at", models.DateTimeField(editable=False, null=True)),
                ("withdrawn_reason", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.RemoveIndex(
            model_name="exam",
            name="exam_worklist",
        ),
        migrations.AddField(
            model_name="exam",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="clinic_id",
            field=retineye.clinic.models.exam.ClinicField(
                editable=False, help_text="The patient's organisation, for lists.", null=True
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="dme_suspected",
            field=models.BooleanField(default=False, editable=False, help_text="Of either eye, for lists."),
        ),
        migrations.AddField(
            model_name="exam",
            name="escalated_at",
            field=models.DateTimeField(editable=False, help_text="When it had waited too long unread.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="first_reader",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="left_grade",
            field=models.PositiveSmallIntegerField(editable=False, help_text="As known now, for lists.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="read_state",
            field=models.CharField(
                choices=[
                    ("not_yet", "Nothing to read yet"),
                    ("unread", "To be read"),
                    ("second", "Waits for a second read"),
                    ("arbitration", "Two reads differ"),
                    ("read", "Read, not signed"),
                    ("signed", "Signed"),
                ],
                default="not_yet",
                editable=False,
                max_length=11,
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="right_grade",
            field=models.PositiveSmallIntegerField(editable=False, help_text="As known now, for lists.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="second_read",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "No"),
                    ("share", "The clinic has a share of its exams read twice"),
                    ("asked", "A reader asked for it"),
                ],
                editable=False,
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="signed_at",
            field=models.DateTimeField(editable=False, help_text="While a signature stands.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="ungradable",
            field=models.BooleanField(default=False, editable=False, help_text="An eye is not readable, for lists."),
        ),
        migrations.AddIndex(
            model_name="exam",
            index=models.Index(
                fields=[
                    "clinic_id",
                    "-urgency",
                    "created_at",
                    "id",
                    "read_state",
                    "standing",
                    "unsure",
                    "ungradable",
                    "right_grade",
                    "left_grade",
                    "taken_on",
                    "assigned_to",
                    "first_reader",
                    "escalated_at",
                ],
                name="exam_desk",
            ),
        ),
        migrations.AddIndex(
            model_name="exam",
            index=models.Index(fields=["clinic_id", "-created_at", "-id"], name="exam_newest"),
        ),
        migrations.AddField(
            model_name="addendum",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="addendum",
            name="exam",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="addenda", to="clinic.exam"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="exam",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="reviews", to="clinic.exam"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="reader",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="revises",
            field=models.ForeignKey(
                help_text="The reader's own, earlier.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="revised_by",
                to="clinic.review",
            ),
        ),
        migrations.AddField(
            model_name="savedfilter",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="exam",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="signatures", to="clinic.exam"
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="review",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="signatures", to="clinic.review"
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="signed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="signature",
            name="withdrawn_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="addendum",
            name="signature",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="addenda", to="clinic.signature"
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["exam", "created_at"], name="review_history"),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["reader", "created_at"], name="review_reader"),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("right_grade__isnull", False), ("right_quality__in", ["good", "limited"])),
                    models.Q(("right_grade__isnull", True), ("right_quality__in", ["", "unreadable"])),
                    _connector="OR",
                ),
                name="review_right_grade_where_read",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("left_grade__isnull", False), ("left_quality__in", ["good", "limited"])),
                    models.Q(("left_grade__isnull", True), ("left_quality__in", ["", "unreadable"])),
                    _connector="OR",
                ),
                name="review_left_grade_where_read",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedfilter",
            constraint=models.UniqueConstraint(fields=("user", "name"), name="saved_filter_once_a_name"),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)), fields=("exam",), name="signature_once_an_exam"
            ),
        ),
        migrations.RunPython(fill_lists, leave_lists),
        migrations.RunPython(set_guards, lift_guards),
    ]
