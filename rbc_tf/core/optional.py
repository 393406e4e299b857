"""Packages that only some commands need, as extras of rbc_tf."""

import importlib
import types


class MissingExtraError(ModuleNotFoundError):
    """A package that belongs to an extra is not installed; the message has how to install it."""


def load(module: str, extra: str) -> types.ModuleType:
    """Imports a module of an optional package.

    Args:
        module: its full name: 'tensorflow_serving.apis.prediction_log_pb2'.
        extra: of rbc_tf, that the package belongs to: 'serving'.

    Raises:
        MissingExtraError: the package is not installed.
        ModuleNotFoundError: it is, but something else that it needs is not.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{package} is required. It comes with an extra: pip install 'rbc_tf[{extra}]'",
            name=package,
        ) from error
