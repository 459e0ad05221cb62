"""The Django app of people and rights."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Name the app."""

    name = "retineye.accounts"
    label = "accounts"
    verbose_name = "People and rights"
