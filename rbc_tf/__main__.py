"""`python -m rbc_tf`: the same as the command `rbc_tf`."""

from rbc_tf.cli import main

if __name__ == "__main__":
    main.main()
