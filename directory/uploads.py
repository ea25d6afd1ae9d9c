"""Files that come with a form: on disk, and no more of them than anybody reads."""

from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler

LARGEST = 20 * 1024 * 1024  # bytes


class BoundedUpload(TemporaryFileUploadHandler):
    """Keeps a file of up to LARGEST bytes; of a larger one nothing, whatever the request said of its size."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > LARGEST:
            raise SkipFile
        super().receive_data_chunk(raw_data, start)
