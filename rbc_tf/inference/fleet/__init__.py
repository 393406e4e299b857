"""Analysis on Apache Beam: the same results from many workers, on this machine or a fleet."""

from rbc_tf.core import optional

optional.load("apache_beam", extra="beam")
