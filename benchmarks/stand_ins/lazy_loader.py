"""Stand in for lazy_loader, where it is missing."""

import importlib


def attach(package, submod_attrs):
    """Return `__getattr__`, `__dir__` and `__all__` of a package whose names are loaded when they are first used."""
    module_of = {name: module for module, names in submod_attrs.items() for name in names}

    def load(name):
        if name not in module_of:
            raise AttributeError(f"No {package} attribute {name}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return load, lambda: sorted(module_of), sorted(module_of)
