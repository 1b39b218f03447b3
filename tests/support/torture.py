"""The torture tree: all that git can hold and a checkout, filter, editor or script would change."""

ALLOW = ["name-windows-character", "name-windows-reserved"]
"""What a mirror of these has to allow."""

FILES: dict[str | bytes, bytes | tuple[str, bytes]] = {
    "crlf.txt": b"one\r\ntwo\r\n",
    "mixed.txt": b"one\r\ntwo\nthree\rfour",
    "lf.txt": b"one\ntwo\n",
    "no-final-newline": b"no newline",
    "bom.txt": b"\xef\xbb\xbfbom\n",
    "utf16.txt": "utf16\n".encode("utf-16"),
    "empty": b"",
    "nul.bin": b"\0\1\2\xff" * 100,
    "trailing-blanks.wit": b"package a:b;   \n\t\n\n",
    "keyword.c": b"/* $Id$ $Format:%H$ */\n",
    "script.sh": ("100755", b"#!/bin/sh\nexit 0\n"),
    "link": ("120000", b"deep/er/file"),
    "link-to-nothing": ("120000", b"nowhere"),
    "link-with-newline": ("120000", b"a\nb"),
    "with blank.txt": b"blank\n",
    "'single' \"double\".txt": b"quotes\n",
    "ünïcødé-日本.txt": b"unicode\n",
    "e\u0301-nfd.txt": b"decomposed\n",
    "[x]{y}*?.txt": b"glob characters\n",
    "-dash": b"dash\n",
    "#hash": b"hash\n",
    "!bang": b"bang\n",
    ":colon": b"colon\n",
    "~tilde": b"tilde\n",
    "deep/er/file": b"deep\n",
    "a": b"sorts before a.b and a/\n",
    "a.b": b"between\n",
    "a-dir/x": b"x\n",
    "a.dir": b"y\n",
    ".gitattributes": b"* text=auto eol=crlf\n*.c ident export-subst\n*.sh filter=lfs\nutf16.txt working-tree-encoding=UTF-16\n",
    "deep/.gitattributes": b"* text eol=crlf\n",
    ".gitignore": b"*\n!.gitignore\n",
    "deep/.gitignore": b"er/\n",
    "deep/er/.gitkeep": b"",
}

NOT_UTF8: dict[str | bytes, bytes | tuple[str, bytes]] = {
    b"latin1-\xe9.txt": b"latin1\n",
    b"raw-\xff\xfe/inner": b"raw\n",
}
