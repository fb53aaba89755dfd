"""The tools of the trade on the simulated cluster: what each would print, read off the model.

`Terminal` is where they run. Nothing runs on the real machine: a command is a few words that are
read here, and answered by the same walk through the same rules that `trace` takes.
"""

from svcnotes.toolbox.output import Output
from svcnotes.toolbox.terminal import Terminal

__all__ = ["Output", "Terminal"]
