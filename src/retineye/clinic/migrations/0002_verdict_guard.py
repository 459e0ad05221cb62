"""Have the database refuse changes to verdicts."""

from django.apps.registry import Apps
from django.db import migrations
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
    """Install the trigger."""

    dependencies = [("clinic", "0001_patients_exams_verdicts")]
    operations = [migrations.RunPython(set_guard, lift_guard)]
