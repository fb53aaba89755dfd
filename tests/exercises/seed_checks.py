"""tools/check_seeds.py and tools/answers.py, as modules for the tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent.parent / "tools")]

import answers  # noqa: E402 - tools are no package
import check_seeds  # noqa: E402

__all__ = ["answers", "check_seeds"]
