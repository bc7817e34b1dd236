from settings.errors import ExpectedError


class StaticReleaseError(ExpectedError):
    """A static release could not go on: one message that says what happened, what was expected and what to do."""


class ManifestError(StaticReleaseError):
    """A folder, or a stored manifest, is not a site that can be released."""


class NotBuiltError(ManifestError):
    """A folder is not a whole build: to build it, once more, is what helps."""


class SwitchUnderWayError(StaticReleaseError):
    """Another run may be switching the site."""


class LostFileError(StaticReleaseError):
    """A file of a kept release is in no place that a run knows."""


class WrongContentError(StaticReleaseError):
    """An object that was copied is not the file that the manifest names. `checksum`: what S3 has of its content."""

    def __init__(self, message: str, checksum: str | None) -> None:
        super().__init__(message)
        self.checksum = checksum
