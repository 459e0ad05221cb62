"""Keep files in a bucket of an object store that speaks S3, in place of a folder.

This is the one file that knows the store's library. Its errors become those of files, so that nobody above needs to
know where a file lies. Nothing is ever handed out by an address of the store's own: reads go through the page that
asks who is there.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

_SUM: Final = "sha256"
_CHUNK: Final = 1024 * 1024
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})


class AlteredError(OSError):
    """What came back is not what was written."""


def client_config(*, path_style: bool) -> Config:
    """Give how the store is spoken to: it answers soon or the file waits for a better moment."""
    return Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"max_attempts": 2, "mode": "standard"},
        s3={"addressing_style": "path" if path_style else "auto"},
        signature_version="s3v4",
        # Some stores do not know the newer checksums; ours is kept with the file and looked at when it is read.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


@contextmanager
def _as_file_errors(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        if str(exc.response.get("Error", {}).get("Code")) in _ABSENT:
            raise FileNotFoundError(f"{name} is not in the store.") from exc
        raise OSError(f"The store refused {name}.") from exc
    except BotoCoreError as exc:
        raise OSError(f"The store did not answer about {name}.") from exc


class BucketStorage(S3Storage):
    """A bucket that verifies what it gives, and is sure of what it has taken before it says so."""

    def __init__(self, *, path_style: bool = False, **options: Any) -> None:
        super().__init__(
            file_overwrite=False,
            default_acl=None,
            client_config=client_config(path_style=path_style),
            # One thread: a second one would go on reading a file that its owner has closed.
            transfer_config=TransferConfig(use_threads=False),
            **options,
        )

    def _key(self, name: str) -> str:
        return str(self._normalize_name(clean_name(name)))

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]  # generic in the stubs alone
        """Write a file, and see that it lies there as a whole.

        Raises
        ------
        OSError
            If it does not. What part of it lies there has no row, and is swept.
        """
        key = self._key(name)
        digest, size = _measure(content)
        with _as_file_errors(name):
            client = self.connection.meta.client
            client.upload_fileobj(
                content,
                self.bucket_name,
                key,
                ExtraArgs={"Metadata": {_SUM: digest}, "ContentType": "application/octet-stream"},
                Config=self.transfer_config,
            )
            there = client.head_object(Bucket=self.bucket_name, Key=key)
        if there["ContentLength"] != size or _kept_sum(there, digest) != digest:
            raise AlteredError(f"The store has not kept {name} as it was sent.")
        return str(clean_name(name))

    def _open(self, name: str, mode: str = "rb") -> File:  # type: ignore[type-arg]  # generic in the stubs alone
        """Read a file as a whole, and hold it against the checksum that was written with it.

        Raises
        ------
        AlteredError
            If it is another.
        FileNotFoundError, OSError
            If it is not there, or the store does not answer.
        """
        if mode != "rb":
            raise ValueError("A file of the store is only read.")
        with _as_file_errors(name):
            answer = self.connection.meta.client.get_object(Bucket=self.bucket_name, Key=self._key(name))
            try:
                data = answer["Body"].read()
            finally:
                answer["Body"].close()
        wanted = _kept_sum(answer, "")
        if wanted and hashlib.sha256(data).hexdigest() != wanted:
            raise AlteredError(f"{name} is not what was written.")
        return ContentFile(data, name=name)

    def exists(self, name: str) -> bool:
        """Say whether there is such a file, or anything below such a folder."""
        key = self._key(name) if name else self.location
        with _as_file_errors(name):
            client = self.connection.meta.client
            if name:
                try:
                    client.head_object(Bucket=self.bucket_name, Key=key)
                    return True
                except ClientError as exc:
                    if str(exc.response.get("Error", {}).get("Code")) not in _ABSENT:
                        raise
            prefix = f"{key.rstrip('/')}/" if key else ""
            found = client.list_objects_v2(Bucket=self.bucket_name, Prefix=prefix, MaxKeys=1)
        return bool(found.get("KeyCount", 0))

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error, as with files on a disk."""
        with _as_file_errors(name):
            super().delete(name)

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        """Name the folders and the files that lie directly below."""
        with _as_file_errors(name):
            folders, files = super().listdir(name)
        return folders, files

    def size(self, name: str) -> int:
        """Give the size in bytes."""
        with _as_file_errors(name):
            return int(super().size(name))

    def get_modified_time(self, name: str) -> Any:
        """Say when it was written."""
        with _as_file_errors(name):
            return super().get_modified_time(name)

    def url(self, name: str | None, *args: Any, **options: Any) -> str:
        """Refuse: whoever has an address of the store's needs no right."""
        raise PermissionError("Files are handed out by their page alone.")


def _kept_sum(answer: Mapping[str, Any], otherwise: str) -> str:
    # Stores give the names of metadata back in letters of their own choice.
    told = {key.lower(): str(value) for key, value in answer.get("Metadata", {}).items()}
    return told.get(_SUM, otherwise)


def _measure(content: File) -> tuple[str, int]:  # type: ignore[type-arg]  # generic in the stubs alone
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while chunk := content.read(_CHUNK):
        data = chunk.encode() if isinstance(chunk, str) else chunk
        digest.update(data)
        size += len(data)
    content.seek(0, io.SEEK_SET)
    return digest.hexdigest(), size
