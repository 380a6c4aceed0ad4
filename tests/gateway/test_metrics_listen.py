"""`metrics.listen`: this machine alone, in whatever words; everything else is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config
from gateway.errors import ConfigError
from gateway.metrics.listen import ALLOWED, Loopback, place


@pytest.mark.parametrize(
    ("listen", "where"),
    [
        ("127.0.0.1:9464", Loopback("127.0.0.1", 9464)),
        ("127.1.2.3:1", Loopback("127.1.2.3", 1)),
        ("[::1]:9464", Loopback("::1", 9464)),
        ("unix:/run/kogge/metrics.sock", Path("/run/kogge/metrics.sock")),
    ],
)
def test_places_on_this_machine(listen: str, where: Loopback | Path) -> None:
    assert place(listen) == where


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:9464", "[::]:9464", "192.168.1.5:9464", ":9464", "*:9464", "gateway.example.org:9464",
     "localhost:9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:²", "unix:",
     "unix:here.sock", "9464", "[::ffff:10.0.0.1]:9464"],
)  # fmt: skip
def test_network_is_refused_and_told_what_is_allowed(listen: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:9464"):
        place(listen)
    file = tmp_path / "kogge.toml"
    file.write_text(f'[metrics]\nlisten = "{listen}"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert refused.value.key == "metrics.listen"
    assert ALLOWED in str(refused.value)


@given(st.text())
def test_any_words_are_a_place_of_this_machine_or_refused(listen: str) -> None:
    try:
        where = place(listen)
    except ValueError:
        return
    assert isinstance(where, Path) or where.host.startswith(("127.", "::1", "0:"))


def test_textfile_has_the_name_that_node_exporter_reads(tmp_path: Path) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text('[metrics]\ntextfile = "kogge.txt"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"end in \.prom"):
        config.load(file)
    file.write_text('[metrics]\ntextfile = "kogge.prom"\n', encoding="utf-8")
    assert config.load(file).metrics.textfile == str(tmp_path / "kogge.prom")
