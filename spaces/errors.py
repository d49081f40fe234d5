"""The exception tree of das-hpo.

    DasHpoError                     exit status 1: the request was valid, but could not be carried out
    ├── UsageError                  exit status 2: the user asked for something that is not valid
    │   ├── UnknownNameError        a name that no registry holds
    │   │   └── UnknownPartError    of a part of a problem, which a plug-in may register
    │   ├── InvalidValueError       a value outside what is valid
    │   ├── PluginError             a plug-in cannot be imported, or adds what is not valid
    │   ├── TaskError               a task that cannot be imported, or is none
    │   ├── RunExistsError          the name of a new run is taken
    │   └── RunMissingError         no run of that name
    ├── StorageError                the database cannot be used
    │   ├── DatabaseMissingError    there is no database at that URL
    │   ├── DatabaseUnusableError   it exists, and is no (writable) das-hpo database
    │   ├── DatabaseBusyError       it cannot be used now: locked, disk full, server away
    │   └── SchemaError             its schema is not the one of this das-hpo
    ├── ClusterError                nameserver, dispatcher or worker cannot be reached or trusted
    │   ├── UnreachableError        nobody answers at that address
    │   ├── AuthenticationError     the other side holds another key, or none
    │   ├── VersionError            the other side runs another version of das-hpo, or other code of the task
    │   └── WireError               a message that is not of the agreed form
    └── DeviceError                 the device asked for is not on this machine

A message says, in one line, what was given, what is valid and what to do. :func:`may_pass` says whether to try again.
"""

from __future__ import annotations

from collections.abc import Iterable

from spaces.texts import suggestion


class DasHpoError(Exception):
    """Root of everything das-hpo raises on purpose."""

    exit_status = 1
    may_pass = False
    """Whether the same operation may succeed later."""


class UsageError(DasHpoError):
    """The user asked for something that is not valid."""

    exit_status = 2


class UnknownNameError(UsageError):
    """A name that no registry holds; the message lists the valid ones, and says which was probably meant."""

    def __init__(self, noun: str, name: object, valid: Iterable[str]) -> None:
        self.name = name
        self.valid = tuple(valid)
        super().__init__(f"unknown {noun} {name!r}: valid are {', '.join(self.valid)}{suggestion(name, self.valid)}")


class UnknownPartError(UnknownNameError):
    """A part of a problem that no registry of this process holds; a plug-in may."""

    def __init__(self, noun: str, name: object, valid: Iterable[str]) -> None:
        super().__init__(noun, name, valid)
        self.args = (f"{self}; others are registered by a --plugin",)


class InvalidValueError(UsageError):
    """A value outside what is valid."""


class PluginError(UsageError):
    """A plug-in cannot be imported, changes what is there, or adds what is not valid."""


class TaskError(UsageError):
    """A task that cannot be imported, or an object that is none."""


class RunExistsError(UsageError):
    """The name of a new run is taken."""


class RunMissingError(UsageError):
    """No run of that name is in the database."""


class StorageError(DasHpoError):
    """The database cannot be used."""


class DatabaseMissingError(StorageError):
    """There is no database at that URL."""


class DatabaseUnusableError(StorageError):
    """The database exists, but is not one of das-hpo, or cannot be written.

    Args:
        message: What was found, what is valid, what to do.
        may_pass: Whether somebody may repair it during a run, by restoring the file or its permissions.
    """

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class DatabaseBusyError(StorageError):
    """The database cannot be used now: it is locked, its disk is full, or its server is away. Trying again may help."""

    may_pass = True


class SchemaError(StorageError):
    """The database's schema is newer than this das-hpo, or older and not upgraded yet."""


class ClusterError(DasHpoError):
    """Nameserver, dispatcher or worker cannot be reached or trusted."""

    may_pass = True


class UnreachableError(ClusterError):
    """Nobody answers at that address.

    Attributes:
        refused: The machine answered that no process listens at the port: the process that did has ended.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        self.refused = refused
        super().__init__(message)


class AuthenticationError(ClusterError):
    """The other side holds another key, or none."""


class VersionError(ClusterError):
    """The other side runs another version of das-hpo, or other code of the task."""


class WireError(ClusterError):
    """A message that is not of the agreed form."""

    may_pass = False


class DeviceError(DasHpoError):
    """The device asked for is not on this machine."""


def may_pass(error: BaseException) -> bool:
    """Whether the same operation may succeed later; True only for errors that are known to be temporary."""
    return isinstance(error, OSError | MemoryError) or (isinstance(error, DasHpoError) and error.may_pass)
