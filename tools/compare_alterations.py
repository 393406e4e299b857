"""`rbc_tf compare-alterations` from a clone."""

from rbc_tf.cli import command

if __name__ == "__main__":
    command.run_script(__file__)
