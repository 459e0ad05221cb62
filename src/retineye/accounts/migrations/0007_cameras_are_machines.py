"""Mark the accounts that cameras and archives act as: nobody signs in with one."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def mark(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Know them by the address that they were made with."""
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    users.filter(email__endswith="@machines.invalid", machine=False).update(machine=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_language")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
