"""Everything this package raises on purpose. Whatever is raised, nothing was consumed."""


class AnalysisError(ValueError):
    """Root of the errors of this package."""


class InvalidSettings(AnalysisError):
    """The settings of release `index` cannot be judged by: correct `field` and start again."""

    def __init__(self, index: int, field: str, problem: str) -> None:
        super().__init__(f"settings of release {index}: {field} {problem}")
        self.index, self.field, self.problem = index, field, problem


class InvalidObservation(AnalysisError):
    """The tick of release `index` is not a possible observation: correct `field` and send it again."""

    def __init__(self, index: int, field: str, problem: str) -> None:
        super().__init__(f"tick of release {index}: {field} {problem}")
        self.index, self.field, self.problem = index, field, problem


class InvalidState(AnalysisError):
    """A stored state of release `index` cannot be resumed: start that release afresh, or use the version that
    wrote it.
    """

    def __init__(self, index: int, field: str, problem: str) -> None:
        super().__init__(f"state of release {index}: {field} {problem}")
        self.index, self.field, self.problem = index, field, problem
