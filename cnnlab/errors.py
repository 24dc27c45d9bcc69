"""The errors of this package: each message names the value and the remedy."""


class ConfigError(ValueError):
    """Raised for a hyperparameter or an argument that can't work; the message names field, value and remedy."""


class DataError(ValueError):
    """Raised for a file or a download that is not what it should be; the message names it and says what to do."""
