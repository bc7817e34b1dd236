"""What the function raises on purpose.

The message's first word says what the caller should do: every runtime keeps the message, not every one the type. What
looks like a secret is not in it.
"""

from functions.deploy.redaction import hide


class RefusedError(Exception):
    """The command cannot be carried out as asked; nothing was changed. Asking again gives the same answer."""

    def __str__(self) -> str:
        return f"refused: {hide(super().__str__())}"


class BadCommandError(RefusedError):
    """The event is not a command of this function; the message names the field and what is allowed."""


class UnavailableError(Exception):
    """AWS did not answer, asked to slow down, or has not caught up. The same command may be sent again."""

    def __str__(self) -> str:
        return f"unavailable: {hide(super().__str__())}"


class AwsError(Exception):
    """AWS refused a call that this function made."""

    def __str__(self) -> str:
        return hide(super().__str__())
