"""Lists the bundles that come with rbc_tf, or shows the model card of one.

rbc_tf bundles
rbc_tf bundles --card=chula12
"""

from absl import flags

REQUIRED = ()

_CARD = flags.DEFINE_string("card", None, "Show the model card of this one.")


def main() -> None:
    from rbc_tf.inference import pretrained

    if _CARD.value is not None:
        if _CARD.value not in pretrained.names():
            known = ", ".join(pretrained.names()) or "none in this installation"
            raise ValueError(f"--card must be one of: {known}. Received: {_CARD.value}")
        print(pretrained.card(_CARD.value))
        return
    for name in pretrained.names():
        size = pretrained.path_of(name).stat().st_size / 1e6
        default = ", the default of analyze" if name == pretrained.DEFAULT else ""
        print(f"{name} ({size:.1f} MB{default})")
        print(f"  {pretrained.summary(name)}")
    if not pretrained.names():
        print("No bundle came with this installation.")
