"""Errors that speak to a user: shown without a traceback, with the exit code that scripts rely on."""


class EltaninError(Exception):
    """Something a user can mend. The message names the value, the reason and the remedy."""

    exit_code = 1


class ConfigurationError(EltaninError):
    """The configuration is wrong, and nothing was spent."""

    exit_code = 2
