"""What can go wrong and is not data.

    EmberlineError
    ├── SettingsError          a settings file or key is wrong; nothing was started
    ├── BrokerError            the broker is missing, refused, or cannot start
    │   └── DeliveryError      a message could not be delivered; the flow stops and resumes from its snapshot
    ├── LogLostError           the log no longer holds the offset to resume from
    ├── StateError             a stored state cannot be read by this version
    ├── ArchiveError           an archive file is corrupt or not an archive
    ├── VenueError             an exchange answered what we do not understand
    │   └── VenueRefusal       it refused the question, with a code of its own
    ├── CommandError           a command from a person cannot be carried out
    └── InvalidTransition      a state machine was asked for a step its table does not have

Bad input from outside is no exception but data: it goes to `dead_letter.v1`. A refusal is a result: `OrderAttempt` with a
reason code.
"""

from __future__ import annotations


class EmberlineError(Exception):
    """Base of all our errors. The message is one line: the place, what is wrong, the way out."""


class SettingsError(EmberlineError):
    """A settings file or key is wrong."""


class BrokerError(EmberlineError):
    """The broker is missing, refused, or cannot start."""


class DeliveryError(BrokerError):
    """A message could not be delivered."""


class LogLostError(EmberlineError):
    """The log no longer holds the offset to resume from."""


class StateError(EmberlineError):
    """A stored state cannot be read by this version."""


class ArchiveError(EmberlineError):
    """An archive file is corrupt or not an archive."""


class VenueError(EmberlineError):
    """An exchange answered what we do not understand."""


class VenueRefusal(VenueError):
    """An exchange refused a question. `code` is the exchange's own, 0 where it gave none."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class CommandError(EmberlineError):
    """A command from a person cannot be carried out."""


class InvalidTransition(EmberlineError):
    """A state machine was asked for a step its table does not have."""
