"""The whole chain as one SavedModel, for TensorFlow Serving and for programs without Python.

`decoding` reads images, `graph` is the chain, `warmup` makes the first requests, `export` writes
all of it, `verify` holds it against the chain step by step.
"""
