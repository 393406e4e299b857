"""The program `rbc_tf`: one module a command, flags and one call into the library each.

What a command calls is imported when it runs, so that flags and --help need neither TensorFlow nor
an extra. Where a flag repeats a choice or default of such a module, a test holds the two together.
"""
