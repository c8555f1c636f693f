"""Devices are read once for each text."""

from __future__ import annotations

import pytest
import user_agents

from edge.core.device import Device, device_of

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)


def test_a_device_has_its_family() -> None:
    assert device_of(IPHONE) == Device("iPhone", "iOS", "Mobile Safari")


def test_a_text_is_read_once_and_only_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def parse(text: str) -> object:
        read.append(text)
        return original(text)

    original = user_agents.parse
    monkeypatch.setattr(user_agents, "parse", parse)
    for _ in range(3):
        device_of("OnceOnly/1.0 " + "x" * 10_000)
    assert [len(text) for text in read] == [512]
