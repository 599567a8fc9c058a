"""Settings, keys and limits: what is refused, and that secrets stay out of messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import SettingError
from services import identity
from services.kafka_config import client_config
from services.limits import RateLimit
from services.settings import CollectorSettings


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services.toml"
    file.write_text("ack_ms = 1000\nport = 1\nmax_pending = 7\n")
    monkeypatch.setenv("FOOTFALL_PORT", "2")
    monkeypatch.setenv("FOOTFALL_MAX_PENDING", "8")
    found = CollectorSettings.read(file, ("max_pending=9",))
    assert (found.ack_ms, found.port, found.max_pending) == (1_000, 2, 9)


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("ack_ms=soon", "setting ack_ms"),
        ("ack_ms=1", "setting ack_ms"),
        ("nonsense=1", "nonsense"),
        ("port", "port"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_by_name(assignment: str, named: str) -> None:
    with pytest.raises(SettingError, match=named):
        CollectorSettings.read(None, (assignment,))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        CollectorSettings.read(tmp_path / "none.toml")


def test_a_key_comes_from_a_file_or_the_environment_and_is_long_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"x" * 31)
    with pytest.raises(SettingError, match="at least 32 bytes") as refused:
        identity.read_key(str(file))
    assert "xxx" not in str(refused.value)
    file.write_bytes(b"x" * 32 + b"\n")
    assert identity.read_key(str(file)) == b"x" * 32
    monkeypatch.setenv("FOOTFALL_VISITOR_KEY", "y" * 40)
    assert identity.read_key("") == b"y" * 40
    monkeypatch.delenv("FOOTFALL_VISITOR_KEY")
    with pytest.raises(SettingError, match="FOOTFALL_VISITOR_KEY"):
        identity.read_key("")


def test_properties_of_the_jobs_file_are_translated(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("# ours\nsecurity.protocol=SASL_SSL\npython.sasl.username=u\nflink.sasl.jaas.config=x\n")
    found = client_config("a:1", str(file))
    assert found == {
        "bootstrap_servers": ["a:1"],
        "security_protocol": "SASL_SSL",
        "sasl_plain_username": "u",
    }
    file.write_text("nonsense=5\n")
    with pytest.raises(SettingError, match="nonsense"):
        client_config("a:1", str(file))


def test_addresses_are_forgotten_beyond_the_bound() -> None:
    limit = RateLimit(per_s=0.001, burst=1, addresses=2)
    assert limit.takes("a", 0.0) and not limit.takes("a", 0.0)
    assert limit.takes("b", 0.0) and limit.takes("c", 0.0) and limit.takes("a", 0.0)
