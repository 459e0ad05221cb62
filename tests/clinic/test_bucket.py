"""Files in an object store: a real server, killed and started again, and its files changed behind its back."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from retineye.clinic import bucket, health, queue
from retineye.clinic.intake import StorageFailed
from retineye.clinic.models import Photograph, State, Verdict
from retineye.clinic.orphans import remove_orphans
from retineye.config import environment
from tests.cast import Clinic, add_exam, picture, send
from tests.store import BUCKET, Store

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture()
def store(tmp_path: Path, settings: Any) -> Iterator[Store]:
    """Have the service keep its files in a store."""
    store = Store(tmp_path / "store")
    store.start()
    settings.STORAGES = {**settings.STORAGES, "default": store.settings}
    yield store
    store.kill()


def names(store: Store) -> set[str]:
    """Name what lies in the bucket, as its disk has it."""
    return {path.name for path in store.folder.rglob("*") if path.is_file()}


def test_a_photograph_goes_its_whole_road_with_its_files_in_the_store(
    store: Store, client: Client, hill: Clinic, lake: Clinic
) -> None:
    sent = send(hill, add_exam(hill), picture())
    assert queue.take_one("here")
    sent.refresh_from_db()
    assert sent.state == State.GRADED
    assert names(store) == {"original.jpg", "display-1.jpg", "thumbnail-1.jpg", "attention-1.png"}
    with sent.original.open("rb") as file:
        assert file.read() == picture()
    client.force_login(hill.doctor, backend=BACKEND)
    for name in ("photograph_display", "photograph_thumbnail", "photograph_heatmap"):
        answer = client.get(reverse(name, args=[sent.pk]))
        assert answer.status_code == 200, name
        assert answer.content.startswith((b"\xff\xd8", b"\x89PNG"))
    client.force_login(lake.doctor, backend=BACKEND)
    assert client.get(reverse("photograph_display", args=[sent.pk])).status_code == 404
    with pytest.raises(PermissionError):
        print(sent.original.url)


def test_the_same_place_is_never_written_twice(store: Store) -> None:
    first = default_storage.save("a/b/c.jpg", ContentFile(b"first"))
    second = default_storage.save("a/b/c.jpg", ContentFile(b"second"))
    assert first != second
    with default_storage.open(first) as file:
        assert file.read() == b"first"


def test_it_answers_as_a_folder_does(store: Store) -> None:
    assert not default_storage.exists("")
    default_storage.save("a/b/c.jpg", ContentFile(b"first"))
    assert default_storage.exists("")
    assert default_storage.exists("a/b")
    assert not default_storage.exists("a/c")
    assert default_storage.listdir("a") == (["b"], [])
    assert default_storage.listdir("a/b") == ([], ["c.jpg"])
    assert default_storage.size("a/b/c.jpg") == 5
    assert abs(default_storage.get_modified_time("a/b/c.jpg") - timezone.now()) < timedelta(minutes=5)
    default_storage.delete("a/b/c.jpg")
    default_storage.delete("a/b/c.jpg")
    with pytest.raises(FileNotFoundError):
        default_storage.open("a/b/c.jpg")


def test_a_file_that_was_changed_in_the_store_is_not_handed_out(store: Store) -> None:
    name = default_storage.save("a/b.jpg", ContentFile(b"what was written"))
    client = default_storage.connection.meta.client  # type: ignore[attr-defined]
    told = client.head_object(Bucket=BUCKET, Key=name)["Metadata"]
    assert [key.lower() for key in told] == ["sha256"]
    client.put_object(Bucket=BUCKET, Key=name, Body=b"what was changed", Metadata=told)
    with pytest.raises(bucket.AlteredError):
        default_storage.open(name)


def test_an_original_that_was_changed_in_the_store_is_never_graded(store: Store, hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture(1))
    (store.folder / (sent.original.name or "")).write_bytes(picture(2))
    queue.take_one("here")
    sent.refresh_from_db()
    assert not Verdict.objects.exists()
    assert sent.state in (State.WAITING, State.FAILED)


def test_a_store_that_is_away_takes_nothing_and_promises_nothing(store: Store, hill: Clinic) -> None:
    exam = add_exam(hill)
    store.kill()
    with pytest.raises(StorageFailed):
        send(hill, exam, picture())
    assert not Photograph.objects.exists()
    assert health.health(fresh=True).parts["storage"] == "unreachable"
    store.start()
    health.forget()
    assert health.health().parts["storage"] == "ok"
    sent = send(hill, exam, picture())
    with sent.original.open("rb") as file:
        assert file.read() == picture()


def test_a_photograph_waits_while_the_store_is_away_and_is_graded_when_it_is_back(store: Store, hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    store.kill()
    queue.take_one("here")
    sent.refresh_from_db()
    assert (sent.state, sent.lapses) == (State.WAITING, 0)
    store.start()
    queue.enqueue(sent.pk)
    queue.take_one("here")
    sent.refresh_from_db()
    assert sent.state == State.GRADED


class _Deadly(ContentFile):  # type: ignore[type-arg]  # generic in the stubs alone
    """A file in whose middle the store is killed, on the way there and not while it is hashed."""

    def __init__(self, content: bytes, store: Store) -> None:
        super().__init__(content)
        self.store, self.turns = store, 0

    def read(self, *args: Any) -> bytes:
        """Give the next bytes."""
        data: bytes = self.file.read(*args)
        if self.tell() == self.size and data:
            self.turns += 1
            if self.turns == 2:
                self.store.kill()
        return data


def test_a_store_that_dies_in_the_middle_of_a_write_leaves_nothing_that_counts(store: Store, hill: Clinic) -> None:
    content = bytes(range(256)) * 4096 * 12
    with pytest.raises(OSError, match="store"):
        default_storage.save(f"{hill.organisation.pk}/photograph.jpg", _Deadly(content, store))
    store.start()
    name = default_storage.save(f"{hill.organisation.pk}/photograph.jpg", ContentFile(content))
    with default_storage.open(name) as file:
        assert file.read() == content


def test_what_has_no_row_is_swept_from_the_store_after_an_hour(store: Store, hill: Clinic) -> None:
    sent = send(hill, add_exam(hill), picture())
    lost = default_storage.save((sent.original.name or "").replace("original", "lost"), ContentFile(b"lost"))
    assert remove_orphans(timezone.now()) == 0
    assert remove_orphans(timezone.now() + timedelta(hours=2)) == 1
    assert not default_storage.exists(lost)
    assert default_storage.exists(sent.original.name or "")


NOTHING = {"endpoint": "", "region": "", "key_id": "", "secret": "", "prefix": ""}


def test_settings_of_a_bucket_that_do_not_fit_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FileSystem" in environment.bucket("RETINEYE_S3_BUCKET", **NOTHING)["BACKEND"]
    with pytest.raises(ImproperlyConfigured, match="names no bucket"):
        environment.bucket("RETINEYE_S3_BUCKET", **{**NOTHING, "prefix": "eyes"})
    monkeypatch.setenv("RETINEYE_S3_BUCKET", BUCKET)
    with pytest.raises(ImproperlyConfigured, match="belong together"):
        environment.bucket("RETINEYE_S3_BUCKET", **{**NOTHING, "key_id": "clinic"})
    found = environment.bucket("RETINEYE_S3_BUCKET", **{**NOTHING, "endpoint": "https://store.example"})
    assert found["BACKEND"] == "retineye.clinic.bucket.BucketStorage"
    assert found["OPTIONS"]["path_style"]
