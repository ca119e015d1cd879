"""How a process prepares itself before it trains."""

import pytest

from emotune.models.backend import prepare_backend


@pytest.fixture
def told(monkeypatch):
    """What TensorFlow is told on a machine with one graphics card."""
    tensorflow = pytest.importorskip("tensorflow")
    calls = {}
    config = tensorflow.config
    monkeypatch.delenv("EMOTUNE_GPU", raising=False)
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    for name in ("intra", "inter"):
        monkeypatch.setattr(
            config.threading, f"set_{name}_op_parallelism_threads", lambda n, name=name: calls.update({name: n})
        )
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: ["card"] if kind == "GPU" else [])
    monkeypatch.setattr(config, "set_visible_devices", lambda devices, kind: calls.update({kind: devices}))
    monkeypatch.setattr(config.experimental, "set_memory_growth", lambda card, grow: calls.update({card: grow}))
    return calls


@pytest.mark.parametrize("value", [None, "0", ""])
def test_no_graphics_card_is_seen(told, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("EMOTUNE_GPU", value)
    prepare_backend()
    assert told == {"intra": 1, "inter": 1, "GPU": []}


def test_a_graphics_card_that_is_asked_for_is_not_reserved_whole(told, monkeypatch):
    monkeypatch.setenv("EMOTUNE_GPU", "1")
    prepare_backend()
    assert told == {"intra": 1, "inter": 1, "card": True}


def test_another_backend_is_left_alone(told, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    prepare_backend()
    assert told == {}
