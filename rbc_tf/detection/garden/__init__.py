"""Model Garden's Faster R-CNN: the only folder that imports `official` and `tf_keras`."""
