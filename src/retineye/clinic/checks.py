"""Check the house at start-up: pack, storage, secret. And keep an eye on the pack afterwards."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from retineye.grading.errors import BadCardError, BadChecksumError, PackError, PackMissingError
from retineye.grading.pack import ModelPack

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

NO_PACK_STATUS = 3
"""Exit status of a command that ends because there is no pack that can be trusted."""

_FRESH_S = 10.0


@dataclass(frozen=True, slots=True)
class PackStatus:
    """Whether photographs can be graded."""

    ok: bool
    message: str
    """Empty, or a sentence for who runs the server: what is wrong with the pack."""
    pack_id: str
    told: "_StrOrPromise" = ""
    """The same for everybody, on pages."""
    warnings: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    """The whole card of a pack that is in order: its terms, its limits, what it was made from."""


_TROUBLE = gettext_lazy("The model pack can not be trusted.")
_TROUBLES = {
    PackMissingError.code: gettext_lazy("The model pack, or one of its files, is not there."),
    BadChecksumError.code: gettext_lazy("A file of the model pack is not the one that was packed."),
    BadCardError.code: gettext_lazy("The model pack's card does not fit its network or this program."),
}
_UNTIL = gettext_lazy("Photographs are kept and wait; nothing is graded until the pack is put right.")
_FOR_TESTS = gettext_lazy("The model pack is for tests only. Photographs are kept and wait.")
_seen: tuple[float, PackStatus] | None = None


def pack_status(*, fresh: bool = False) -> PackStatus:
    """Say whether the model pack is verified. An answer holds for ten seconds, unless a fresh one is asked for."""
    global _seen
    if fresh or _seen is None or time.monotonic() - _seen[0] > _FRESH_S:
        _seen = (time.monotonic(), _look())
    return _seen[1]


def pack_card() -> Mapping[str, Any] | None:
    """Give the card of the model pack, or None while the pack is not in order."""
    return pack_status().card or None


def forget() -> None:
    """Have the next question looked into anew."""
    global _seen
    _seen = None


def _look() -> PackStatus:
    try:
        pack = ModelPack.load(settings.RETINEYE_PACK or None)
    except PackError as exc:
        message = f"{exc} Photographs are kept and wait; nothing is graded until the pack is put right."
        return PackStatus(False, message, "", told=format_lazy("{} {}", _TROUBLES.get(exc.code, _TROUBLE), _UNTIL))
    if pack.card.purpose == "test" and not settings.RETINEYE_ALLOW_TEST_PACK:
        return PackStatus(
            False, "The model pack is for tests only. Photographs are kept and wait.", pack.id.id, told=_FOR_TESTS
        )
    return PackStatus(True, "", pack.id.id, "", pack.card.version_differences(), pack.card.content)


@register()
def check_pack(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Look at the model pack."""
    status = pack_status(fresh=True)
    if not status.ok:
        return [Warning(status.message, hint="Set RETINEYE_PACK to the folder of a verified pack.", id="retineye.W001")]
    return [
        Warning(text, hint="Grades may shift a little: evaluate the pack again.", id="retineye.W002")
        for text in status.warnings
    ]


@register()
def check_storage(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Try to write where photographs are kept."""
    found: list[CheckMessage] = []
    for folder in (Path(settings.MEDIA_ROOT), Path(settings.FILE_UPLOAD_TEMP_DIR)):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with TemporaryFile(dir=folder) as file:
                file.write(b"x")
        except OSError as exc:
            found.append(
                Error(
                    f"{folder} can not be written: {exc.strerror}.", hint="See RETINEYE_DATA_DIR.", id="retineye.E001"
                )
            )
    return found


@register()
def check_secret(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """See that nobody else reads the secret key's file."""
    path = Path(settings.OWN_SECRET_FILE)
    if path.exists() and path.stat().st_mode & 0o077:
        return [Warning(f"{path} can be read by others.", hint=f"chmod 600 {path}", id="retineye.W003")]
    return []
