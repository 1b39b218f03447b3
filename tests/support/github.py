"""What GitHub's runner makes of a program's output."""

import re


def commands(out: str) -> list[tuple[str, dict[str, str], str]]:
    """What GitHub's runner makes of an output: (command, properties, message).

    It is read as the runner's ActionCommand.TryParseV2 does. Between `stop-commands` and its token
    nothing is a command.
    """
    found = []
    lines = iter(re.split("\r\n|\r|\n", out))
    for line in lines:
        if stop := re.fullmatch("::stop-commands::(.+)", line):
            assert f"::{stop[1]}::" in lines, "and goes on after it"
            continue
        match = re.match(r"::([^ :]+)(?: (.*?))?::(.*)$", line.lstrip())
        if match is None:
            assert "##[" not in line, "the older form of a command starts anywhere"
            continue
        pairs = (pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
        found.append(
            (match[1], {key: _unescape(value) for key, value in pairs}, _unescape(match[3]))
        )
    return found


def _unescape(text: str) -> str:
    for escaped, character in (
        ("%0D", "\r"),
        ("%0A", "\n"),
        ("%3A", ":"),
        ("%2C", ","),
        ("%25", "%"),
    ):
        text = text.replace(escaped, character)
    return text
