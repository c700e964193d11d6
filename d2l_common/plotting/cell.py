"""Display of a board in the running cell of a notebook, at a bounded rate."""

import io
import sys
from time import perf_counter
from typing import Any

# Seconds. A frame of a small figure takes 0.05 to 0.1; the first one also imports matplotlib.
FIRST_FRAME_AFTER = 0.5
FRAME_PERIOD = 0.2
# After a frame of t seconds none is drawn for 4 t, so drawing takes a fifth of the time.
PAUSE_PER_FRAME = 4.0
# An SVG grows with its points and slows down the browser; beyond this many points use a PNG.
MAX_SVG_POINTS = 10_000


class RunningCell:
    """
    Mixin that shows a board in a notebook; IPython is imported with the first frame.

    Attributes
    ----------
    display : bool
        Whether a notebook shows the board.
    data : dict
        The lines; `figure` draws them.
    """

    display: bool
    data: dict[Any, list[Any]]
    fig: Any
    axes: Any
    # The state of the running cell; see `_leave_cell`.
    _slot: Any = None
    _attached = False
    _next_frame = 0.0
    _num_shown = 0

    def figure(self) -> Any:
        """Draw the lines, and return the figure."""
        raise NotImplementedError

    def flush(self) -> None:
        """
        Show the final figure in a notebook, in place of the cell's previous frame.

        The end of a cell does the same if points have not been shown yet. Outside a notebook
        this only draws into `fig` or `axes`, if given.
        """
        if not self.display or not any(self.data.values()):
            return
        if self._attach():
            self._show()
        elif self.fig is not None or self.axes is not None:
            self.figure()

    def animate(self) -> None:
        """Show a frame if one is due; otherwise set the time of the next one."""
        start = perf_counter()
        if not self.display or start < self._next_frame:
            return
        if not self._attach():
            self._next_frame = start + FRAME_PERIOD
        elif not self._next_frame:
            self._next_frame = start + FIRST_FRAME_AFTER
        else:
            self._show()
            end = perf_counter()
            self._next_frame = end + max(FRAME_PERIOD, PAUSE_PER_FRAME * (end - start))

    def _ipython_display_(self) -> None:
        """Show the board as the result of a cell, in place of the cell's previous frame."""
        shown = self._slot is not None and self._num_points() == self._num_shown
        if not any(self.data.values()) or not self._attach():
            print(self)
        elif not shown:
            self._show()

    def _show(self) -> None:
        """Show the lines in the running cell, in place of its previous frame."""
        from IPython.display import SVG, Image, display

        figure, file = self.figure(), io.BytesIO()
        self._num_shown = self._num_points()
        image: Any
        if self._num_shown <= MAX_SVG_POINTS:
            figure.savefig(file, format="svg")
            image = SVG(data=file.getvalue().decode())
        else:
            # Twice the resolution, shown at the nominal size.
            figure.savefig(file, format="png", dpi=2 * figure.dpi)
            image = Image(data=file.getvalue(), format="png", retina=True)
        if self._slot is None:
            self._slot = display(image, display_id=True)
        else:
            self._slot.update(image)

    def _num_points(self) -> int:
        """Return the number of points on all lines."""
        return sum(map(len, self.data.values()))

    def _attach(self) -> bool:
        """Register `_end_cell` for the end of the cell; return whether this is a notebook."""
        shell = notebook_shell()
        if shell is not None and not self._attached:
            shell.events.register("post_run_cell", self._end_cell)
            self._attached = True
        return shell is not None

    def _end_cell(self, *_: Any) -> None:
        """Show the points drawn since the last frame: the 1.0.3 edition calls no `flush`."""
        shell = notebook_shell()
        if shell is not None:
            shell.events.unregister("post_run_cell", self._end_cell)
        try:
            if self.display and self._num_points() != self._num_shown:
                self._show()
        finally:
            self._leave_cell()

    def _leave_cell(self) -> None:
        """Reset the state of the running cell, so that the next cell gets a new figure."""
        self._slot = None
        self._attached = False
        self._next_frame = 0.0

    def __getstate__(self) -> dict[str, Any]:
        # A copy, such as that of a deep-copied or pickled model, is not in the running cell.
        return {**self.__dict__, "_slot": None, "_attached": False, "_next_frame": 0.0}


def notebook_shell() -> Any:
    """Return the running IPython shell if it belongs to a notebook, otherwise `None`."""
    # A notebook has imported IPython.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # IPython in a terminal has no kernel and cannot show figures.
    return shell if getattr(shell, "kernel", None) is not None else None
