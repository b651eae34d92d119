"""The GStreamer element `redact`, and how GStreamer comes to find it.

`element.py` runs in GStreamer's own Python, which is the distribution's; `install` leaves a
small file where GStreamer looks, which knows where this package and its libraries lie.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import redact
from redact.errors import ConfigError

DEFAULT_FOLDER = Path("~/.gstreamer-1.0/plugins")
_NAME = "redact_element.py"
_PLUGIN = '''"""Made by `redact gstreamer install`: the element `redact`, version {version}."""

import site
import sys

if sys.version_info[:2] != {python}:
    raise ImportError(
        "redact was installed for Python {dotted}, GStreamer has another one; "
        "install redact with the Python that GStreamer has, then run the installer again"
    )
known = set(sys.path)
for folder in {folders}:
    site.addsitedir(folder)
sys.path.sort(key=lambda folder: folder in known)  # these libraries before the system's

from redact.gstreamer.element import ELEMENT as __gstelementfactory__  # noqa: E402, F401
'''


def install(folder: Path = DEFAULT_FOLDER) -> Path:
    """Write the plugin file below `folder`, one of GST_PLUGIN_PATH or the user's own; returns
    where it lies. Raises ConfigError when it cannot be written."""
    path = folder.expanduser() / "python" / _NAME
    folders = [str(Path(redact.__file__).parents[1]), sysconfig.get_path("purelib")]
    text = _PLUGIN.format(
        version=redact.__version__,
        python=tuple(sys.version_info[:2]),
        dotted=".".join(map(str, sys.version_info[:2])),
        folders=list(dict.fromkeys([*folders, sysconfig.get_path("platlib")])),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def uninstall(folder: Path = DEFAULT_FOLDER) -> Path:
    """Take the plugin file away. Raises ConfigError when it is not there."""
    path = folder.expanduser() / "python" / _NAME
    try:
        path.unlink()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be removed: {error.strerror}") from error
    return path
