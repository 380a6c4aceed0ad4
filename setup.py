"""The Cython modules, and the data that travels with the packages; all else: pyproject.toml."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-cast-function-type"]


def pkg_config(*arguments: str) -> list[str]:
    """Ask pkg-config for libcrypto's flags; without them the build ends and names the packages."""
    command = ["pkg-config", *arguments, "libcrypto"]
    try:
        return shlex.split(subprocess.run(command, check=True, stdout=-1, text=True).stdout)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("libcrypto's headers are not found: apt-get install pkg-config libssl-dev")


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
    options={"build_ext": {"parallel": os.cpu_count()}},
    # a wheel carries config/ inside the package; gateway.files.shipped() finds it everywhere
    packages=[*find_packages(include=["gateway*", "drivers*", "native*"]), "gateway.shipped"],
    package_dir={"gateway.shipped": "config"},
    include_package_data=False,  # what a wheel holds stands here, whatever an sdist holds
    package_data={
        "": ["py.typed", "*.pyi"],
        "gateway": ["locale/*.po"],
        "gateway.codecs": ["*.js"],
        "gateway.store": ["schema/*.sql"],
        "gateway.shipped": ["*.toml", "*/*.toml", "*/*.json", "*/*/*.json"],
        "drivers.sx1302": ["*.csv"],
        "native": ["*.pxd"],
    },
)
