"""Stand in for safetensors, where it is missing: no weights are written or read."""


class SafetensorError(Exception):
    pass
