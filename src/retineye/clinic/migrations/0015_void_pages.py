import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clinic", "0014_inbox_and_last_change"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="callback",
            name="call_back_once_open_an_exam",
        ),
        migrations.AddField(
            model_name="callback",
            name="why",
            field=models.CharField(
                choices=[("worse", "A later read is worse"), ("void", "The page is void")],
                default="worse",
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="callback",
            name="patient",
            field=models.ForeignKey(
                help_text="Who was told, where the exam turned out to be another patient's.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="clinic.patient",
            ),
        ),
        migrations.AddConstraint(
            model_name="callback",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None), ("patient", None)),
                fields=("exam",),
                name="call_back_once_open_an_exam",
            ),
        ),
    ]
