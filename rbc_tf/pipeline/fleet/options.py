"""Beam's options, from what is left of a command line."""

import logging

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions

# Beam's own choice, DirectRunner, would fetch the program of another runner first.
LOCAL_RUNNER = "FnApiRunner"
_LOCAL_RUNNER_CLASS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def pipeline_options(arguments: list[str]) -> PipelineOptions:
    """Beam's options; where no runner is named, that of this machine.

    Raises:
        ValueError: an argument is no option of Beam.
    """
    options = PipelineOptions(arguments)
    known = options.get_all_options()
    unknown = options.get_all_options(retain_unknown_options=True).keys() - known.keys()
    if unknown:
        raise ValueError(
            "Flags of this tool or options of Beam and its runners are required. "
            f"Received: {', '.join(f'--{name}' for name in sorted(unknown))}"
        )
    standard = options.view_as(StandardOptions)
    if standard.runner in (None, LOCAL_RUNNER):
        standard.runner = _LOCAL_RUNNER_CLASS
    return options


def quiet(options: PipelineOptions) -> None:
    """Leaves Beam's warnings and our own messages of what Beam logs, unless levels are given."""
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    # Passes on what workers on this machine have printed already.
    logging.getLogger("apache_beam.runners.portability.local_job_service").setLevel(
        logging.CRITICAL
    )
    workers = options.view_as(WorkerOptions)
    if workers.default_sdk_harness_log_level is None:
        workers.default_sdk_harness_log_level = "WARNING"
        workers.sdk_harness_log_level_overrides = {
            "absl": "INFO",
            **(workers.sdk_harness_log_level_overrides or {}),
        }
