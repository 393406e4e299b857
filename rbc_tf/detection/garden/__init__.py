"""Model Garden's Faster R-CNN: the only folder that imports `official` and `tf_keras`."""

from rbc_tf.core import keras_settings, optional

optional.load("official", extra="train")
keras_settings.reset(optional.load("tf_keras", extra="train").backend)
