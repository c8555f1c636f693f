"""What is in force is one snapshot: nobody changes it, it is replaced whole."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from edge.core.policy import Knowledge
from edge.core.web_bot_auth import KeyUnknown
from tests.support.scene import ACCOUNT, HOST, Scene, classify

POLICY = Scene().policy()


@pytest.mark.parametrize(
    ("part", "name"), [(POLICY, "version"), (POLICY.sites[HOST], "strict"), (ACCOUNT, "suspended")]
)
def test_no_part_of_a_policy_can_be_changed(part: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(part, name, getattr(part, name))


def test_agents_on_loopback_take_no_part_unless_somebody_says_so() -> None:
    assert Knowledge(lambda agent_url, thumbprint: KeyUnknown(), classify).allow_loopback_http is False
