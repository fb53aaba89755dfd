"""`svcnotes check FILE...`: what `kubectl create -f FILE...` prints on a new cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.create import create_files
from svcnotes.control_plane.yaml_reader import MAX_BYTES
from svcnotes.errors import InputError


def check(files: Sequence[str | Path], *, max_bytes: int = MAX_BYTES) -> Answer:
    """The Answer of `kubectl create` for these files, its stdout left out.

    Raises InputError for a file larger than `max_bytes`, or one that is no UTF-8 text.
    """
    texts = []
    for file in files:
        path = Path(file)
        if not path.exists():
            text = f'error: the path "{file}" does not exist\n'
            return Answer(ApiState.fresh(), "", text, 1)
        try:
            size = path.stat().st_size
            if size > max_bytes:
                raise InputError(
                    f"{file}: {size} bytes, more than the limit of {max_bytes}. "
                    f"Split the file, or raise the limit: max_bytes={size}"
                )
            texts.append((str(file), path.read_bytes().decode("utf-8-sig")))
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: cannot be read as UTF-8 text ({error})") from None
    return replace(create_files(texts, ApiState.fresh()), stdout="")
