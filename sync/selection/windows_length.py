"""Measures which paths are too long for any clone on Windows, wherever it lies; pure."""

from sync.layout import THIRD_PARTY

TOO_LONG = "path-windows-too-long"
# Win32's MAX_PATH is 260 and includes `C:\d\` in front and a NUL at the end; git uses longer
# paths only if core.longPaths is set.
MOST = 260 - len("C:\\d\\") - 1


def windows_length(into: str, path: bytes) -> int:
    """The length of the path of a mirror's file in the host, in UTF-16 units, as Windows counts."""
    text = f"{THIRD_PARTY}/{into}/{path.decode('utf-8', 'replace')}"
    return len(text.encode("utf-16-le")) // 2
