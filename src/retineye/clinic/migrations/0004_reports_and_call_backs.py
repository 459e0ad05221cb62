"""Keep results with their tables, reports, the calls that follow, and the clinic's own words."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import retineye.clinic.models.report
from retineye.accounts.triggers import Guard, install, remove

GUARD = Guard("clinic_storedresult", deletable=True)


def set_guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have the database refuse changes to stored results."""
    install(schema_editor.connection, GUARD)


def lift_guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the trigger away."""
    remove(schema_editor.connection, GUARD)


class Migration(migrations.Migration):
    """Add the tables and guard stored results."""

    dependencies = [
        ("accounts", "0002_audit_guard"),
        ("clinic", "0003_patient_record_and_corrections"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CallBack",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("urgency", models.PositiveSmallIntegerField()),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reached", "Reached and told"),
                            ("refused", "Reached, will not come"),
                            ("not_reached", "Given up: can not be reached"),
                            ("not_needed", "Not needed any more"),
                        ],
                        max_length=11,
                    ),
                ),
                (
                    "closed_by",
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="call_backs", to="clinic.exam"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CallBackTry",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("no_answer", "No answer"),
                            ("wrong_number", "Wrong number"),
                            ("message", "Left a message to call the clinic"),
                            ("relative", "Asked a relative to have the patient call"),
                            ("spoke", "Spoke with the patient"),
                        ],
                        max_length=12,
                    ),
                ),
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
                    "call_back",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tries", to="clinic.callback"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StoredResult",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "basis",
                    models.CharField(
                        choices=[("machine", "The software, not confirmed"), ("signed", "Signed by a doctor")],
                        max_length=7,
                    ),
                ),
                ("review_id", models.UUIDField(help_text="The signed review it follows from.", null=True)),
                ("guideline_key", models.CharField(max_length=40)),
                ("guideline_name", models.CharField(max_length=80)),
                ("guideline_version", models.CharField(max_length=40)),
                ("guideline_setting", models.CharField(max_length=80)),
                ("guideline_sha256", models.CharField(help_text="Of the table's file.", max_length=64)),
                ("rule", models.CharField(help_text="Code of the rule that fired.", max_length=40)),
                ("conclusion", models.CharField(max_length=12)),
                ("finding", models.CharField(blank=True, max_length=20)),
                ("worse_eye", models.CharField(blank=True, max_length=5)),
                ("grade", models.PositiveSmallIntegerField(null=True)),
                (
                    "interval",
                    models.CharField(blank=True, help_text="The table's, such as 3 months/6 months.", max_length=40),
                ),
                ("due_by", models.DateField(null=True)),
                ("urgency", models.PositiveSmallIntegerField(default=0)),
                ("eyes", models.JSONField(default=dict, help_text="What was known of each eye, in codes.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "created_by",
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="results", to="clinic.exam"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("patient", "For the patient"), ("clinician", "For the clinician")], max_length=9
                    ),
                ),
                ("language", models.CharField(max_length=8)),
                ("number", models.PositiveIntegerField(help_text="Counts the reports of an exam.")),
                ("provisional", models.BooleanField(help_text="Made before a doctor signed.")),
                (
                    "content_sha256",
                    models.CharField(help_text="Of all that it says: the same again is not made twice.", max_length=64),
                ),
                ("sha256", models.CharField(help_text="Of the file.", max_length=64)),
                ("file", models.FileField(max_length=200, upload_to=retineye.clinic.models.report.report_place)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "superseded_at",
                    models.DateTimeField(blank=True, help_text="When the result changed, or another came.", null=True),
                ),
                (
                    "void_at",
                    models.DateTimeField(
                        blank=True, help_text="When it became wrong: never to be acted on.", null=True
                    ),
                ),
                ("void_reason", models.CharField(blank=True, help_text="A code of `clinic.reports`.", max_length=40)),
                (
                    "exam",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="clinic.exam"
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "result",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="clinic.storedresult"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="callback",
            name="now",
            field=models.ForeignKey(
                help_text="What holds now.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="clinic.storedresult",
            ),
        ),
        migrations.AddField(
            model_name="callback",
            name="told",
            field=models.ForeignKey(
                help_text="What they heard.",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="clinic.storedresult",
            ),
        ),
        migrations.CreateModel(
            name="TextReview",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("language", models.CharField(max_length=8)),
                ("reviewed_by", models.CharField(help_text="Who read them, as it is printed.", max_length=200)),
                ("texts_sha256", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organisation"
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ClinicText",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("language", models.CharField(max_length=8)),
                ("key", models.CharField(max_length=60)),
                ("text", models.TextField()),
                ("edited_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "edited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organisation"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "language", "key"), name="clinic_text_once_a_key")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="storedresult",
            index=models.Index(fields=["exam", "-created_at"], name="result_latest"),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["exam", "kind", "language", "-number"], name="report_latest"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.UniqueConstraint(fields=("exam", "number"), name="report_number_once"),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(fields=["closed_at", "-urgency", "opened_at"], name="call_back_list"),
        ),
        migrations.AddConstraint(
            model_name="callback",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)), fields=("exam",), name="call_back_once_open_an_exam"
            ),
        ),
        migrations.RunPython(set_guard, lift_guard),
    ]
