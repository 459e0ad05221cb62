"""Other people's formats, as an app: for its commands."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """Formats of cameras, archives, hospitals and of the first RetinEye. It has no models."""

    name = "retineye.exchange"
    label = "exchange"
