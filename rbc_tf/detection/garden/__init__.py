"""Model Garden's Faster R-CNN: the only folder that imports `official` and `tf_keras`."""

from rbc_tf.core import optional

optional.load("official", extra="train")
