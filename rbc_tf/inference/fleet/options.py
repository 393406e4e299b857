"""Beam's options, from what is left of a command line, and the runner that they name."""

import itertools
import logging

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    ExtendedProvisionInfo,
    FnApiRunner,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle

_LOCAL_RUNNER = "FnApiRunner"


def pipeline_options(arguments: list[str]) -> PipelineOptions:
    """Beam's options.

    Raises:
        ValueError: an argument is no option of Beam.
    """
    options = PipelineOptions(arguments)
    known = options.get_all_options()
    unknown = options.get_all_options(retain_unknown_options=True).keys() - known.keys()
    unknown = [*(f"--{name}" for name in sorted(unknown)), *_stray(arguments)]
    if unknown:
        raise ValueError(
            "Flags of this tool or options of Beam and its runners are required. "
            f"Received: {', '.join(unknown)}"
        )
    return options


def _stray(arguments: list[str]) -> list[str]:
    """Words that are neither an option nor can be the value of the one before them."""
    return [
        word
        for before, word in itertools.pairwise(["", *arguments])
        if not word.startswith("-") and (not before.startswith("-") or "=" in before)
    ]


def quiet(options: PipelineOptions) -> None:
    """Leaves Beam's warnings and our own messages of what Beam logs, unless levels are given."""
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    # Passes on what workers on this machine have printed already.
    relay = logging.getLogger("apache_beam.runners.portability.local_job_service")
    relay.setLevel(logging.CRITICAL)
    workers = options.view_as(WorkerOptions)
    if workers.default_sdk_harness_log_level is None:
        levels = workers.sdk_harness_log_level_overrides or {}
        workers.default_sdk_harness_log_level = "WARNING"
        workers.sdk_harness_log_level_overrides = {"absl": "INFO"} | levels


def local_runner(options: PipelineOptions) -> FnApiRunner | None:
    """The runner of this machine; None where the options name another.

    Beam's own choice, DirectRunner, would fetch the program of another runner before it comes to
    this one.
    """
    if options.view_as(StandardOptions).runner not in (None, _LOCAL_RUNNER):
        return None
    # Processes of workers learn the options from this, as DirectRunner does it.
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = ExtendedProvisionInfo(
        beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    )
    return FnApiRunner(provision_info=provision)
