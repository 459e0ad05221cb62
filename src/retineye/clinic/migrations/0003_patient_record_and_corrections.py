"""Keep the patient's record, the visit's facts, corrections and the clinic's settings."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import retineye.clinic.models.settings
from retineye.accounts.triggers import Guard, install, remove

GUARD = Guard("clinic_correction", deletable=True)


def set_guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have the database refuse changes to corrections."""
    install(schema_editor.connection, GUARD)


def lift_guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the trigger away."""
    remove(schema_editor.connection, GUARD)


class Migration(migrations.Migration):
    """Add the fields and the tables."""

    dependencies = [
        ("accounts", "0002_audit_guard"),
        ("clinic", "0002_verdict_guard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ClinicSettings",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the time zone of the service.",
                        max_length=64,
                        validators=[retineye.clinic.models.settings.a_time_zone],
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        default="en", help_text="Of the patient's page, unless the patient says.", max_length=8
                    ),
                ),
                (
                    "report_contact",
                    models.TextField(blank=True, help_text="Whom the patient calls, as the report prints it."),
                ),
                (
                    "blind_first",
                    models.BooleanField(default=False, help_text="The reader sees the photograph before the grade."),
                ),
                (
                    "second_read_percent",
                    models.PositiveSmallIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(100)]
                    ),
                ),
                (
                    "escalate_after_hours",
                    models.PositiveSmallIntegerField(
                        default=24, validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                ("shadow_mode", models.BooleanField(default=False, help_text="Verdicts are stored and not shown.")),
                (
                    "retention_years",
                    models.PositiveSmallIntegerField(blank=True, help_text="Empty: kept for good.", null=True),
                ),
                (
                    "low_acuity_logmar",
                    models.FloatField(
                        default=0.5,
                        help_text="An eye that sees this badly or worse overrides the interval (logMAR; 0.5 is 6/19 or 20/63).",
                        validators=[
                            django.core.validators.MinValueValidator(-0.3),
                            django.core.validators.MaxValueValidator(3.0),
                        ],
                    ),
                ),
                (
                    "capture_warn_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="A photograph that is older asks a person.",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organisation"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "clinic settings",
            },
        ),
        migrations.AddField(
            model_name="exam",
            name="accession",
            field=models.CharField(blank=True, help_text="The order's number in the hospital's system.", max_length=64),
        ),
        migrations.AddField(
            model_name="exam",
            name="cancelled_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="cancelled_by",
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
            name="cancelled_reason",
            field=models.CharField(blank=True, editable=False, max_length=500),
        ),
        migrations.AddField(
            model_name="exam",
            name="consent",
            field=models.BooleanField(help_text="To being photographed and graded; null: nobody asked.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="consent_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="facts_at",
            field=models.DateTimeField(blank=True, help_text="When somebody confirmed the facts above.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="hba1c",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="hba1c_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="hba1c_unit",
            field=models.CharField(blank=True, choices=[("percent", "%"), ("mmol_mol", "mmol/mol")], max_length=8),
        ),
        migrations.AddField(
            model_name="exam",
            name="last_eye_exam",
            field=models.CharField(
                blank=True, help_text="As far as it is known: 2024, 2024-05, 2024-05-31 or never.", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="left_acuity",
            field=models.CharField(blank=True, help_text="In the notation given, such as 6/12.", max_length=20),
        ),
        migrations.AddField(
            model_name="exam",
            name="left_acuity_logmar",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="left_dilated",
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="low_acuity_logmar",
            field=models.FloatField(default=0.5, help_text="From here on an eye sees badly, when this was read."),
        ),
        migrations.AddField(
            model_name="exam",
            name="pregnant",
            field=models.BooleanField(help_text="Null: not asked, or does not apply.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="right_acuity",
            field=models.CharField(blank=True, help_text="In the notation given, such as 6/12.", max_length=20),
        ),
        migrations.AddField(
            model_name="exam",
            name="right_acuity_logmar",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="right_dilated",
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="submitted_at",
            field=models.DateTimeField(blank=True, help_text="When it was handed over; null: a draft.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="symptoms",
            field=models.JSONField(blank=True, default=list, help_text="Codes of Symptom."),
        ),
        migrations.AddField(
            model_name="exam",
            name="symptoms_other",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="exam",
            name="taken_at",
            field=models.DateTimeField(
                blank=True, help_text="The moment, where more than the day is known.", null=True
            ),
        ),
        migrations.AddField(
            model_name="exam",
            name="treated",
            field=models.JSONField(blank=True, default=dict, help_text="Codes of Treatment by eye: right, left."),
        ),
        migrations.AddField(
            model_name="patient",
            name="deceased_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="patient",
            name="diabetes_type",
            field=models.CharField(
                blank=True,
                choices=[
                    ("type1", "Type 1"),
                    ("type2", "Type 2"),
                    ("gestational", "In pregnancy"),
                    ("other", "Another kind"),
                    ("unknown", "Not known"),
                ],
                max_length=11,
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="diabetes_year",
            field=models.PositiveSmallIntegerField(blank=True, help_text="When diabetes was found.", null=True),
        ),
        migrations.AddField(
            model_name="patient",
            name="language",
            field=models.CharField(blank=True, help_text="Of the patient's page; empty: the clinic's.", max_length=8),
        ),
        migrations.AddField(
            model_name="patient",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="merged",
                to="clinic.patient",
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="phone",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="patient",
            name="sex",
            field=models.CharField(
                blank=True, choices=[("female", "Female"), ("male", "Male"), ("other", "Other")], max_length=6
            ),
        ),
        migrations.AlterField(
            model_name="exam",
            name="standing",
            field=models.CharField(
                choices=[
                    ("empty", "No photographs yet"),
                    ("pending", "Being graded"),
                    ("incomplete", "Incomplete"),
                    ("human_read", "Needs a human read"),
                    ("examination", "Refer for examination"),
                    ("refer", "Refer"),
                    ("routine", "Routine"),
                    ("cancelled", "Cancelled"),
                ],
                default="empty",
                editable=False,
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="Correction",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("other_eye", "Photograph moved to the other eye"),
                            ("other_exam", "Photograph moved to another exam"),
                            ("exam_moved", "Exam moved to another patient"),
                            ("exam_cancelled", "Exam cancelled"),
                            ("merged", "Patients merged"),
                            ("parted", "Merge undone"),
                        ],
                        max_length=14,
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("exams", models.JSONField(default=list, help_text="Ids of the exams that a merge brought along.")),
                ("withdrew", models.BooleanField(default=False, help_text="A signature was withdrawn by it.")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "exam",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="corrections",
                        to="clinic.exam",
                    ),
                ),
                (
                    "other_exam",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="corrections_into",
                        to="clinic.exam",
                    ),
                ),
                (
                    "other_patient",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="clinic.patient"
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="corrections", to="clinic.patient"
                    ),
                ),
                (
                    "photograph",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="corrections",
                        to="clinic.photograph",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["patient", "-at"], name="correction_history")],
            },
        ),
        migrations.CreateModel(
            name="PatientIdentifier",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "system",
                    models.CharField(
                        blank=True, help_text="Who gave the number: a URI, or a short name.", max_length=200
                    ),
                ),
                ("value", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="identifiers", to="clinic.patient"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["value", "system"], name="identifier_value")],
                "constraints": [
                    models.UniqueConstraint(fields=("patient", "system", "value"), name="identifier_once_a_patient")
                ],
            },
        ),
        migrations.RunPython(set_guard, lift_guard),
    ]
