"""Settings are checked once, and a wrong one is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tracebin.errors import ConfigurationError
from tracebin.server.config import LIMITS, ServerConfig

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_set() -> None:
    config = ServerConfig.from_environment({"HOME": "/root", "TRACEBINX": "1"})
    assert config == ServerConfig()
    assert config.data.name == "tracebin"


def test_everything_set() -> None:
    numbers = dict.fromkeys((*LIMITS, "free_bytes", "threads"), 12)
    config = ServerConfig.from_environment(
        {
            "TRACEBIN_DATA": "/srv/bins",
            "TRACEBIN_DATABASE_URL": "postgresql://db/tracebin",
            "TRACEBIN_TRUSTED_HOSTS": "Bin.example, .lab.example,[::2]",
            **{f"TRACEBIN_{name.upper()}": "12" for name in numbers},
        }
    )
    assert dataclasses.asdict(config) == {
        "data": Path("/srv/bins"),
        "database_url": "postgresql://db/tracebin",
        "trusted_hosts": ("bin.example", ".lab.example", "[::2]"),
        **numbers,
    }


def test_others_variables_are_left_alone() -> None:
    ServerConfig.from_environment(
        {"TRACEBIN_PYPY": "/x", "TRACEBIN_SERVER": "http://x", "TRACEBIN_AGENT": "1"}
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *((f"TRACEBIN_{name.upper()}", "0") for name in (*LIMITS, "threads")),
        *((f"TRACEBIN_{name.upper()}", "-1") for name in (*LIMITS, "threads", "free_bytes")),
        *(("TRACEBIN_THREADS", value) for value in ("", "x", "1.5", "1e3", " 1", "9" * 30, "\u0661")),
        ("TRACEBIN_DATA", ""),
        ("TRACEBIN_DATABASE_URL", ""),
        ("TRACEBIN_DATABASE_URL", "nonsense"),
        ("TRACEBIN_DATABASE_URL", "sqlite://"),
        ("TRACEBIN_DATABASE_URL", "sqlite:///:memory:"),
        ("TRACEBIN_TRUSTED_HOSTS", "*"),
        ("TRACEBIN_TRUSTED_HOSTS", "a b"),
        ("TRACEBIN_TRUSTED_HOSTS", "http://x"),
        ("TRACEBIN_BODY_BYTE", "5"),
        ("TRACEBIN_LIMITS", "5"),
        ("TRACEBIN_", "5"),
    ],
)
def test_what_makes_no_sense_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        ServerConfig.from_environment({variable: value})


def test_a_relative_folder_is_made_absolute() -> None:
    assert ServerConfig.from_environment({"TRACEBIN_DATA": "bins"}).data.is_absolute()
    with pytest.raises(ConfigurationError, match="TRACEBIN_DATA"):
        ServerConfig(data=Path("bins"))


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "server.md").read_text()
    for field in dataclasses.fields(ServerConfig):
        assert f"| `TRACEBIN_{field.name.upper()}` |" in page
