"""Pseudonyms: a published test value, where the key comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.contracts.pseudonyms import pseudonym
from connectors.errors import SettingError
from connectors.keys import SMALLEST_KEY, KeySource

KEY = b"k" * SMALLEST_KEY


def test_it_is_hmac_sha256() -> None:
    """Test case 2 of RFC 4231."""
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonym("what do ya want for nothing?", b"Jefe") == f"hmac:{digest}"


def test_other_keys_and_ids_give_other_pseudonyms() -> None:
    found = {pseudonym(name, key) for name in ("anna", "Anna", "", "anna ") for key in (KEY, KEY + b"k")}
    assert len(found) == 8


def test_what_only_looks_like_a_pseudonym_is_hashed() -> None:
    for text in ("hmac:", "hmac:" + "g" * 64, "hmac:" + "a" * 63, "hmac:" + "A" * 64):
        assert pseudonym(text, KEY) != text


def test_a_lone_surrogate_is_hashed_too() -> None:
    assert pseudonym("\ud800", KEY).startswith("hmac:")


def test_the_key_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert KeySource(str(tmp_path / "key")).read() == KEY
    monkeypatch.setenv("FOOTFALL_PSEUDONYM_KEY", KEY.decode())
    assert KeySource().read() == KEY


def test_without_a_good_key_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOOTFALL_PSEUDONYM_KEY", raising=False)
    (tmp_path / "short").write_bytes(b"short")
    for key in (KeySource(), KeySource(str(tmp_path / "short")), KeySource(str(tmp_path / "absent"))):
        with pytest.raises(SettingError, match="FOOTFALL_PSEUDONYM_KEY|pseudonym_key_file"):
            key.read()
