"""Keep what another system held of a patient."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import retineye.clinic.models.earlier


class Migration(migrations.Migration):
    dependencies = [
        ("clinic", "0008_reads_and_signatures"),
    ]

    operations = [
        migrations.CreateModel(
            name="EarlierRecord",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=40)),
                ("happened_on", models.DateField()),
                ("said", models.CharField(blank=True, help_text="The result, word for word.", max_length=40)),
                (
                    "grade",
                    models.PositiveSmallIntegerField(
                        help_text="What it means on the scale 0-4, by that system.", null=True
                    ),
                ),
                (
                    "picture",
                    models.FileField(
                        blank=True,
                        help_text="The bytes as they came.",
                        max_length=200,
                        upload_to=retineye.clinic.models.earlier.earlier_place,
                    ),
                ),
                (
                    "display",
                    models.FileField(
                        blank=True, max_length=200, upload_to=retineye.clinic.models.earlier.earlier_place
                    ),
                ),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("width_px", models.PositiveIntegerField(null=True)),
                ("height_px", models.PositiveIntegerField(null=True)),
                (
                    "thumbnail_only",
                    models.BooleanField(default=False, help_text="Too small to be graded: the original is lost."),
                ),
                (
                    "eye",
                    models.CharField(
                        blank=True,
                        choices=[("right", "Right eye"), ("left", "Left eye")],
                        help_text="A guess, until it is filed.",
                        max_length=5,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="earlier", to="clinic.patient"
                    ),
                ),
                (
                    "photograph",
                    models.ForeignKey(
                        help_text="What it was filed as.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="clinic.photograph",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["patient", "-happened_on"], name="earlier_history")],
            },
        ),
    ]
