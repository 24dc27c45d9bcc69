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
from cnnlab.experiments.store import LOCKS, Store
from cnnlab.files import check_path

MOST_NAMED = 3  # in one warning
ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".xz", ".bz2")  # only a .zip is read
VERSIONS = ("cnnlab", "torch")  # of a run's environment, whose differences are named


def find_stores(store: str | os.PathLike | Iterable[str | os.PathLike]) -> list[Path]:
    """Return the stores that are meant: one path, a list of paths, or those in a folder that holds no record itself.

    Warns of what such a folder leaves out: a .zip that has not arrived whole, what can't be read, and a folder or an
    archive without a run. Raises ConfigError for an empty list.
    """
    if is_iterable(store) and not isinstance(store, (str, bytes, os.PathLike)):
        stores = [path for each in store for path in find_stores(each)]
        if not stores:
            raise ConfigError("load_runs wants a store or more; the list is empty")
        return stores
    path = check_path("store", store)
    if not os.path.isdir(path) or _holds_records(path):
        return [path]
    stores, damaged, shut, others = [], [], [], []
    for each in sorted(each for each in path.iterdir() if not each.name.startswith(".")):
        try:
            if _holds_records(each):
                stores.append(each)
            elif _may_be_meant(each):
                others.append(each.name)
        except (ConfigError, DataError) as error:
            (shut if isinstance(error.__cause__, OSError) else damaged).append(each.name)
    words = "without a run that can be read, so left out; give the folder that sweep has filled, or a .zip of it"
    for names, why in (
        (damaged, "damaged, or not copied to the end, so left out; copy it again"),
        (shut, "can't be read, so left out; change the permissions"),
        (others if stores else [], words),
    ):
        if names:
            warnings.warn(f"{_listed(names)}: {why}", stacklevel=3)
    return stores or [path]


def _may_be_meant(path: Path) -> bool:
    """Return whether a person may have put a path without records into the folder as a store."""
    return path.is_dir() or path.suffix.lower() in ARCHIVES


def has_begun(store: Path) -> bool:
    """Return whether the path is a folder into which a sweep trains its first run at the moment."""
    return (store / LOCKS).is_dir()


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
                same = "the same numbers" if _results(kept) == _results(run) else "other numbers"
                double.append(f"seed {run.experiment.seed} in {owner} and {name} ({same})")
    if double:
        more = f", and {len(double) - MOST_NAMED} more" if len(double) > MOST_NAMED else ""
        named = "; ".join(double[:MOST_NAMED])
        several = f"{len(double)} experiments are" if len(double) > 1 else "1 experiment is"
        warnings.warn(f"{several} in two stores, and the first one counts: {named}{more}", stacklevel=3)
    _warn_of_versions(first.values())
    return [run for _, run in first.values()]


def _results(run: Run) -> list[dict[str, float]]:
    """Return what the run measured after each epoch; not its seconds, which no two trainings share."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history.rows]


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
                f"these runs were trained by different versions of {package}: {', '.join(parts)}", stacklevel=4
            )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
