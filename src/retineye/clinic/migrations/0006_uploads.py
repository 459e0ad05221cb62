import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clinic", "0005_macula_sign"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="photograph",
            name="camera",
            field=models.CharField(blank=True, help_text="Maker and model, where the file says so.", max_length=100),
        ),
        migrations.AddField(
            model_name="photograph",
            name="taken_at",
            field=models.DateTimeField(
                blank=True, help_text="By the camera's clock, where the file says so.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="exam",
            name="left_absence",
            field=models.CharField(
                blank=True,
                choices=[
                    ("no_eye", "No eye on this side"),
                    ("cataract", "Dense cataract"),
                    ("small_pupil", "Pupil too small"),
                    ("cooperation", "Patient could not hold still"),
                    ("clouding", "Other clouding in the eye"),
                    ("declined", "Patient declined"),
                    ("camera", "Camera out of order"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="exam",
            name="right_absence",
            field=models.CharField(
                blank=True,
                choices=[
                    ("no_eye", "No eye on this side"),
                    ("cataract", "Dense cataract"),
                    ("small_pupil", "Pupil too small"),
                    ("cooperation", "Patient could not hold still"),
                    ("clouding", "Other clouding in the eye"),
                    ("declined", "Patient declined"),
                    ("camera", "Camera out of order"),
                ],
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        help_text="The browser's, so that asking twice is one.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "eye",
                    models.CharField(
                        blank=True,
                        choices=[("right", "Right eye"), ("left", "Left eye")],
                        help_text="As a person said; empty: not yet.",
                        max_length=5,
                    ),
                ),
                (
                    "field",
                    models.CharField(
                        choices=[("unknown", "Not stated"), ("macula", "Macula centred"), ("disc", "Disc centred")],
                        default="unknown",
                        max_length=7,
                    ),
                ),
                (
                    "hint",
                    models.CharField(
                        blank=True,
                        choices=[("right", "Right eye"), ("left", "Left eye")],
                        help_text="The eye that the file's name speaks of.",
                        max_length=5,
                    ),
                ),
                (
                    "number",
                    models.PositiveSmallIntegerField(
                        help_text="Its place in the file that it was taken out of.", null=True
                    ),
                ),
                ("bytes", models.PositiveBigIntegerField()),
                ("received", models.PositiveBigIntegerField(default=0)),
                (
                    "sha256",
                    models.CharField(blank=True, help_text="Of the whole, where the sender said so.", max_length=64),
                ),
                (
                    "opened_at",
                    models.DateTimeField(help_text="When it was found to hold several, and parted.", null=True),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("touched_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "exam",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="uploads", to="clinic.exam"
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
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["exam", "user"], name="upload_exam_user"),
                    models.Index(fields=["touched_at"], name="upload_touched"),
                ],
            },
        ),
    ]
