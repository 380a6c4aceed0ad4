"""The list of Cython modules and the data that travels along; all else: pyproject.toml."""

import shlex
import subprocess
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-cast-function-type"]


def pkg_config(*arguments: str) -> list[str]:
    """Ask pkg-config for libcrypto's flags; a missing libssl-dev ends the build by name."""
    command = ["pkg-config", *arguments, "libcrypto"]
    return shlex.split(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def extension(source: Path) -> Extension:
    return Extension(
        f"native.{source.stem}",
        [str(source)],
        extra_compile_args=["-O2", *WARNINGS, *pkg_config("--cflags")],
        extra_link_args=pkg_config("--libs"),
    )


setup(
    ext_modules=cythonize(
        [extension(source) for source in sorted(Path("native").glob("*.pyx"))],
        compiler_directives={"language_level": "3", "embedsignature": True},
    ),
    packages=[
        *(
            "gateway." + part
            for part in (
                "lorawan",
                "codecs",
                "store",
                "northbound",
                "northbound.formats",
                "diagnostics",
                "cli",
                "demo",
            )
        ),
        "gateway",
        "gateway.shipped",
        "drivers",
        "drivers.sx1302",
        "drivers.emulator",
        "native",
    ],
    # a wheel carries config/ inside the package; gateway.config.shipped() finds it everywhere
    package_dir={"gateway.shipped": "config"},
    package_data={
        "gateway": ["py.typed"],
        "gateway.store": ["schema/*.sql"],
        "gateway.shipped": ["*.toml", "*/*.toml", "*/*.json"],
        "drivers.sx1302": ["*.csv"],
        "native": ["*.pxd", "*.pyi", "py.typed"],
    },
)
