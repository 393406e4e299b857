"""Analyses all images in a folder with Apache Beam; the results are those of rbc_tf analyze.

Needs the extra `beam`: pip install '.[beam]'. On this machine, with two processes:

rbc_tf analyze-beam --bundle=bundle --input=smears --output_dir=results \\
    --direct_running_mode=multi_processing --direct_num_workers=2

On a fleet whose workers have rbc_tf installed, with paths that every worker can read (a mounted
volume, or a URL such as gs:// with Beam's own extra for it):

rbc_tf analyze-beam --bundle=gs://lab/bundle --input=gs://lab/smears \\
    --output_dir=gs://lab/results --runner=DataflowRunner --project=lab --region=europe-west4 \\
    --temp_location=gs://lab/temp --sdk_container_image=IMAGE

Other flags are options of Beam and its runners.
"""

from rbc_tf.cli import shared_flags

REQUIRED = ("input", "output_dir")
PASS_ON = True  # what are no flags of ours: options of Beam and its runners

shared_flags.define_analysis()


def main(beam_arguments: list[str]) -> int:
    from rbc_tf.inference.fleet import options, run

    beam_options = options.pipeline_options(beam_arguments)
    options.quiet(beam_options)
    summary = run.analyze(options=beam_options, **vars(shared_flags.analysis()))
    print(summary.text())
    return 1 if summary.failed else 0
