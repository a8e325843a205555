"""Asking again for a promotion: what was measured is reused, and so is what never can be."""

import pytest

from assay.core.evidence import LACKS
from assay.core.promotions import PromotionState


@pytest.fixture
def refused(world):
    """A version refused because a check could not measure."""

    def refuse(**measured):
        version = world.register()
        promotion = world.promote(version, "staging")
        world.work(problem="no evaluation data", **measured)
        asked = world.use.promoting.get(world.ada, promotion.id)
        assert asked.state is PromotionState.REFUSED
        return version

    return refuse


def test_what_the_version_itself_lacks_is_not_looked_for_again(world, refused):
    version = refused(facts={LACKS: "evaluation data"})
    again = world.promote(version, "staging")
    assert again.state is PromotionState.REFUSED
    assert "no evaluation data" in again.outcome
    assert world.use.checking.lease("worker") is None


@pytest.mark.parametrize("facts", [{}, {"rows": 0}])
def test_what_may_come_out_otherwise_is_measured_again(world, refused, facts):
    version = refused(facts=facts)
    assert world.promote(version, "staging").state is PromotionState.CHECKING
    assert world.use.checking.lease("worker") is not None
