"""Keep with a verdict which eye the picture seems to show. SQLite makes the table anew, so its guard is set again."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from retineye.accounts.triggers import Guard, install, remove

GUARD = Guard("clinic_verdict", deletable=True)


def set_guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Install the trigger."""
    install(schema_editor.connection, GUARD)


def lift_guard(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the trigger away."""
    remove(schema_editor.connection, GUARD)


class Migration(migrations.Migration):
    """Add the field between lifting and setting the guard."""

    dependencies = [("clinic", "0010_webhooks_single_grades_batches")]
    operations = [
        migrations.RunPython(lift_guard, set_guard),
        migrations.AddField(
            model_name="verdict",
            name="eye_guess",
            field=models.CharField(
                blank=True,
                help_text="The eye that the picture seems to show, where that is sure: a warning.",
                max_length=5,
            ),
        ),
        migrations.RunPython(set_guard, lift_guard),
    ]
