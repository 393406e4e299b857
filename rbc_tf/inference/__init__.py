"""Images in, regions and their types out: bundles, analysis, serving, report."""
