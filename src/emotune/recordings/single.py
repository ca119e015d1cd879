"""One file as a set of recordings: nobody in particular, no labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from emotune.files import fingerprint, fingerprint_of_file
from emotune.findings import Finding
from emotune.recordings.companions import companions
from emotune.recordings.reading import check_recording_file, read_recording
from emotune.recordings.recording import Recording
from emotune.recordings.targets import Rating

__all__ = ["RecordingFile"]


class RecordingFile:
    """A file in any of `reading.FORMATS`, as a whole; satisfies `RecordingSet`.

    Attributes:
        name: the path.
        emotions: none.
        scales: none.

    Raises:
        InputError: on creation, if there is no such file or it is of another kind. Nothing is decoded.
    """

    name: str
    emotions: tuple[str, ...]
    scales: Mapping[str, Rating]

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        check_recording_file(self._path)
        self.name = str(path)
        self.emotions = ()
        self.scales = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """None: all that can be wrong is in the recording."""
        return ()

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Recording]:
        yield read_recording(self._path)

    def fingerprint(self) -> str:
        """Of the bytes of the file and of those that belong to it."""
        return fingerprint([fingerprint_of_file(part) for part in (self._path, *companions(self._path))])
