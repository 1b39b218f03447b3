"""Which paths no clone on Windows can hold, however short the directory it lies in; pure."""

from sync.layout import THIRD_PARTY

TOO_LONG = "path-windows-too-long"
# MAX_PATH of Win32, 260, with `C:\d\` before and a NUL behind; git goes beyond only where core.longPaths says so
MOST = 260 - len("C:\\d\\") - 1


def windows_length(into: str, path: bytes) -> int:
    """How long the path of a mirror's file is in the host, as Windows counts: in units of UTF-16."""
    text = f"{THIRD_PARTY}/{into}/{path.decode('utf-8', 'replace')}"
    return len(text.encode("utf-16-le")) // 2
