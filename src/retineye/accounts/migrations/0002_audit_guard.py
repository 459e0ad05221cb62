"""Have the database refuse changes to the audit trail."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from retineye.accounts.triggers import Guard, install, remove

GUARDS = [Guard("accounts_auditevent"), Guard("accounts_auditblock"), Guard("accounts_auditseal")]


def set_guards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Install a trigger on each table."""
    for guard in GUARDS:
        install(schema_editor.connection, guard)


def lift_guards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away."""
    for guard in GUARDS:
        remove(schema_editor.connection, guard)


class Migration(migrations.Migration):
    """Install the triggers."""

    dependencies = [("accounts", "0001_people")]
    operations = [migrations.RunPython(set_guards, lift_guards)]
