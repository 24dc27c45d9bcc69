"""Put the runs of several stores together, such as those of a class in which each student has trained one seed."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnlab.checks import is_iterable
from cnnlab.errors import ConfigError, DataError
from cnnlab.experiments.run import Run
from cnnlab.experiments.store import Store
from cnnlab.files import check_path

MOST_NAMED = 3  # in one warning
VERSIONS = ("cnnlab", "torch")  # of a run's environment, whose differences are named


def find_stores(given: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """Return the stores that are meant: one path, a list of paths, or those in a folder that holds no record itself.

    Warns of a .zip in such a folder that has not arrived whole, and of what in it can't be read. Raises ConfigError for
    an empty list.
    """
    if is_iterable(given) and not isinstance(given, (str, bytes, os.PathLike)):
        stores = [path for each in given for path in find_stores(each)]
        if not stores:
            raise ConfigError("load_runs wants a store or more; the list is empty")
        return stores
    path = check_path("store", given)
    if not os.path.isdir(path) or _holds_records(path):
        return [path]
    stores, damaged, shut = [], [], []
    for each in sorted(path.iterdir()):
        try:
            if _holds_records(each):
                stores.append(each)
        except (ConfigError, DataError) as error:
            (shut if isinstance(error.__cause__, OSError) else damaged).append(each.name)
    if damaged:
        words = "damaged, or not copied to the end, so left out; copy it again"
        warnings.warn(f"{_listed(damaged)}: {words}", stacklevel=4)
    if shut:
        warnings.warn(f"{_listed(shut)}: can't be read, so left out; change the permissions", stacklevel=4)
    return stores or [path]


def holds_other_files(store: Path) -> bool:
    """Return whether the folder holds folders or .zip files, as that of a class does, and no store itself."""
    inner = store.iterdir() if store.is_dir() else ()
    return any(not path.name.startswith(".") and (os.path.isdir(path) or path.suffix == ".zip") for path in inner)


def _holds_records(path: Path) -> bool:
    """Return whether the path is a folder, or a .zip, with records of runs in it.

    Raises ConfigError or DataError, as Store does, for a folder that can't be read, and for a .zip that is none.
    """
    is_zip = path.suffix.lower() == ".zip" or (os.path.isfile(path) and zipfile.is_zipfile(path))
    if path.name.startswith(".") or not (os.path.isdir(path) or is_zip):
        return False
    store = Store(path)
    return bool(store.names() or store.names("failed"))


def pool_runs(stores: Mapping[str, Iterable[Run]]) -> list[Run]:
    """Return the runs of all stores, each experiment once: that of the first store counts.

    Warns of experiments that several stores hold, and of runs that other versions have trained.

    Parameters
    ----------
    stores : mapping
        The name of a store → its runs.
    """
    first: dict[str, tuple[str, Run]] = {}
    double = []
    for name, runs in stores.items():
        for run in runs:
            owner, kept = first.setdefault(run.experiment.key, (name, run))
            if kept is not run and owner != name:
                same = "the same numbers" if kept.history.rows == run.history.rows else "other numbers"
                double.append(f"seed {run.experiment.seed} in {owner} and {name} ({same})")
    if double:
        more = f", and {len(double) - MOST_NAMED} more" if len(double) > MOST_NAMED else ""
        named = "; ".join(double[:MOST_NAMED])
        several = f"{len(double)} experiments are" if len(double) > 1 else "1 experiment is"
        warnings.warn(f"{several} in two stores, and the first one counts: {named}{more}", stacklevel=4)
    _warn_of_versions(first.values())
    return [run for _, run in first.values()]


def _warn_of_versions(owned: Iterable[tuple[str, Run]]) -> None:
    """Warn where the runs were not all trained by the same versions."""
    of_version: dict[str, dict[str, list[str]]] = {package: {} for package in VERSIONS}
    for owner, run in owned:
        for package, versions in of_version.items():
            version = str(run.history.environment.get(package, "unknown"))
            owners = versions.setdefault(version, [])
            if owner not in owners:
                owners.append(owner)
    for package, versions in of_version.items():
        if len(versions) > 1:
            parts = (f"{version} ({_listed(owners)})" for version, owners in sorted(versions.items()))
            warnings.warn(
                f"these runs were trained by different versions of {package}: {', '.join(parts)}", stacklevel=5
            )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
