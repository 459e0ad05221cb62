"""`retineye listen-dicom`, from the settings to the listener."""

import os
import ssl

from django.conf import settings

from retineye.clinic.senders import titles
from retineye.exchange.dicom_in.listener import Listening, listen, until_signal


def run(host: str, port: int) -> None:
    """Listen until told to stop; end with a sentence where that can not be."""
    listening = Listening(
        host,
        port,
        ae_title=settings.RETINEYE_DICOM_AE_TITLE,
        certificate=settings.RETINEYE_DICOM_CERTIFICATE,
        key=settings.RETINEYE_DICOM_KEY,
        authorities=settings.RETINEYE_DICOM_AUTHORITIES,
    )
    if not titles():
        say("No machine may send yet. Add one: retineye manage sender NAME --ae-title TITLE")
    try:
        listen(listening, parent=os.getpid(), say=say, stopping=until_signal())
    except (OSError, ssl.SSLError) as exc:
        raise SystemExit(f"RetinEye does not listen on {host} port {port}: {exc.strerror or exc}.") from exc


def say(text: str) -> None:
    """Print a line for the person who started the listener, at once."""
    print(text, flush=True)
