"""What pyproject.toml cannot say: the wheel's tag."""

from __future__ import annotations

from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

LIBRARY = Path(__file__).with_name("descope_conn") / "libdescope_conn.so.1"


class PlatformDistribution(Distribution):
    """A wheel with the library inside belongs to one platform; one without it runs anywhere."""

    def has_ext_modules(self) -> bool:
        """Whether the wheel is bound to a platform."""
        return LIBRARY.exists()


class PlatformWheel(bdist_wheel):
    """The library is called through ctypes, so that one wheel serves every Python 3 of its platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Interpreter, ABI and platform; the last comes from --plat-name."""
        _, _, platform = super().get_tag()
        return "py3", "none", platform


setup(distclass=PlatformDistribution, cmdclass={"bdist_wheel": PlatformWheel})
