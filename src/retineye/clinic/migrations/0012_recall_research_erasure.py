"""Keep calls to the next visit, what became of referrals, consent to research, holds and erasures."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery

from retineye.accounts.triggers import Guard, install, remove

GUARDS = (
    Guard("clinic_reminder", deletable=True),
    Guard("clinic_referraloutcome", deletable=True),
    Guard("clinic_erasure"),
)


def set_guards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Have the database refuse changes to what is written once."""
    for guard in GUARDS:
        install(schema_editor.connection, guard)


def lift_guards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away."""
    for guard in GUARDS:
        remove(schema_editor.connection, guard)


def fill_due(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the exams whose result was kept the day that it names; the others get theirs by the daily round."""
    results = apps.get_model("clinic", "StoredResult").objects.filter(exam=OuterRef("pk")).order_by("-created_at")
    apps.get_model("clinic", "Exam").objects.filter(cancelled_at=None).update(
        due_on=Subquery(results.values("due_by")[:1])
    )


def leave_due(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Do nothing: the column goes."""


class Migration(migrations.Migration):
    """Add the tables and columns, fill and guard them."""

    dependencies = [
        ("accounts", "0003_api_tokens"),
        ("clinic", "0011_eye_guess"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("patient_id", models.UUIDField(help_text="The id that the audit names.")),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("asked", "The patient asked for it"),
                            ("mistake", "The record was made by mistake"),
                            ("retention", "The clinic's time for keeping was over"),
                        ],
                        max_length=9,
                    ),
                ),
                ("exams", models.PositiveIntegerField()),
                ("photographs", models.PositiveIntegerField()),
                ("files", models.PositiveIntegerField(help_text="How many files were deleted.")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="ReferralOutcome",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("booked", "Appointment made"),
                            ("seen", "Was seen"),
                            ("missed", "Did not go"),
                            ("refused", "Does not want to go"),
                        ],
                        max_length=7,
                    ),
                ),
                ("where", models.CharField(blank=True, help_text="The hospital or doctor.", max_length=200)),
                (
                    "on",
                    models.DateField(blank=True, help_text="The day of the visit, or of the appointment.", null=True),
                ),
                (
                    "found",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("nothing", "No disease that needs care"),
                            ("watch", "Disease, to be watched"),
                            ("laser", "Treated by laser"),
                            ("injections", "Treated by injections"),
                            ("surgery", "Surgery"),
                            ("other", "Another eye disease"),
                            ("not_known", "Not known yet"),
                        ],
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("reached", "Called: reached, will come"),
                            ("no_answer", "Called: no answer"),
                            ("wrong_number", "Called: wrong number"),
                            ("relative", "Called: spoke with a relative"),
                            ("refused", "Called: will not come now"),
                            ("letter", "Letter sent"),
                            ("message", "Message sent"),
                            ("booked", "Appointment made"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "next_on",
                    models.DateField(blank=True, help_text="The appointment, or the day to try again.", null=True),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.AddField(
            model_name="exam",
            name="due_on",
            field=models.DateField(editable=False, help_text="When to come again or be seen, as known now.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="due_set_on",
            field=models.DateField(blank=True, help_text="A day that a person put in its place.", null=True),
        ),
        migrations.AddField(
            model_name="exam",
            name="recall_end",
            field=models.CharField(blank=True, help_text="A code of RecallEnd: not called any more.", max_length=10),
        ),
        migrations.AddField(
            model_name="patient",
            name="held_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="Legal hold: nothing is erased.", null=True
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="held_by",
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
            model_name="patient",
            name="held_reason",
            field=models.CharField(blank=True, editable=False, max_length=300),
        ),
        migrations.AddField(
            model_name="patient",
            name="research_consent",
            field=models.BooleanField(help_text="To anonymised use in research; null: nobody asked.", null=True),
        ),
        migrations.AddField(
            model_name="patient",
            name="research_consent_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="exam",
            index=models.Index(fields=["clinic_id", "due_on"], name="exam_due"),
        ),
        migrations.AddField(
            model_name="erasure",
            name="by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="erasure",
            name="organisation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organisation"
            ),
        ),
        migrations.AddField(
            model_name="referraloutcome",
            name="by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="referraloutcome",
            name="exam",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="referral_outcomes", to="clinic.exam"
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="exam",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="reminders", to="clinic.exam"
            ),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(fields=["organisation", "-at"], name="erasure_list"),
        ),
        migrations.AddIndex(
            model_name="referraloutcome",
            index=models.Index(fields=["exam", "-at"], name="referral_outcome_latest"),
        ),
        migrations.AddIndex(
            model_name="reminder",
            index=models.Index(fields=["exam", "-at"], name="reminder_latest"),
        ),
        migrations.RunPython(fill_due, leave_due),
        migrations.RunPython(set_guards, lift_guards),
    ]
