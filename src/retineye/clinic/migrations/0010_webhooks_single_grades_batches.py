"""Webhooks, single grades, batches."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import retineye.clinic.models.batch
import retineye.clinic.models.single


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_api_tokens"),
        ("clinic", "0009_earlier_records"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                (
                    "source",
                    models.CharField(
                        choices=[("zip", "A zip file that came with the table"), ("folder", "A folder of the server")],
                        max_length=6,
                    ),
                ),
                (
                    "pictures",
                    models.FileField(blank=True, max_length=200, upload_to=retineye.clinic.models.batch.batch_place),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Being taken in"), ("paused", "Paused"), ("done", "Taken in")],
                        default="running",
                        max_length=7,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organisation"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "batches",
            },
        ),
        migrations.CreateModel(
            name="BatchRow",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("line", models.PositiveIntegerField(help_text="In the table; its heading is line 1.")),
                ("path", models.CharField(max_length=500)),
                ("patient_number", models.CharField(max_length=60)),
                ("patient_name", models.CharField(blank=True, max_length=200)),
                ("birth_date", models.DateField(null=True)),
                ("eye", models.CharField(choices=[("right", "Right eye"), ("left", "Left eye")], max_length=5)),
                ("taken_on", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("taken", "Taken in"), ("refused", "Not taken in")],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, help_text="A code: why it was not taken in.", max_length=40)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="clinic.batch"
                    ),
                ),
                (
                    "photograph",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="clinic.photograph",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SingleGrade",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(help_text="Of the file, as the program gave it.", max_length=255)),
                ("sha256", models.CharField(max_length=64)),
                (
                    "original",
                    models.FileField(blank=True, max_length=200, upload_to=retineye.clinic.models.single.single_place),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("grading", "Grading"), ("done", "Done")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("answer", models.JSONField(help_text="The line that `retineye grade` prints.", null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organisation"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("url", models.URLField(max_length=500)),
                ("events", models.JSONField(default=list, help_text="Codes of `webhooks.Event`.")),
                ("active", models.BooleanField(default=True)),
                ("secret_version", models.PositiveSmallIntegerField(default=1, editable=False)),
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
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organisation"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("event", models.CharField(max_length=40)),
                ("body", models.JSONField(help_text="What is sent.")),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("sent", "Taken"), ("failed", "Given up")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("status", models.PositiveSmallIntegerField(help_text="What the address answered last.", null=True)),
                ("error", models.CharField(blank=True, help_text="A code: why there was no answer.", max_length=40)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="clinic.webhook"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
            },
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["organisation", "-created_at"], name="batch_list"),
        ),
        migrations.AddIndex(
            model_name="batchrow",
            index=models.Index(fields=["batch", "state", "line"], name="batch_row_next"),
        ),
        migrations.AddConstraint(
            model_name="batchrow",
            constraint=models.UniqueConstraint(fields=("batch", "line"), name="batch_row_once_a_line"),
        ),
        migrations.AddIndex(
            model_name="singlegrade",
            index=models.Index(fields=["state", "created_at"], name="single_waiting"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["state", "next_at"], name="webhook_due"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["webhook", "-created_at"], name="webhook_log"),
        ),
    ]
