"""TensorFlow, loaded when it is first used: seconds that listing the settings need not cost."""


class _TensorFlow:
    def __getattr__(self, name):
        import tensorflow

        return getattr(tensorflow, name)


tf = _TensorFlow()
