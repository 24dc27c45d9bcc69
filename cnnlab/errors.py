"""The two errors that cnnlab raises on purpose; the message of each names the value and the remedy."""


class ConfigError(ValueError):
    """Raised for an argument or a hyperparameter that can't work; the message names field, value and remedy."""


class DataError(ValueError):
    """Raised for a file or a download that is damaged or missing; the message names it and says what to do."""
