"""One kernel lab for all stages of this process: up from the first real packet on, until no stage needs it."""

from __future__ import annotations

import atexit
import re
from weakref import WeakSet

from svcnotes.errors import SvcnotesError
from svcnotes.kernel import Lab
from svcnotes.scenarios.scene import Scene
from svcnotes.trace import Trace


class Lending:
    """A lab that is lent to stages; it stays up between settings, so that only what differs is built or loaded anew."""

    def __init__(self) -> None:
        self._lab: Lab | None = None
        self._holders: WeakSet[object] = WeakSet()

    @property
    def pid(self) -> int | None:
        """The worker's process id, None where no lab is up."""
        return self._lab.pid if self._lab else None

    def ask(self, holder: object, scene: Scene) -> Trace:
        """Put the scene's question to the kernel, for a holder who gives the lab back. Raises what the scene raises."""
        self._holders.add(holder)
        self._lab = self._lab or Lab()
        try:
            return scene.trace(self._lab)
        except SvcnotesError:
            raise
        except BaseException:
            self.close()  # broken off by Ctrl-C: what is still to come would be taken for the next answer
            raise

    def give_back(self, holder: object) -> None:
        """Need it no more; it is taken down with the last holder."""
        self._holders.discard(holder)
        if not self._holders:
            self.close()

    def close(self) -> None:
        """Take the lab down; the next question brings one up again."""
        lab, self._lab = self._lab, None
        if lab is not None:
            lab.close()


def reason(error: SvcnotesError) -> str:
    """Why there are no real packets, in a sentence; the remedy, which is the simulation, is left out."""
    return re.split(r"[;.] [Aa]sk the simulation", str(error))[0].rstrip(".") + "."


LENDING = Lending()
atexit.register(LENDING.close)
