"""The service's own settings, with a data folder that goes with the test run."""

import atexit
import os
import shutil
import tempfile

# Before the settings are read: they make their folders and their secret as they load.
_folder = tempfile.mkdtemp(prefix="retineye-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["RETINEYE_DATA_DIR"] = _folder
for _name in [name for name in os.environ if name.startswith("RETINEYE_") and name != "RETINEYE_DATA_DIR"]:
    del os.environ[_name]

from retineye.config.settings import *  # noqa: E402, F403
from retineye.config.settings import DATABASES  # noqa: E402

# A file, so that other threads and other processes see the same SQLite database.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(_folder, "test.sqlite3")}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Quick and worthless, for throw-away accounts.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
