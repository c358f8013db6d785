"""Everything this package raises on purpose. Whatever is raised, nothing was consumed."""


class AnalysisError(ValueError):
    """Root of the errors of this package."""


class InvalidSettings(AnalysisError):
    """The settings of release `index` cannot be judged by: correct `field` and start again."""

    def __init__(self, index: int, field: str, problem: str) -> None:
        super().__init__(f"settings of release {index}: {field} {problem}")
        self.index, self.field, self.problem = index, field, problem


class InvalidObservation(AnalysisError):
    """A tick of release `index` (the `tick`-th of those sent at once) is not a possible observation: correct `field`
    and send it again.
    """

    def __init__(self, index: int, field: str, problem: str, tick: int = 0) -> None:
        place = f"tick {tick} of release {index}" if tick else f"tick of release {index}"
        super().__init__(f"{place}: {field} {problem}")
        self.index, self.field, self.problem, self.tick = index, field, problem, tick


class InvalidState(AnalysisError):
    """A stored state of release `index` cannot be resumed: start that release afresh, or use the version that
    wrote it.
    """

    def __init__(self, index: int, field: str, problem: str) -> None:
        super().__init__(f"state of release {index}: {field} {problem}")
        self.index, self.field, self.problem = index, field, problem
