"""Where submissions come from: the notebooks in a folder or a zip, with nothing followed out of it."""

from __future__ import annotations

import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from svcnotes.coursework.notebook import MAX_BYTES
from svcnotes.errors import InputError

NOTEBOOK = ".ipynb"
"""How a notebook's name ends, in small letters; some systems write it in capitals."""
MAX_FILES = 200_000
MAX_DEPTH = 8
_SKIPPED = frozenset({".ipynb_checkpoints", "__MACOSX"})
# What students hand in instead of a notebook, and should be told about.
_NO_NOTEBOOK = (".zip", ".tar", ".gz", ".7z", ".rar", ".py", ".html", ".pdf", ".docx", ".ipynb.txt", ".json")


@dataclass(frozen=True, slots=True)
class Source:
    """One file that may be a notebook: its path below the root, with /, and a file or a member of a zip.

    `refused` says why it is not read, empty where it is.
    """

    path: str
    file: Path | None = None
    archive: zipfile.ZipFile | None = field(default=None, compare=False)
    member: zipfile.ZipInfo | None = field(default=None, compare=False)
    refused: str = ""

    def read(self) -> bytes:
        """Its bytes, at most one more than MAX_BYTES; InputError where it cannot be read."""
        try:
            if self.archive is not None and self.member is not None:
                return _from_zip(self.archive, self.member)
            return _from_file(self.file or Path(self.path))
        except OSError as error:
            raise InputError(f"it cannot be opened ({error.strerror or error})") from None


def sources(root: Path) -> tuple[Source, ...]:
    """Every notebook below a folder or in a zip, sorted by path, and the files that should have been one."""
    if root.is_dir():
        found = list(_walk(root, "", 0))
    elif zipfile.is_zipfile(root):
        found = list(_members(root))
    elif root.exists():
        raise InputError(
            f"{root}: it is neither a folder nor a zip. Name nbgrader's submitted/, or the platform's zip"
        )
    else:
        raise InputError(f"{root}: there is no such folder or zip")
    return tuple(sorted(found, key=lambda source: source.path))


def _walk(folder: Path, prefix: str, deep: int) -> Iterator[Source]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if not prefix:
            raise InputError(f"{folder}: the folder cannot be opened ({error.strerror})") from None
        yield Source(f"{prefix}{NOTEBOOK}", refused=f"the folder cannot be opened ({error.strerror})")
        return
    for entry in inside:
        path = f"{prefix}{_name(entry.name)}"
        if entry.name in _SKIPPED or entry.name.startswith("."):
            continue
        if entry.is_symlink():
            yield Source(path, Path(entry.path), refused="it is a symbolic link, and links are not followed")
        elif entry.is_dir(follow_symlinks=False):
            if deep < MAX_DEPTH:
                yield from _walk(Path(entry.path), f"{path}/", deep + 1)
        elif path.lower().endswith(NOTEBOOK):
            plain = entry.is_file(follow_symlinks=False)
            yield Source(path, Path(entry.path), refused="" if plain else "it is no plain file")
        elif path.lower().endswith(_NO_NOTEBOOK):
            yield Source(path, Path(entry.path), refused="it is no notebook (.ipynb)")


def _name(name: str) -> str:
    """A file's name with what is not text in it replaced: names go into reports."""
    return os.fsencode(name).decode("utf-8", "replace")


def _from_file(path: Path) -> bytes:
    """Read a plain file; never a link or a pipe that took its place since."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InputError("it is no plain file")
        return file.read(MAX_BYTES + 1)


def _members(archive: Path) -> Iterator[Source]:
    try:
        opened = zipfile.ZipFile(archive)  # it stays open while its members are read
        members = opened.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{archive}: the zip cannot be read ({error})") from None
    if len(members) > MAX_FILES:
        raise InputError(f"{archive}: the zip has {len(members):,} members; {MAX_FILES:,} are the limit")
    seen: set[str] = set()
    for member in members:
        path = member.filename.removeprefix("./")
        parts = path.split("/")
        if member.is_dir() or any(part in _SKIPPED for part in parts):
            continue
        bad = _refusal(member, path, parts) or ("the zip has this name twice" if path in seen else "")
        if parts[-1].startswith(".") and not bad:
            continue
        seen.add(path)
        if path.lower().endswith((NOTEBOOK, *_NO_NOTEBOOK)):
            no_notebook = "" if path.lower().endswith(NOTEBOOK) else "it is no notebook (.ipynb)"
            yield Source(path, archive=opened, member=member, refused=bad or no_notebook)


def _refusal(member: zipfile.ZipInfo, path: str, parts: list[str]) -> str:
    """Why a member of a zip is not read; nothing is ever unpacked to disk, so this is about whose it is."""
    if path.startswith("/") or ":" in parts[0] or "\\" in path or ".." in parts:
        return "its name leads out of the zip"
    if len(parts) > MAX_DEPTH:
        return "it lies too deep"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a symbolic link, and links are not followed"
    if member.flag_bits & 1:
        return "it is encrypted"
    return ""


def _from_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read a member; what the zip's header says of its size is not believed, and no more than the limit is read."""
    try:
        with archive.open(member) as file:
            return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise InputError(f"the zip is damaged there ({error})") from None
