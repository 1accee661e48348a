"""What `make deploy` refuses in the settings of the operator's house."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from local.operations import house
from tests.pictures import part, png


def of(file: Path, **parameters: str) -> list[str]:
    return house.faults({"HouseLogo": "on", **parameters}, file)


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    return tmp_path / "logo.png"


def test_house_without_settings_has_no_fault(logo: Path) -> None:
    assert house.faults({}, logo) == house.faults({"HouseLogo": "off"}, logo) == []


def test_picture_of_ordinary_size_is_accepted(logo: Path) -> None:
    logo.write_bytes(png(320, 80))
    assert of(logo, HouseName="Tea", HouseColour="#7a1f3d", HouseColourDark="#f0a0b8") == []


def test_every_fault_of_all_settings_is_named(logo: Path) -> None:
    logo.write_bytes(png(1001, 1200, extra=b"x" * 25_000))
    found = of(logo, HouseName="<b>", HouseColour="#ffcc00", HouseColourDark="blue")
    assert [one.partition(":")[0] for one in found] == [
        "HouseName",
        *["HouseColour"] * 5,
        "HouseColourDark",
        *["HouseLogo"] * 2,
    ]
    assert "bytes; at most 20000" in found[-2]
    assert "1001 x 1200 pixels; at most 1000 x 1000" in found[-1]


def test_logo_that_is_not_there_is_refused(logo: Path) -> None:
    (found,) = of(logo)
    assert found == f"HouseLogo: there is no file {logo}"
    assert house.LOGO.parent.is_dir()


SIGNATURE = png(1, 1)[:8]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        b"\xff\xd8\xff\xe0 a JPEG",
        SIGNATURE,
        png(10, 10)[:-1],
        png(10, 10)[:-20],
        png(10, 10).replace(b"IHDR", b"IHDX"),
        SIGNATURE + part(b"IHDR", b"short") + part(b"IDAT", b"") + part(b"IEND", b""),
        SIGNATURE + part(b"IDAT", b"") + part(b"IEND", b""),
        png(10, 10).replace(part(b"IDAT", zlib.compress(b"\0" * 410)), b""),
    ],
    ids=range(11),
)
def test_file_that_is_no_complete_png_is_refused(logo: Path, content: bytes) -> None:
    logo.write_bytes(content)
    assert of(logo) == ["HouseLogo: logo.png is no complete PNG picture"]


def test_picture_without_pixels_is_refused(logo: Path) -> None:
    logo.write_bytes(png(0, 10))
    assert of(logo) == ["HouseLogo: logo.png has 0 x 10 pixels; at most 1000 x 1000"]
