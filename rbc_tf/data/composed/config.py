"""What a composed smear holds and how large it is."""

import dataclasses

# The paper's regions of one cell and of several.
PAPER_REGIONS = (1080, 1389)

BUCKETS_BY = ("group", "subject")


@dataclasses.dataclass(frozen=True)
class ComposeConfig:
    """Settings of composed smears.

    Attributes:
        height: of a field, in pixels.
        width: of a field, in pixels.
        region_shares: how common regions of one cell and of several are; only their proportion
            matters.
        cluster_sizes: how common two, three and four cells are among regions of several.
        overlap_share: share of the cells of a cluster that overlap it, not merely touch it.
        coverage: about the part of a field that cells cover.
        evenness: 0 draws types as often as the source has them, 1 all types equally often.
        num_buckets: the groups of the source are dealt into about so many buckets, each of one
            split and one subject, and a field takes cells of one bucket only. By subject there is
            one bucket for each, whatever is given here.
        buckets_by: 'group' or 'subject'.
        debris: whether platelets and dirt of the source are strewn between the cells, as densely.

    Raises:
        ValueError: where a setting is out of its range.
    """

    height: int = 1080
    width: int = 1920
    region_shares: tuple[float, float] = PAPER_REGIONS
    cluster_sizes: tuple[float, float, float] = (0.68, 0.23, 0.09)
    overlap_share: float = 0.5
    coverage: float = 0.3
    evenness: float = 0.5
    num_buckets: int = 10
    buckets_by: str = "group"
    debris: bool = True

    def __post_init__(self):
        for name in ("height", "width"):
            if getattr(self, name) < 64:
                raise ValueError(f"`{name}` must be at least 64. Received: {getattr(self, name)}")
        for name in ("region_shares", "cluster_sizes"):
            shares = getattr(self, name)
            if min(shares) < 0 or sum(shares) <= 0:
                raise ValueError(
                    f"`{name}` must be at least 0 and not all 0. "
                    f"Received: {', '.join(map(str, shares))}"
                )
        for name, high in (("overlap_share", 1), ("evenness", 1), ("coverage", 0.45)):
            if not 0 <= getattr(self, name) <= high:
                raise ValueError(
                    f"`{name}` must be from 0 to {high}. Received: {getattr(self, name)}"
                )
        if self.num_buckets < 1:
            raise ValueError(f"`num_buckets` must be at least 1. Received: {self.num_buckets}")
        if self.buckets_by not in BUCKETS_BY:
            raise ValueError(
                f"`buckets_by` must be one of {', '.join(BUCKETS_BY)}. Received: {self.buckets_by}"
            )

    @property
    def multi_cell_share(self) -> float:
        """Share of the regions that hold several cells."""
        return self.region_shares[1] / sum(self.region_shares)
