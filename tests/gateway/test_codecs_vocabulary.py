"""The shipped vocabulary: registered units, both labels, and the names that others rely on."""

from gateway.codecs import vocabulary
from gateway.files import shipped

WORDS = vocabulary.load(shipped() / "vocabulary.toml")

# RFC 8428 §12.1, RFC 8798 §2 and §3, and what IANA has added since; only those in use here
REGISTERED = {
    *("m", "kg", "A", "V", "W", "Hz", "Cel", "lx", "dB", "count", "pH", "lat", "lon"),
    *("m/s", "m/s2", "W/m2", "S/m", "%RH", "%EL", "deg"),
    *("/100", "hPa", "mm", "ppm", "ppb", "ug/m3", "kWh", "kPa"),
}


def test_units_are_registered_with_iana() -> None:
    assert {word.unit for word in WORDS.values()} - {""} == REGISTERED


def test_names_that_consumers_rely_on() -> None:
    assert {name: WORDS[name].unit for name in ("occupied", "fill_level", "distance")} == {
        "occupied": "",
        "fill_level": "/100",
        "distance": "m",
    }
    assert {"battery_voltage", "battery_level", "water_level", "sound_level"} <= WORDS.keys()


def test_every_word_has_a_label_and_only_numbers_have_units() -> None:
    for word in WORDS.values():
        assert word.de
        assert word.en
        assert not word.unit or word.kind in ("number", "integer")


def test_channel_number_leads_to_the_name_before_it() -> None:
    assert vocabulary.look_up(WORDS, "temperature_3") is WORDS["temperature"]
    assert vocabulary.look_up(WORDS, "pm2_5") is WORDS["pm2_5"]
    assert vocabulary.look_up(WORDS, "pm2_5_2") is WORDS["pm2_5"]
    assert vocabulary.look_up(WORDS, "nothing_3") is None
