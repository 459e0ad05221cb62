"""The service's own settings, with one difference: a pack for tests may grade."""

from retineye.config.settings import *  # noqa: F403

RETINEYE_ALLOW_TEST_PACK = True
