"""Names the room for Django."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The pages."""

    name = "retineye.web"
    label = "web"
