import os

# Before TensorFlow is loaded: without a GPU it reports that at length.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
