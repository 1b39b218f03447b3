"""Measures which paths are too long for any clone on Windows, wherever it lies; pure."""

TOO_LONG = "path-windows-too-long"
# Win32's MAX_PATH is 260 and includes `C:\d\` in front and a NUL at the end; git uses longer
# paths only if core.longPaths is set.
MOST = 260 - len("C:\\d\\") - 1


def windows_length(place: str, path: bytes) -> int:
    """The length of the path of a file at a mirror's place, in UTF-16 units, as Windows counts."""
    text = f"{place}/{path.decode('utf-8', 'replace')}"
    return len(text.encode("utf-16-le")) // 2
