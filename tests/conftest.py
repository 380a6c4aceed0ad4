"""Options of this test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden",
        action="append",
        default=[],
        metavar="DIR",
        help="compare also with every *.json golden file below DIR (may be repeated)",
    )
